"""The console: pages over the panels."""
