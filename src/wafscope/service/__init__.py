"""The service: everything that `wafscope serve` is made of, built from the settings."""
