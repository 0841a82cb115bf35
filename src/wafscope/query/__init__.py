"""What can be asked of a store, independent of its engine."""
