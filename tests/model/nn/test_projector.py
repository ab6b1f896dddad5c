"""Frames that spell what they show."""

import torch

from videoexpert.nn.projector import SPELLED, PosteriorProjector


def test_frames_of_one_thing_spell_its_name_over_and_over() -> None:
    projector = PosteriorProjector(8, 16, classes=5)
    logits = torch.full((1, 2 * SPELLED + 1, 5), -30.0)
    logits[..., 2] = 30.0
    tokens = projector(torch.randn(1, 2 * SPELLED + 1, 8), logits)
    expected = projector.words[:, 2].repeat(3, 1)[: 2 * SPELLED + 1]
    torch.testing.assert_close(tokens[0], expected)


def test_an_unsure_frame_is_between_the_words() -> None:
    projector = PosteriorProjector(8, 16, classes=5)
    tokens = projector(torch.zeros(2, 1, 8), torch.zeros(2, 1, 5))
    torch.testing.assert_close(tokens[:, 0], projector.words[0].mean(dim=0).expand(2, -1))


def test_a_sharper_frame_is_nearer_to_its_likeliest_word() -> None:
    logits = torch.tensor([[[1.0, 0.0, 0.0, 0.0, 0.0]]])
    tokens = []
    for sharpness in (1.0, 2.0, 20.0):
        torch.manual_seed(0)
        projector = PosteriorProjector(8, 16, classes=5, sharpness=sharpness)
        tokens.append((projector(torch.zeros(1, 1, 8), logits)[0, 0] - projector.words[0, 0]).norm().item())
    assert tokens[0] > tokens[1] > tokens[2] and tokens[2] < 1e-5


def test_what_is_seen_beside_the_classes_is_added() -> None:
    projector = PosteriorProjector(8, 16, classes=5)
    torch.nn.init.normal_(projector.linear.weight)
    features, logits = torch.randn(1, 3, 8), torch.randn(1, 3, 5)
    difference = projector(features, logits) - projector(torch.zeros(1, 3, 8), logits)
    torch.testing.assert_close(difference, features @ projector.weight.t())
