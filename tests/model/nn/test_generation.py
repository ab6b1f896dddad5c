"""Reading and writing behind a prefix: every short cut equals the long way."""

import pytest
import torch
from tiny_nn import FRAMES, LOC_ID, prompt_ids, tiny_config, tiny_model, visual_tokens

from videoexpert.config import Attention
from videoexpert.nn.experts import merge_spatial
from videoexpert.nn.generation import (
    Generated,
    VisualPrefix,
    generate,
    log_probabilities,
    prefill,
    read,
)
from videoexpert.nn.model import VideoExpert
from videoexpert.options import GenerationOptions

PLACEHOLDER = 4
GREEDY = GenerationOptions(max_new_tokens=9)
TEXTS = [prompt_ids(12, 0, seed=7)[1:], prompt_ids(5, 0, seed=8)[1:], prompt_ids(9, 0, seed=9)[1:]]


@pytest.fixture(scope="module")
def model() -> VideoExpert:
    return tiny_model()


def prefix_of(model: VideoExpert, seed: int = 1) -> VisualPrefix:
    return prefill(model, prompt_ids(PLACEHOLDER + 1, PLACEHOLDER), visual_tokens(model, seed=seed)[0])


def whole(model: VideoExpert, text: torch.Tensor) -> torch.Tensor:
    """The prefix and a text in one pass: hidden states [S, H]."""
    ids = torch.cat((prompt_ids(PLACEHOLDER + 1, PLACEHOLDER), text))
    with torch.no_grad():
        hidden: torch.Tensor = model(ids[None], visual_tokens(model)).hidden[0]
    return hidden


def test_a_reused_prefix_equals_a_fresh_pass(model: VideoExpert) -> None:
    prefix = prefix_of(model)
    for text in TEXTS * 2:
        states = read(model, prefix, [text])[0]
        ours = torch.cat((states.predictors, states.last[None]))
        torch.testing.assert_close(ours, whole(model, text)[-len(text) - 1 :], rtol=1e-4, atol=1e-4)


