"""A panel: one answer made ready to be looked at; page, report and digest show the same one."""
