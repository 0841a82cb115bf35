"""Where a site keeps its rules: the configuration of nginx, Apache or Caddy, or a file of rules alone."""
