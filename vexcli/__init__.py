"""vex, the command line: what a person types and sees. Everything that computes is in `videoexpert`."""

__version__ = "0.1.0"
