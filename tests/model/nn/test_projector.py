"""Frames that spell what their shot shows."""

import pytest
import torch
from torch import Tensor

from videoexpert.nn.projector import SpellingProjector

HIDDEN = 16
LENGTHS = (1, 2, 3, 3, 8)
"""Tokens of the classes' names."""


def projector() -> SpellingProjector:
    made = SpellingProjector(8, HIDDEN, classes=len(LENGTHS))
    with torch.no_grad():
        for row, length in zip(made.words, LENGTHS, strict=True):
            row[length:] = 0
    return made


def logits(*shots: tuple[dict[int, float], int]) -> Tensor:
    """Those of shots that show classes with these chances for so many frames: [T, C]."""
    rows = [[chances.get(i, 1e-6) for i in range(len(LENGTHS))] for chances, frames in shots for _ in range(frames)]
    return torch.tensor(rows).log()


def spelled(model: SpellingProjector, *shots: tuple[dict[int, float], int]) -> list[str]:
    """What each frame spells: a mark, or a letter for the class and the number of its token."""
    seen = logits(*shots)
    named = {"\n": model.marks[0], "or": model.marks[1], ",": model.marks[2]}
    named |= {f"{'abcde'[k]}{i}": model.words[k, i] for k, length in enumerate(LENGTHS) for i in range(length)}
    tokens = model(torch.randn(1, len(seen), 8), seen[None])[0]
    table = torch.stack(list(named.values()))
    assert torch.cdist(tokens, table).amin(dim=1).max() < 1e-4
    return [list(named)[i] for i in torch.cdist(tokens, table).argmin(dim=1).tolist()]


def test_a_shot_spells_its_name_over_and_over() -> None:
    assert " ".join(spelled(projector(), ({1: 0.9}, 9))) == "\n b0 b1 , b0 b1 , b0 b1"


def test_the_next_shot_begins_anew() -> None:
    assert " ".join(spelled(projector(), ({1: 0.9}, 6), ({2: 0.9}, 6))) == "\n b0 b1 , b0 b1 \n c0 c1 c2 , c0"


def test_what_cannot_be_told_apart_is_joined() -> None:
    assert " ".join(spelled(projector(), ({2: 0.5, 1: 0.4}, 9))) == "\n c0 c1 c2 or b0 b1 , c0"


def test_names_are_left_out_that_the_frames_cannot_spell() -> None:
    assert " ".join(spelled(projector(), ({2: 0.5, 4: 0.4}, 9))) == "\n c0 c1 c2 , c0 c1 c2 ,"


def test_a_long_name_is_begun_in_a_short_shot() -> None:
    assert " ".join(spelled(projector(), ({4: 1.0}, 5))) == "\n e0 e1 e2 e3"


def test_what_is_nothing_known_is_not_named() -> None:
    many = SpellingProjector(8, HIDDEN, classes=100)
    (shot,) = many.read(torch.zeros(12, 100))
    assert shot.classes == ()
    tokens = many(torch.zeros(1, 4, 8), torch.zeros(1, 4, 100))[0]
    torch.testing.assert_close(tokens, many.marks[[0, 2, 2, 2]])


def test_how_sure_it_is_adds_up_what_is_named() -> None:
    model = projector()
    sure = model.sureness(logits(({1: 0.9, 2: 0.1}, 12), ({0: 0.55, 3: 0.3, 4: 0.15}, 20)))
    torch.testing.assert_close(sure, torch.tensor([0.9] * 12 + [0.85] * 20), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("sharpness", "names"), [(1.0, 3), (3.0, 1)])
def test_a_sharper_classifier_names_less(sharpness: float, names: int) -> None:
    model = SpellingProjector(8, HIDDEN, classes=5, sharpness=sharpness)
    (shot,) = model.read(torch.tensor([[2.0, 1.0, 0.9, -1.0, -1.0]]).repeat(40, 1))
    assert shot.classes == (0, 1, 2)[:names]


def test_what_is_seen_beside_the_classes_is_added() -> None:
    model = projector()
    torch.nn.init.normal_(model.linear.weight)
    features, seen = torch.randn(1, 3, 8), torch.randn(1, 3, 5)
    difference = model(features, seen) - model(torch.zeros(1, 3, 8), seen)
    torch.testing.assert_close(difference, features @ model.weight.t())
