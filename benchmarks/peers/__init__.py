"""Other ways to the same figures, for comparison with the warehouse."""
