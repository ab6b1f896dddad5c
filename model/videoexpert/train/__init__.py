"""Training: which parameters, on what, for how long, and a run folder that a killed run goes on from."""
