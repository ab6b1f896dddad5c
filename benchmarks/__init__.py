"""Speed and memory, as ratios measured in one run. Run one with `python -m benchmarks.NAME` from the checkout."""
