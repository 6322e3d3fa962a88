"""What runs a test: guard, counter and sequencer (pure), clocks, and the loop that joins them."""
