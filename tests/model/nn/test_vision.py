"""The vision tower against transformers' CLIP, and pixels against what they should look like."""

import pytest
import torch
from tiny_nn import tiny_config

from videoexpert.config import VisionConfig
from videoexpert.nn.pixels import prepare_pixels
from videoexpert.nn.vision import ClipTower, build_tower

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
DEVIATION = torch.tensor([0.26862954, 0.26130258, 0.27577711])


@pytest.fixture(scope="module")
def tower() -> ClipTower:
    torch.manual_seed(0)
    tower = build_tower(tiny_config().vision)
    assert isinstance(tower, ClipTower)
    return tower


def frames(count: int, height: int = 8, width: int = 8) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8)


def test_the_class_token_is_clips_image_embedding(tower: ClipTower) -> None:
    pixels = frames(5)
    cls, patches = tower.encode(pixels, keep=(0, 3), batch=2)
    expected = tower.clip(pixel_values=prepare_pixels(pixels, 8)).image_embeds
    torch.testing.assert_close(cls, expected.detach())
    assert patches.shape == (2, tower.config.patches, tower.config.features)


def test_patches_get_the_same_norm_and_projection(tower: ClipTower) -> None:
    pixels = frames(4)
    states = tower.clip.vision_model(pixel_values=prepare_pixels(pixels, 8)).last_hidden_state[:, 1:]
    normed = torch.nn.functional.layer_norm(states, states.shape[-1:]) * tower.clip.vision_model.post_layernorm.weight
    expected = (normed + tower.clip.vision_model.post_layernorm.bias) @ tower.clip.visual_projection.weight.t()
    _, patches = tower.encode(pixels, keep=range(4))
    torch.testing.assert_close(patches, expected.detach())


def test_what_is_kept_and_how_many_run_at_once_change_nothing(tower: ClipTower) -> None:
    pixels = frames(7)
    cls, patches = tower.encode(pixels, keep=range(7), batch=7)
    keep = (5, 0, 0, 6)
    for batch in (1, 3):
        again, kept = tower.encode(pixels, keep=keep, batch=batch)
        torch.testing.assert_close(again, cls)
        torch.testing.assert_close(kept, patches[list(keep)])


def test_sdpa_equals_eager(tower: ClipTower) -> None:
    eager = build_tower(tower.config, attn="eager")
    eager.load_state_dict(tower.state_dict())
    pixels = frames(3)
    torch.testing.assert_close(eager.encode(pixels, keep=(1,)), tower.encode(pixels, keep=(1,)))


def test_memory_without_values_has_its_position_ids(tower: ClipTower) -> None:
    empty = build_tower(tower.config, initialise=False)
    empty.load_state_dict(tower.state_dict())
    pixels = frames(2)
    torch.testing.assert_close(empty.encode(pixels, keep=(0,)), tower.encode(pixels, keep=(0,)))


@pytest.mark.parametrize(("height", "width"), [(224, 224), (360, 640), (640, 360), (225, 1000), (100, 60)])
def test_a_flat_colour_stays_that_colour(height: int, width: int) -> None:
    colour = torch.tensor([255, 128, 0], dtype=torch.uint8)
    pixels = prepare_pixels(colour[None, :, None, None].expand(2, 3, height, width), 224)
    assert pixels.shape == (2, 3, 224, 224)
    expected = (colour / 255 - MEAN) / DEVIATION
    torch.testing.assert_close(pixels, expected[None, :, None, None].expand_as(pixels), rtol=0, atol=1e-5)


def test_frames_of_the_right_size_are_only_normalised() -> None:
    pixels = frames(2, 224, 224)
    expected = (pixels / 255 - MEAN[:, None, None]) / DEVIATION[:, None, None]
    torch.testing.assert_close(prepare_pixels(pixels, 224), expected)


def test_the_centre_is_kept() -> None:
    """A white bar in the middle of a wide frame stays in the middle; one at the edge is cut off."""
    wide = torch.zeros(1, 3, 224, 448, dtype=torch.uint8)
    wide[..., 220:228] = 255
    wide[..., :8] = 255
    bright = prepare_pixels(wide, 224)[0, 0, 0] > 0
    assert bright.nonzero().squeeze(1).tolist() == list(range(108, 116))


def test_shrinking_does_not_flicker() -> None:
    """Fine stripes become grey: without smoothing they would become coarse stripes."""
    stripes = torch.zeros(1, 3, 1120, 1120, dtype=torch.uint8)
    stripes[..., ::2] = 255
    pixels = prepare_pixels(stripes, 224)[0] * DEVIATION[:, None, None] + MEAN[:, None, None]
    inner = pixels[:, 4:-4, 4:-4]
    assert float((inner - 0.5).abs().max()) < 0.02


def test_the_published_tower_has_clips_shape() -> None:
    clip = build_tower(VisionConfig(), device="meta").clip
    shapes = {name: tuple(parameter.shape) for name, parameter in clip.named_parameters()}
    assert shapes["visual_projection.weight"] == (768, 1024)
    assert shapes["vision_model.embeddings.position_embedding.weight"] == (257, 1024)
    assert sum(parameter.numel() for parameter in clip.parameters()) == 303_966_208
