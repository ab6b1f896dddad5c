"""What the experts and the temporal head cost, as ratios to transformers' own Llama of the same size in the same run.

    python benchmarks/model.py [--shape 135m|7b] [--device cpu|cuda] [--rounds N] [--tflops N] [--gbps N]

Weights are random and the experts merged. Prints the time of reading a prompt of about 430 tokens, of writing a token
and of ten questions in one call, and the peak memory of a process. Exits with 1 where a bound is broken. On the CPU one
thread runs, and its CPU seconds count, which other processes disturb less than the wall's. `--shape 7b --device cuda`
is the published size in bfloat16 with its vision tower; what the device can do at most (`--tflops`, dense bfloat16, and
`--gbps`, of its memory) then tells how far reading and writing are from that.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor, nn
from transformers import AddedToken, AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from videoexpert.config import LOC, VideoExpertConfig, VisionConfig
from videoexpert.features import EncodedVideo, encode_frames
from videoexpert.nn import generation
from videoexpert.nn.building import allocate, building
from videoexpert.nn.cache import PrefixCache
from videoexpert.nn.experts import ExpertLinear, merge_spatial
from videoexpert.nn.model import VideoExpert, build_model
from videoexpert.nn.vision import build_tower
from videoexpert.options import GenerationOptions
from videoexpert.predictor import Predictor
from videoexpert.prompts import grounding
from videoexpert.timeline import Source, Span
from videoexpert.windows import plan_windows
from videoexpert.wording import located_question, visual_prefix

MOST_PREFILL = 1.15
"""Times what plain Llama takes to read as many tokens."""

MOST_DECODING = 1.03
"""Times what plain Llama takes to write a token, behind as many, with the same kind of cache."""

MOST_MEMORY = 1.1
"""Times the peak of a process that reads and writes with plain Llama."""

MOST_QUERIES = 2.5
"""Times one question's time that ten take, looking at the video included."""

NAME = "random"
FRAMES, VISUAL = 100, 356
"""Frames that are looked at, and the tokens that they become."""

SECONDS = 150.0
TOKENS = 12
"""Written each time that writing is measured."""

QUERIES = tuple(
    f"the person in the {colour} coat opens the door and walks into the kitchen"
    for colour in ("red", "green", "blue", "white", "black", "brown", "grey", "pink", "orange", "purple")
)

Kind = Literal["plain", "experts"]


@dataclass(frozen=True, slots=True)
class Machine:
    """What is measured where. llm: settings of the Llama; vision: those of the tower before it."""

    device: torch.device
    dtype: torch.dtype
    llm: dict[str, Any]
    vision: VisionConfig

    def now(self) -> float:
        """Seconds: this process's CPU time on the CPU; wall time on a GPU, when all that was asked of it is done."""
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def peak(self) -> float:
        """MiB that were in use at most: of the process on the CPU, of its tensors on a GPU."""
        if self.device.type == "cpu":
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return torch.cuda.max_memory_allocated() / 2**20


SMALL = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
}
LARGE = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32001,
    "tie_word_embeddings": False,
}
TINY_VISION = VisionConfig(hidden=64, layers=2, heads=4, intermediate=256)
"""As many patches as the published tower and next to no time, so that the language model's share is what is seen."""


def machine(shape: str, device: str) -> Machine:
    llm = {"model_type": "llama", "max_position_embeddings": 2048, **(SMALL if shape == "135m" else LARGE)}
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    return Machine(torch.device(device), dtype, llm, TINY_VISION if shape == "135m" else VisionConfig())


def word_tokenizer() -> PreTrainedTokenizerFast:
    """A token for each word, about as many as Llama's tokenizer takes; which ones does not matter to the time."""
    raw = Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2}, "<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.add_tokens([AddedToken(LOC, lstrip=True, rstrip=True, normalized=False, special=False)])
    return tokenizer


