"""How good predictions are, by the metrics of the field and their conventions. Pure functions of numbers and texts.

Predictions come as raw numbers here, not as `Span`s: what a model wrote may be reversed, empty or past the end, and
every convention says what that is worth.
"""
