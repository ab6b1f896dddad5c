"""A tiny CLIP in the shape and names of OpenAI's files, with a forward of its own to compare with."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn


class QuickGELU(nn.Module):
    def forward(self, states: Tensor) -> Tensor:
        return states * torch.sigmoid(1.702 * states)


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.gelu = QuickGELU()
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, states: Tensor) -> Tensor:
        projected: Tensor = self.c_proj(self.gelu(self.c_fc(states)))
        return projected


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, width // 64, batch_first=True)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = Mlp(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, states: Tensor) -> Tensor:
        normed = self.ln_1(states)
        states = states + self.attn(normed, normed, normed, need_weights=False)[0]
        result: Tensor = states + self.mlp(self.ln_2(states))
        return result


class Transformer(nn.Module):
    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.resblocks = nn.Sequential(*(Block(width) for _ in range(layers)))

    def forward(self, states: Tensor) -> Tensor:
        result: Tensor = self.resblocks(states)
        return result


class Visual(nn.Module):
    """`size` pixels in patches of `patch`; gives all tokens, normed and projected."""

    def __init__(self, *, size: int, patch: int, width: int, layers: int, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn((size // patch) ** 2 + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, layers)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.randn(width, features))

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.conv1(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(pixels), 1, -1)
        states = self.ln_pre(torch.cat((first, patches), dim=1) + self.positional_embedding)
        normed: Tensor = self.ln_post(self.transformer(states))
        return normed @ self.proj


class Clip(nn.Module):
    """The vision tower beside what else lies in such a file."""

    def __init__(self, visual: Visual) -> None:
        super().__init__()
        self.visual = visual
        self.token_embedding = nn.Embedding(5, 4)
        self.logit_scale = nn.Parameter(torch.tensor(4.6))
        self.register_buffer("input_resolution", torch.tensor(28))

    def forward(self, pixels: Tensor) -> Tensor:
        tokens: Tensor = self.visual(pixels)
        return tokens


def tiny_clip(**sizes: int) -> Clip:
    torch.manual_seed(0)
    given = {"size": 28, "patch": 14, "width": 64, "layers": 2, "features": 12} | sizes
    clip = Clip(Visual(**given)).eval()
    for part in clip.modules():
        if isinstance(part, nn.LayerNorm):
            nn.init.normal_(part.weight)
            nn.init.normal_(part.bias)
    return clip


def save_torchscript(module: nn.Module, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; OpenAI's files are not going to change
        torch.jit.script(module).save(str(path))  # type: ignore[no-untyped-call]
