"""The handlers: one module a page."""
