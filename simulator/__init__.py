"""Deterministic generator of contract-shaped demo data with a planted, written-down truth."""
