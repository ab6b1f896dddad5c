"""How visual features become tokens of the language model: by a linear map, or in the words of a classifier."""

import torch
from torch import Tensor, nn

SPELLED = 6
"""How many tokens in a row spell a class's name; shorter names end in a comma and begin again."""


class PosteriorProjector(nn.Module):
    """token = posterior · words + W feature + b. words: [SPELLED, C, H], a token of the name of each class.

    posterior: the softmax of `sharpness` times the classifier's logits; a higher one hears less of what is unlikely.

    Token i of a video takes the part i mod SPELLED of the names. So where a shot shows a thing, its frames spell what
    the thing is called, over and over, and a language model can read and repeat it; a linear map alone would have to
    learn every word. The linear part starts at zero.
    """

    def __init__(self, features: int, hidden: int, *, classes: int, sharpness: float = 1.0) -> None:
        super().__init__()
        self.sharpness = sharpness
        self.linear = nn.Linear(features, hidden)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.words = nn.Parameter(torch.randn(SPELLED, classes, hidden) * hidden**-0.5)

    @property
    def out_features(self) -> int:
        """H."""
        return self.linear.out_features

    @property
    def weight(self) -> Tensor:
        """That of the linear part, [H, D]."""
        return self.linear.weight

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        """features: [B, N, D]; logits: [B, N, C], what the classifier says of them. Returns [B, N, H]."""
        chances = (self.sharpness * logits.float()).softmax(dim=-1).to(self.words.dtype)
        tokens: Tensor = self.linear(features)
        spelled = torch.zeros_like(tokens)
        for part, words in enumerate(self.words):
            spelled[:, part::SPELLED] = chances[:, part::SPELLED] @ words
        return tokens + spelled
