"""nano: VideoExpert's architecture at laptop size, made of weights that the package index serves."""

from videoexpert.models.nano.making import build

__all__ = ["build"]
