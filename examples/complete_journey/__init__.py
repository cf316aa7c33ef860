"""Example: the public Complete Journey 2.0 data as landing files."""
