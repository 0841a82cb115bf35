"""Turns bytes of one format into events; no file, no store, no clock."""
