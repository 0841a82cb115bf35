"""Where bytes come from: files, directories, archives, standard input."""
