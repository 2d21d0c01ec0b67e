"""What a run costs: estimated before, metered during. Every figure says which of the two it is."""
