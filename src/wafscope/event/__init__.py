"""The event: one HTTP transaction as the engine logged it, whatever the format of the log."""
