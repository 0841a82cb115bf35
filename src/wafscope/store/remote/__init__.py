"""A store that a service holds, asked over a local socket beside its file: docs/adr/0014."""