def test_a_batch_of_texts_equals_one_by_one(model: VideoExpert) -> None:
    prefix = prefix_of(model)
    for together, text in zip(read(model, prefix, TEXTS), TEXTS, strict=True):
        alone = read(model, prefix, [text])[0]
        torch.testing.assert_close(together.predictors, alone.predictors, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(together.last, alone.last, rtol=1e-4, atol=1e-4)
    written = generate(model, prefix, TEXTS, GREEDY)
    assert written == [generate(model, prefix, [text], GREEDY)[0] for text in TEXTS]
    assert len({text.ids for text in written}) > 1


@pytest.mark.parametrize("merged", [False, True])
def test_written_tokens_are_the_likeliest_of_one_teacher_forced_pass(merged: bool) -> None:
    model = tiny_model()
    if merged:
        merge_spatial(model)
    prefix = prefix_of(model)
    for text in TEXTS:
        written = generate(model, prefix, [text], GREEDY)[0]
        hidden = whole(model, torch.cat((text, torch.tensor(written.ids))))
        logits = model.logits(hidden[-len(written.ids) - 1 : -1])
        assert logits.argmax(-1).tolist() == list(written.ids)


def test_stepping_gives_the_logits_of_one_pass(model: VideoExpert) -> None:
    """Each step through the cache against the same position of a whole pass."""
    prefix, text = prefix_of(model), TEXTS[0]
    states = whole(model, text)
    for step in range(1, len(text) + 1):
        last = read(model, prefix, [text[:step]])[0].last
        torch.testing.assert_close(
            model.logits(last), model.logits(states[-len(text) + step - 1]), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_sdpa_equals_eager(kv_heads: int) -> None:
    outputs = []
    for attn in ("sdpa", "eager"):
        model = tiny_model(tiny_config(num_key_value_heads=kv_heads), attn=attn)
        prefix = prefix_of(model)
        outputs.append((read(model, prefix, TEXTS), generate(model, prefix, TEXTS, GREEDY)))
    for first, second in zip(outputs[0][0], outputs[1][0], strict=True):
        torch.testing.assert_close(first.predictors, second.predictors, rtol=1e-4, atol=1e-4)
    assert outputs[0][1] == outputs[1][1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="NOT TESTED: flash attention needs CUDA")
@pytest.mark.parametrize("attn", ["flash"])
def test_flash_equals_sdpa(attn: Attention) -> None:
    pytest.importorskip("flash_attn")
    reference = tiny_model().to("cuda", torch.bfloat16)
    model = tiny_model(attn=attn).to("cuda", torch.bfloat16)
    texts = [text.cuda() for text in TEXTS]
    states = []
    for each in (reference, model):
        ids = prompt_ids(PLACEHOLDER + 1, PLACEHOLDER).cuda()
        states.append(read(each, prefill(each, ids, visual_tokens(each)[0].cuda()), texts))
    for first, second in zip(*states, strict=True):
        torch.testing.assert_close(first.predictors, second.predictors, rtol=5e-2, atol=5e-2)


def fond_of_locs(model: VideoExpert) -> VideoExpert:
    """The model, writing a [LOC] where it would have written one of its favourite tokens."""
    favourites = {text.ids[2] for text in generate(model, prefix_of(model), TEXTS, GREEDY)}
    with torch.no_grad():
        weight = model.llm.get_output_embeddings().weight  # type: ignore[no-untyped-call]
        weight[LOC_ID] = 1.1 * weight[favourites.pop()]
    return model


def test_a_written_loc_is_located_as_in_the_training_pass() -> None:
    model = fond_of_locs(tiny_model())
    prefix = prefix_of(model)
    written = generate(model, prefix, TEXTS, GenerationOptions(max_new_tokens=20))
    assert sum(len(text.loc_indices) for text in written) >= 2
    for text, draft in zip(TEXTS, written, strict=True):
        assert [draft.ids[i] for i in draft.loc_indices] == [LOC_ID] * len(draft.loc_indices)
        ids = torch.cat((prompt_ids(PLACEHOLDER + 1, PLACEHOLDER), text, torch.tensor(draft.ids)))
        with torch.no_grad():
            trained = model(ids[None], visual_tokens(model)).located
        if not draft.loc_indices:
            assert draft.located is None and trained is None
            continue
        assert draft.located is not None and draft.located.scores.shape == (len(draft.loc_indices), FRAMES)
        torch.testing.assert_close(draft.located.scores, trained.scores, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(draft.located.windows, trained.windows, rtol=1e-4, atol=1e-4)


def test_a_given_loc_is_located_even_as_the_first_token(model: VideoExpert) -> None:
    text = torch.tensor([LOC_ID, 5, LOC_ID])
    reading = read(model, prefix_of(model), [text])[0]
    ids = torch.cat((prompt_ids(PLACEHOLDER + 1, PLACEHOLDER), text))
    with torch.no_grad():
        trained = model(ids[None], visual_tokens(model)).located
    assert reading.located is not None and len(reading.located.scores) == 2
    torch.testing.assert_close(reading.located.windows, trained.windows, rtol=1e-4, atol=1e-4)


def test_writing_stops_where_each_text_ends(model: VideoExpert) -> None:
    prefix = prefix_of(model)
    free = generate(model, prefix, TEXTS, GREEDY)
    lengths = []
    for stop in sorted({token for text in free for token in text.ids}):
        ended = generate(model, prefix, TEXTS, GenerationOptions(max_new_tokens=9), stop_ids=(stop,))
        for before, after in zip(free, ended, strict=True):
            first = before.ids.index(stop) + 1 if stop in before.ids else None
            assert after.stopped == (first is not None)
            assert after.ids == before.ids[:first]
        lengths.append(tuple(len(text.ids) for text in ended))
    assert any(len(set(several)) > 1 for several in lengths)


def sampled(model: VideoExpert, texts: list[torch.Tensor], **settings: float) -> list[Generated]:
    options = GenerationOptions(max_new_tokens=9, temperature=1.5, **settings)  # type: ignore[arg-type]
    return generate(model, prefix_of(model), texts, options)


def test_a_seed_repeats_a_text_whatever_else_is_in_the_batch(model: VideoExpert) -> None:
    first = sampled(model, TEXTS, seed=3)
    assert first == sampled(model, TEXTS, seed=3)
    assert first[1:2] == sampled(model, TEXTS[1:2], seed=3)
    assert first != sampled(model, TEXTS, seed=4)


def test_a_small_top_p_leaves_the_likeliest_token(model: VideoExpert) -> None:
    assert [text.ids for text in sampled(model, TEXTS, top_p=1e-6)] == [
        text.ids for text in generate(model, prefix_of(model), TEXTS, GREEDY)
    ]


def test_a_sampled_token_is_as_frequent_as_it_is_likely(model: VideoExpert) -> None:
    prefix, text = prefix_of(model), TEXTS[1]
    likely = model.logits(read(model, prefix, [text])[0].last).softmax(-1).detach()
    counts = torch.zeros_like(likely)
    for seed in range(600):
        options = GenerationOptions(max_new_tokens=1, temperature=1.0, seed=seed)
        counts[generate(model, prefix, [text], options)[0].ids[0]] += 1
    assert float((counts / 600 - likely).abs().max()) < 0.06


def test_log_probabilities_are_those_of_the_logits(model: VideoExpert) -> None:
    text = TEXTS[0]
    found = log_probabilities(model, read(model, prefix_of(model), [text])[0])
    expected = model.logits(whole(model, text)[-len(text) - 1 : -1]).log_softmax(-1)
    torch.testing.assert_close(found, expected[range(len(text)), text], rtol=1e-4, atol=1e-4)


def test_each_step_is_told(model: VideoExpert) -> None:
    steps: list[int] = []
    generate(model, prefix_of(model), TEXTS, GREEDY, on_step=steps.append)
    assert steps == list(range(1, 10))


def test_prefixes_do_not_touch_each_other(model: VideoExpert) -> None:
    first, second = prefix_of(model, seed=1), prefix_of(model, seed=5)
    before = generate(model, first, TEXTS, GREEDY)
    generate(model, second, TEXTS, GREEDY)
    assert generate(model, first, TEXTS, GREEDY) == before


def test_what_cannot_be_asked(model: VideoExpert) -> None:
    for texts in ([], [TEXTS[0], torch.tensor([], dtype=torch.long)]):
        with pytest.raises(ValueError, match="none may be empty"):
            read(model, prefix_of(model), texts)
    for settings in ({"max_new_tokens": 0}, {"temperature": -1.0}, {"top_p": 0.0}, {"top_p": 1.5}):
        with pytest.raises(ValueError, match="must"):
            GenerationOptions(**settings)
