"""Runs the warehouse: dbt in a child process, and the command line around it."""
