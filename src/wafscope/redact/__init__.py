"""Secrets are masked before an event is stored: in fields, match data and raw record alike."""
