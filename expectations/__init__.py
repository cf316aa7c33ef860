"""Great Expectations suites over a built warehouse, and the runner that judges them."""