def fill(model: nn.Module) -> None:
    """Random weights, in the memory that is there, as a checkpoint's would be: building makes no peak of its own."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.02)
            else:
                parameter.fill_(1)


def plain_model(on: Machine) -> PreTrainedModel:
    with building(device="meta", dtype=on.dtype):
        llm: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            AutoConfig.for_model(**on.llm), dtype=on.dtype, attn_implementation="sdpa"
        )
    allocate(llm, on.device)
    llm.tie_weights()
    fill(llm)
    return llm


def expert_model(on: Machine, loc_id: int) -> VideoExpert:
    """With the published constants beside the Llama's, its experts in the published bfloat16; one is merged."""
    config = VideoExpertConfig(llm=on.llm, loc_id=loc_id, vision=on.vision)
    model = build_model(config, device=on.device, dtype=on.dtype, experts=torch.bfloat16, initialise=False).eval()
    fill(model)
    merge_spatial(model)
    return model


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as ids. prefix: up to and with the video. ids: those behind it; the last is `[LOC]`."""

    prefix: tuple[int, ...]
    ids: tuple[int, ...]

    @property
    def begun(self) -> int:
        """Positions up to and with the video."""
        return len(self.prefix) - 1 + VISUAL

    @property
    def positions(self) -> int:
        """All positions."""
        return self.begun + len(self.ids)


def first_question(tokenizer: PreTrainedTokenizerFast) -> Asked:
    loc_id = tokenizer.get_vocab()[LOC]
    return Asked(visual_prefix(tokenizer), located_question(grounding(QUERIES[0]), tokenizer, loc_id=loc_id).ids)


class PlainLlama:
    """transformers' Llama, reading as many tokens as the other and writing behind as many."""

    def __init__(self, on: Machine, asked: Asked) -> None:
        self.on, self.asked = on, asked
        self.llm = plain_model(on).eval()  # type: ignore[no-untyped-call]
        self.begun = PrefixCache(self.llm.config.num_hidden_layers, asked.begun)
        self._run(torch.ones(1, asked.begun, dtype=torch.long, device=on.device), self.begun)

    def _run(self, ids: Tensor, cache: PrefixCache) -> Tensor:
        """The next token, [1, 1]. Only the last row is turned into logits, as `generate` of transformers does."""
        with torch.no_grad():
            logits: Tensor = self.llm(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
        return logits.argmax(dim=-1)

    def read(self) -> list[float]:
        """Seconds of reading a whole prompt, up to the next token."""
        ids = torch.ones(1, self.asked.positions, dtype=torch.long, device=self.on.device)
        began = self.on.now()
        self._run(ids, PrefixCache(self.llm.config.num_hidden_layers, self.asked.positions)).tolist()
        return [self.on.now() - began]

    def write(self) -> list[float]:
        """Seconds of each of TOKENS tokens, written behind the prefix and one more."""
        cache = self.begun.fork(1, TOKENS + 2)
        token = self._run(torch.ones(1, 1, dtype=torch.long, device=self.on.device), cache)
        times = [self.on.now()]
        for _ in range(TOKENS):
            token = self._run(token, cache)
            token.tolist()
            times.append(self.on.now())
        return [after - before for before, after in pairwise(times)]


class WithExperts:
    """VideoExpert, through the functions that its commands use."""

    def __init__(self, on: Machine, asked: Asked) -> None:
        self.on, self.asked = on, asked
        self.model = expert_model(on, asked.ids[-1])
        self.visual = torch.randn(VISUAL, on.vision.features, device=on.device)
        self.prefix = generation.prefill(self.model, self._ids(asked.prefix), self.visual)

    def _ids(self, ids: Sequence[int]) -> Tensor:
        return torch.tensor(ids, device=self.on.device)

    def read(self) -> list[float]:
        """Seconds of reading a whole prompt in one pass, up to the next token."""
        began = self.on.now()
        ids = self._ids((*self.asked.prefix, *self.asked.ids))
        with torch.no_grad():
            cache = PrefixCache(self.model.llm.config.num_hidden_layers, len(ids) - 1 + VISUAL)
            hidden = self.model(ids[None], self.visual[None], cache=cache).hidden
            self.model.logits(hidden[:, -1]).argmax(dim=-1).tolist()
        return [self.on.now() - began]

    def read_in_two(self) -> list[float]:
        """Seconds of the same with the prefix kept for other questions, as it is done for a user."""
        began = self.on.now()
        prefix = generation.prefill(self.model, self._ids(self.asked.prefix), self.visual)
        options = GenerationOptions(max_new_tokens=1)
        generation.generate(self.model, prefix, [self._ids(self.asked.ids)], options)
        return [self.on.now() - began]

    def write(self) -> list[float]:
        """Seconds of each of TOKENS tokens, written behind the prefix and one more."""
        times: list[float] = []
        options = GenerationOptions(max_new_tokens=TOKENS + 1)
        generation.generate(
            self.model, self.prefix, [self._ids([0])], options, on_step=lambda _: times.append(self.on.now())
        )
        return [after - before for before, after in pairwise(times)]


class User:
    """Who looks at 100 frames, decoded already, and asks."""

    def __init__(self, on: Machine, model: VideoExpert, tokenizer: PreTrainedTokenizerFast) -> None:
        self.on, self.compressor = on, model.config.compressor
        self.tower = build_tower(on.vision, device=on.device, dtype=on.dtype)
        self.predictor = Predictor(model, self.tower, tokenizer, name=NAME)
        size = on.vision.image_size
        self.frames = torch.randint(0, 256, (FRAMES, 3, size, size), dtype=torch.uint8)

    def ask(self, queries: int) -> list[float]:
        """Seconds from the frames to the spans of so many queries."""
        began = self.on.now()
        times = tuple(SECONDS * index / FRAMES for index in range(FRAMES))
        looked_at = Span(0, SECONDS)
        features = encode_frames(self.tower, self.compressor, self.frames, times, looked_at=looked_at)
        plan = plan_windows(SECONDS, length=None)
        video = EncodedVideo(Source("frames", SECONDS), NAME, plan, (features,))
        timelines = self.predictor.ground(video, QUERIES[:queries])
        assert len(timelines) == queries and all(timeline.moments for timeline in timelines)
        return [self.on.now() - began]


@dataclass(frozen=True, slots=True)
class Compared:
    """Median seconds of two things that were measured in turns."""

    base: float
    other: float

    @property
    def ratio(self) -> float:
        return self.other / self.base


def compare(base: Callable[[], list[float]], other: Callable[[], list[float]], rounds: int) -> Compared:
    """Measure both in turns, each first in every other round, after a round that warms up."""
    measured: dict[Callable[[], list[float]], list[float]] = {base: [], other: []}
    for number in range(rounds + 1):
        for measure in (base, other) if number % 2 else (other, base):
            seconds = measure()
            if number:
                measured[measure] += seconds
    return Compared(*(statistics.median(seconds) for seconds in measured.values()))


def peak_of(kind: Kind, shape: str, device: str) -> float:
    """MiB that a process of its own takes at most to load a model, read a prompt and write TOKENS tokens."""
    command = [sys.executable, "-P", __file__, "--shape", shape, "--device", device, "--peak-of", kind]
    return float(
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout
    )


def measure_peak(kind: Kind, on: Machine) -> float:
    """The peak of this process, in which nothing else was done."""
    tokenizer = word_tokenizer()
    asked = first_question(tokenizer)
    measured = PlainLlama(on, asked) if kind == "plain" else WithExperts(on, asked)
    measured.read()
    measured.write()
    return on.peak()


def judged(name: str, value: float, most: float, base: str, other: str) -> bool:
    """Print one ratio and what it comes from; whether it keeps its bound."""
    kept = value <= most
    verdict = "ok" if kept else "BROKEN"
    print(f"{name:<44} {base:>11} {other:>11} {value:6.3f} x (at most {most:g}) {verdict}")
    return kept


def judged_times(name: str, times: Compared, most: float) -> bool:
    return judged(name, times.ratio, most, f"{1000 * times.base:.1f} ms", f"{1000 * times.other:.1f} ms")


def print_limits(model: WithExperts, reading: float, writing: float, limits: argparse.Namespace) -> None:
    """How far reading a prompt and writing a token, seconds each, are from what the device can do at most."""
    llm, positions = model.model.llm, model.asked.positions
    settings = llm.config
    linears = [part for part in llm.modules() if isinstance(part, ExpertLinear)]
    weights = sum(linear.base.weight.numel() for linear in linears)
    experts = sum(part.numel() for linear in linears for part in linear.parameters()) - weights
    attention = settings.num_hidden_layers * settings.hidden_size * positions**2  # causal: half of the products
    flops = 2 * (weights * positions + experts * FRAMES + attention)
    head: Tensor = llm.get_output_embeddings().weight  # type: ignore[no-untyped-call]
    caches = 2 * settings.num_hidden_layers * settings.num_key_value_heads * settings.head_dim * model.asked.begun
    moved = (weights + head.numel() + caches) * head.element_size()
    print(f"reading: {positions / reading:8.0f} tokens/s, {flops / reading / 1e12:7.2f} TFLOP/s", end="")
    print(f", {flops / reading / 1e12 / limits.tflops:.0%} of {limits.tflops:g}" if limits.tflops else "")
    print(f"writing: {1 / writing:8.1f} tokens/s, {moved / writing / 1e9:7.1f} GB/s", end="")
    print(f", {moved / writing / 1e9 / limits.gbps:.0%} of {limits.gbps:g}" if limits.gbps else "")


def measure(on: Machine, options: argparse.Namespace) -> bool:
    """Print all ratios; whether every bound is kept."""
    tokenizer = word_tokenizer()
    asked = first_question(tokenizer)
    peaks = [peak_of(kind, options.shape, options.device) for kind in get_args(Kind)]
    plain, experts = PlainLlama(on, asked), WithExperts(on, asked)
    user = User(on, experts.model, tokenizer)
    size = sum(part.numel() for part in plain.llm.parameters()) / 1e6
    print(
        f"Llama of {size:.0f} M parameters in {on.dtype} on {on.device}; {asked.positions} positions, {VISUAL} visual"
    )
    reading, in_two = (compare(plain.read, read, options.rounds) for read in (experts.read, experts.read_in_two))
    writing = compare(plain.write, experts.write, options.rounds)
    questions = compare(lambda: user.ask(1), lambda: user.ask(len(QUERIES)), options.rounds)
    print(f"{'':<44} {'plain':>11} {'experts':>11}")
    verdicts = [
        judged_times("reading a prompt in one pass", reading, MOST_PREFILL),
        judged_times("reading a prompt, its prefix kept", in_two, MOST_PREFILL),
        judged_times("writing a token", writing, MOST_DECODING),
        judged("peak memory", peaks[1] / peaks[0], MOST_MEMORY, *(f"{peak:.0f} MiB" for peak in peaks)),
    ]
    print(f"{'':<44} {'1':>11} {len(QUERIES):>11}")
    verdicts.append(judged_times("100 frames to spans, questions in one call", questions, MOST_QUERIES))
    print_limits(experts, in_two.other, writing.other, options)
    return all(verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=("135m", "7b"), default="135m", help="size of the Llama (default 135m)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where it runs (default cpu)")
    parser.add_argument("--rounds", type=int, default=7, help="times to measure; medians count (default 7)")
    parser.add_argument("--tflops", type=float, metavar="N", help="the most that the device can compute")
    parser.add_argument("--gbps", type=float, metavar="N", help="the most that the device can read from its memory")
    parser.add_argument("--peak-of", choices=get_args(Kind), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    on = machine(options.shape, options.device)
    if options.peak_of:
        print(measure_peak(options.peak_of, on))
        return 0
    return 0 if measure(on, options) else 1


if __name__ == "__main__":
    raise SystemExit(main())
