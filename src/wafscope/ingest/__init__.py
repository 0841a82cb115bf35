"""From pieces of a source to a store: read, identify, count, write."""
