"""Measures the warehouse against a plain load of the same files and against a Polars script."""
