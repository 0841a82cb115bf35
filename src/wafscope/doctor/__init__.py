"""Why a log is empty or incomplete: from the site's configuration where it is found, from the log where it is not."""
