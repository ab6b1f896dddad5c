"""Questions, answers and their ids: what is learnt, and what the model is shown before it answers."""

import random
from pathlib import Path

import pytest
from published import write_tokenizer
from transformers import PreTrainedTokenizerFast

from videoexpert.checkpoint.tokenizers import import_tokenizer
from videoexpert.config import IGNORED, LOC, VIDEO_ID
from videoexpert.errors import DataError
from videoexpert.prompts import (
    BASED_ON,
    DESCRIPTION,
    EVIDENCE,
    GROUNDING,
    TIMESTAMPS,
    Prompt,
    Turn,
    asking,
    build_prompt,
    captioning,
    choosing,
    dialogue_text,
    grounding,
    located_dialogue,
)

SIZE = 200


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder, SIZE)
    return import_tokenizer(folder, loc_id=SIZE)


def learnt(prompt: Prompt, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The texts that are learnt, one for each stretch of labels."""
    texts, ids = [], []
    for label in (*prompt.labels, IGNORED):
        if label != IGNORED:
            ids.append(label)
        elif ids:
            texts.append(str(tokenizer.decode(ids)))
            ids = []
    return texts


def test_answers_and_their_ends_are_learnt_and_nothing_else(tokenizer: PreTrainedTokenizerFast) -> None:
    turns = [Turn("<video>\nWhat?", f"From {LOC}, a dog."), Turn("And then?", "A cat. It sleeps.")]
    prompt = build_prompt(turns, tokenizer)
    assert learnt(prompt, tokenizer) == [f"From{LOC}, a dog.</s>", "A cat. It sleeps.</s>"]
    assert all(label in (IGNORED, token) for label, token in zip(prompt.labels, prompt.ids, strict=True))
    assert prompt.ids[0] == tokenizer.bos_token_id
    assert prompt.ids.count(tokenizer.bos_token_id) == prompt.ids.count(VIDEO_ID) == 1
    assert prompt.ids.count(SIZE) == 1


def test_what_is_asked_is_the_beginning_of_what_is_learnt(tokenizer: PreTrainedTokenizerFast) -> None:
    asked = build_prompt([Turn("<video>\nWhat?")], tokenizer)
    answered = build_prompt([Turn("<video>\nWhat?", "A dog.")], tokenizer)
    assert answered.ids[: len(asked.ids)] == asked.ids
    assert set(asked.labels) == {IGNORED}
    assert learnt(answered, tokenizer) == ["A dog.</s>"]


def test_every_question_has_the_same_prefix(tokenizer: PreTrainedTokenizerFast) -> None:
    turns = [grounding("a dog"), captioning(), choosing("why", ["a", "b"]), asking("Who is it?")]
    prompts = [build_prompt([turn], tokenizer) for turn in turns]
    assert len({prompt.prefix for prompt in prompts}) == 1
    assert len({prompt.question for prompt in prompts}) == 4
    assert all(prompt.prefix + prompt.question == prompt.ids and prompt.prefix[-1] == VIDEO_ID for prompt in prompts)


@pytest.mark.parametrize("question", ["no video", "<video> and <video>"])
def test_the_video_is_named_once(question: str, tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(DataError, match="once, not"):
        build_prompt([Turn(question)], tokenizer)


def test_a_tokenizer_that_joins_question_and_answer_is_noticed(tokenizer: PreTrainedTokenizerFast) -> None:
    joining = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer.backend_tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    joining.add_tokens(["ASSISTANT: A"])
    with pytest.raises(DataError, match="the tokenizer joins"):
        build_prompt([Turn("<video>\nWhat?", "A dog.")], joining)


def test_the_conversation() -> None:
    text = dialogue_text([Turn("<video>\nWhat?", "A dog."), Turn("Where?")], end="</s>")
    assert text.endswith("questions. USER: <video>\nWhat? ASSISTANT: A dog.</s>USER: Where? ASSISTANT:")


@pytest.mark.parametrize(
    ("query", "phrase"),
    [
        ("A dog runs.", "a dog runs"),
        ("  A dog... ", "a dog"),
        ("X", "X"),
        ("Ärzte", "ärzte"),
        ("a {brace} here", "a {brace} here"),
        ("", ""),
    ],
)
def test_a_query_becomes_part_of_a_sentence(query: str, phrase: str) -> None:
    assert grounding(query).question == f"<video>\n{BASED_ON}During which frames can we see {phrase}?"


def test_choices_of_words_are_drawn_or_the_first() -> None:
    drawn = {grounding("x", choice=random.Random(seed)).question for seed in range(40)}
    assert len(drawn) == len(GROUNDING)
    assert grounding("x").question == grounding("x").question
    told = {captioning(choice=random.Random(seed)).question for seed in range(400)}
    assert len(told) == len(DESCRIPTION) * len(TIMESTAMPS)
    asked = {choosing("q", ["a"], evidence=True, choice=random.Random(seed)).question for seed in range(40)}
    assert len(asked) == len(EVIDENCE)


def test_answers_that_are_learnt() -> None:
    assert grounding("x", answered=True).answer == "From [LOC]."
    assert (
        captioning(["A dog", "Serve!", "It ends."]).answer
        == "From [LOC], A dog. From [LOC], Serve!. From [LOC], It ends."
    )
    assert choosing("q", ["a", "b"], correct=1).answer == "Option B."
    assert choosing("q", ["a", "b"], correct=0, evidence=True).answer == "From [LOC]. Option A."
    assert grounding("x").answer is captioning().answer is choosing("q", ["a"]).answer is None


def test_options_are_lettered() -> None:
    question = choosing("why did he run", ["to play", "to eat", "to hide"]).question
    assert "Question: why did he run? Option A: to play Option B: to eat Option C: to hide Considering" in question
    assert question.endswith("select the correct answer from the options (A, B, C).")
    for options in ([], ["x"] * 27):
        with pytest.raises(ValueError, match="1 to 26"):
            choosing("q", options)


def test_times_in_conversations() -> None:
    turns, names = located_dialogue(
        [
            ("When?", "<S0>  TO <e0> it runs, <s1> and <e2> it sits."),
            ("What is between <s1> and <e1>?", "From <s1> to <e1>, nothing."),
            ("Not <s1>to<e1>?", "No.   <s3> between <e3>, no! <s1> to <e1>"),
        ]
    )
    assert [turn.question for turn in turns] == ["<video>\nWhen?", "Not <s1>to<e1>?"]
    assert [turn.answer for turn in turns] == [
        "[LOC] it runs, [LOC] it sits.",
        "No. During [LOC], no! [LOC]",
    ]
    assert names == [("<s0>", "<e0>"), ("<s1>", "<e2>"), ("<s3>", "<e3>"), ("<s1>", "<e1>")]
    assert located_dialogue([]) == ([], [])


def test_prompts_check_themselves() -> None:
    for ids, labels in (((1, 2), (1, 2)), ((1, VIDEO_ID), (1,)), ((VIDEO_ID, VIDEO_ID), (1, 1))):
        with pytest.raises(ValueError, match="videos"):
            Prompt(ids, labels)


def test_text_is_kept_as_it_is(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    """Ids of a saved and reloaded tokenizer are the same."""
    tokenizer.save_pretrained(tmp_path)
    again = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    turns = [Turn("<video>\nWhat  is \t it?", f"From {LOC} , it.")]
    assert build_prompt(turns, again) == build_prompt(turns, tokenizer)
