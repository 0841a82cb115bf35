"""Wafscope: read ModSecurity and Coraza audit logs, see what the firewall saw, tune it with proof."""

__version__ = "0.1.0"
