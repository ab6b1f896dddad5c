"""nano before its training, and what of it is shipped afterwards."""

import torch
from torch import Tensor, nn

from videoexpert.checkpoint.names import base_name
from videoexpert.checkpoint.sentences import Sentences
from videoexpert.models.nano.making import Ingredients
from videoexpert.models.nano.timelines import TimelineMaker
from videoexpert.models.nano.words import Vocabulary
from videoexpert.nn.experts import LowRank
from videoexpert.nn.match import Matcher
from videoexpert.nn.model import VideoExpert, build_model


def start_model(ingredients: Ingredients, words: Vocabulary, sentences: Sentences, *, seed: int) -> VideoExpert:
    """nano: the parts as they are, a new match channel and new experts, in float32. `[LOC]` is the mean of all words.

    The channel and the experts depend on the seed alone, so that either stage can be run again without the other.
    """
    config = ingredients.config
    model = build_model(config, dtype=torch.float32)
    assert model.match is not None and config.match is not None and config.sentences is not None
    torch.manual_seed(seed)
    model.match = Matcher(config.match, classes=len(words.names), width=config.sentences.hidden)
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, LowRank):
            module.reset_parameters()
    fixed = ingredients.fixed()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            known = base_name(name)
            if known is not None and known in ingredients.base:
                stored = ingredients.base[known].read()
                parameter[: len(stored)] = stored
            elif name in fixed:
                parameter.copy_(fixed[name].read())
        table = model.llm.get_input_embeddings()
        assert isinstance(table, nn.Embedding)
        loc = config.loc_id
        table.weight[loc] = table.weight[:loc].mean(dim=0)
        model.match.names.copy_(sentences.vectors(words.labels))
    return model


def timeline_maker(model: VideoExpert, *, seed: int, doubtful: float = 0.0) -> TimelineMaker:
    """What draws timelines for a model, from its classifier. doubtful: see `TimelineMaker`."""
    assert model.classifier is not None
    weight, bias = (parameter.detach().cpu() for parameter in (model.classifier.weight, model.classifier.bias))
    return TimelineMaker(weight, bias, frames=model.config.frames, seed=seed, doubtful=doubtful)


def trained_tensors(model: VideoExpert, ingredients: Ingredients) -> dict[str, Tensor]:
    """What is shipped: everything that is neither the base's nor a part's, and the row of `[LOC]`, in float16."""
    fixed = ingredients.fixed()
    tensors: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        known = base_name(name)
        if known is None or known not in ingredients.base:
            if name not in fixed:
                tensors[name] = parameter
        elif len(parameter) > (rows := ingredients.base[known].shape[0]):
            tensors[f"{name}:new_rows"] = parameter[rows:]
    return {name: tensor.detach().cpu().to(torch.float16).contiguous() for name, tensor in tensors.items()}
