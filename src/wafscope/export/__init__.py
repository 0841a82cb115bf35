"""From events to what other programs read: ECS, OCSF, JSON lines, CSV."""
