"""VideoExpert: a video LLM that says what happens in a video and when.

Names are imported when they are first used, so that importing the package costs nothing.
"""

from typing import TYPE_CHECKING

from videoexpert.lazy import lazily

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

__getattr__, __dir__ = lazily(__name__, _HOMES)
