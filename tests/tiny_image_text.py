"""Very small CLIPs and SigLIPs as folders of Hugging Face: random, or taught what a few colours look like."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast, SiglipConfig, SiglipModel

from videoexpert.nn.pixels import prepare_pixels

COLOURS = {
    "red": (200, 30, 30),
    "green": (30, 170, 40),
    "blue": (30, 40, 200),
    "yellow": (220, 210, 40),
    "black": (10, 10, 10),
    "white": (245, 245, 245),
}
WORDS = ("<pad>", "<unk>", "<s>", "</s>", "a", "photo", "video", "of", ".", ",", *COLOURS)
SIZE = 32
_SIDE = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
_TEXT = _SIDE | {"vocab_size": len(WORDS), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
_VISION = _SIDE | {"image_size": SIZE, "patch_size": 16}
_BLUR = 12


def random_clip() -> CLIPModel:
    text = _TEXT | {"max_position_embeddings": 20}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=_VISION, projection_dim=16))
    model.train(False)
    return model


def random_siglip() -> SiglipModel:
    text = _TEXT | {"max_position_embeddings": 12}
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = SiglipModel(SiglipConfig(text_config=text, vision_config=_VISION))
    model.train(False)
    return model


def colour_clip() -> CLIPModel:
    """A CLIP that knows colours by their names, and takes every other word for grey noise."""
    model: Any = random_clip()
    model.train()
    model.logit_scale.data.fill_(math.log(30))  # so that logits differ as much as those of a large one
    with torch.random.fork_rng():
        torch.manual_seed(5)
        optimiser = torch.optim.AdamW(model.parameters(), 2e-3)
        tokenizer = word_tokenizer(clip=True)
        for step in range(600):
            prompt = ("{}", "a photo of {}.", "a video of {}.", "a {}, a thing")[step % 4]
            words = [*COLOURS, "thing"]
            ids = torch.tensor([read.ids for read in tokenizer.encode_batch([prompt.format(word) for word in words])])
            logits = model(input_ids=ids, pixel_values=_pictures()).logits_per_text
            right = torch.arange(len(words))
            loss = F.cross_entropy(logits, right) + F.cross_entropy(logits.t(), right)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    assert loss.item() < 0.05
    model.train(False)
    return model  # type: ignore[no-any-return]


def _pictures() -> Tensor:
    """One of each colour, about, and one of grey noise, as CLIP takes them."""
    plain = torch.tensor(list(COLOURS.values()), dtype=torch.float32)[..., None, None]
    frames = plain + _BLUR * torch.randn(len(COLOURS), 3, 1, 1) + _BLUR * torch.randn(len(COLOURS), 3, SIZE, SIZE)
    noise = 128 + 50 * torch.randn(1, 1, SIZE, SIZE).expand(1, 3, SIZE, SIZE)
    return prepare_pixels(torch.cat((frames, noise)).clamp(0, 255).to(torch.uint8), SIZE)


def word_tokenizer(*, clip: bool) -> Tokenizer:
    """Word by word. CLIP's texts begin and end with a mark, SigLIP's end with one."""
    raw = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<unk>"))
    raw.normalizer = normalizers.Lowercase()
    raw.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    marks = [("<s>", 2), ("</s>", 3)] if clip else [("</s>", 3)]
    single = "<s> $A </s>" if clip else "$A </s>"
    raw.post_processor = processors.TemplateProcessing(single=single, special_tokens=marks)
    return raw


def write_image_text(model: CLIPModel | SiglipModel, folder: Path) -> Path:
    """The folder of an encoder."""
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=word_tokenizer(clip=isinstance(model, CLIPModel)), pad_token="<pad>", eos_token="</s>"
    ).save_pretrained(folder)
    assert json.loads((folder / "config.json").read_bytes())["model_type"] in ("clip", "siglip")
    return folder


def write_colours(file: Path, shown: Sequence[tuple[str, float]], *, rate: int = 10) -> None:
    """A video that shows colours, by their names, for so many seconds each; "" is grey noise."""
    drawn = np.random.default_rng(0)
    with av.open(str(file), "w") as film:
        stream = film.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 180, "yuv420p", 2_000_000
        for name, seconds in shown:
            for _ in range(round(seconds * rate)):
                plain = np.array(COLOURS[name]) if name else 128 + 50 * drawn.standard_normal((180, 320, 1))
                pixels = np.clip(plain + 8 * drawn.standard_normal((180, 320, 3)), 0, 255).astype(np.uint8)
                film.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        film.mux(stream.encode())
