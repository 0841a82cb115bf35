"""The rules of a site: its configuration files, as their engines read them."""
