"""VideoExpert: a video LLM that says what happens in a video and when.

Names are imported when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videoexpert.features import EncodedVideo
    from videoexpert.options import GenerationOptions, GroundingOptions, HighlightOptions, WindowOptions
    from videoexpert.predictor import Predictor, load_predictor
    from videoexpert.progress import Step
    from videoexpert.timeline import Answer, Moment, Provenance, Saliency, Source, Span, Timeline

_HOMES = {
    "Answer": "timeline",
    "EncodedVideo": "features",
    "GenerationOptions": "options",
    "GroundingOptions": "options",
    "HighlightOptions": "options",
    "Moment": "timeline",
    "Predictor": "predictor",
    "Provenance": "timeline",
    "Saliency": "timeline",
    "Source": "timeline",
    "Span": "timeline",
    "Step": "progress",
    "Timeline": "timeline",
    "WindowOptions": "options",
    "load_predictor": "predictor",
}

__all__ = [
    "Answer",
    "EncodedVideo",
    "GenerationOptions",
    "GroundingOptions",
    "HighlightOptions",
    "Moment",
    "Predictor",
    "Provenance",
    "Saliency",
    "Source",
    "Span",
    "Step",
    "Timeline",
    "WindowOptions",
    "load_predictor",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
