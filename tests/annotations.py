"""Small annotation files in every known format: a good one each, and what is done to it to make it bad."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videoexpert.data.formats import DataFormat
from videoexpert.data.reading import Annotations, read_records

DURATIONS = "id,length\n3MSZA,30.96\nAKO6M,18.58\n"


def native(**change: Any) -> str:
    video = {"path": "clip.mp4", "duration": 10.0}
    line = {"schema": "vex.results/1", "video": video, "task": "ground", "query": "a dog"}
    return json.dumps(line | {"moments": [{"start": 1.0, "end": 2.5}]} | change)


def qvhighlights(**change: Any) -> str:
    line = {"qid": 8737, "query": "A family plays.", "duration": 126, "vid": "bP5K_660.0_810.0"}
    windows = {"relevant_windows": [[0, 4]], "relevant_clip_ids": [0, 1], "saliency_scores": [[4, 1, 1], [4, 2, 0]]}
    return json.dumps(line | windows | change)


def captions(**change: Any) -> str:
    video = {
        "duration": 55.15,
        "timestamps": [[13.79, 54.32], [0.28, 55.15]],
        "sentences": ["  He lifts\nit.", "Café."],
    }
    return json.dumps({"v_uqi": video | change}, ensure_ascii=False)


def conversation(**change: Any) -> str:
    turns = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "From <s0> to <e0>, a cat sleeps."}]
    item = {"video_id": "a.mp4", "conversations": turns, "meta": {"duration": 54.2, "token": {"<s0>": 0, "<e0>": 9.4}}}
    return json.dumps([item | change], indent=1)


def nextqa_json(**change: Any) -> str:
    item = {"video": "124", "question": "what is blue?", "num_option": 2, "a0": "sky", "a1": "sea", "answer": "1"}
    return json.dumps([item | {"timestamps": [[3.1, 9.0]], "duration": 40.0} | change])


CHARADES = "3MSZA 24.3 30.4##person turn a light on.\n"
NEXTGQA = (
    "video_id,frame_count,width,height,question,answer,qid,type,a0,a1,a2\n"
    '257,719,320,240,what did the baby do,"lay, on floor",8,TN,clap,"lay, on floor","lay, on floor"\n'
)
GSUB = '{"257": {"duration": 35, "location": {"8": [[-0.1, 12.6], [29.1, 34.8]]}, "fps": 29.97}}'
SRT = "1\n00:00:01,000 --> 00:00:02,500\n<i>Hello</i>\nthere\n\n2\n00:00:05,000 --> 00:00:06,000\nYes\n"
VTT = (
    "WEBVTT\n\nNOTE a note\n\nid\n00:01.000 --> 00:02.500 align:start\n<v Bob>Tom &amp; Jerry\n\n"
    "00:05.000 --> 00:06.000\nYes\n"
)


@dataclass(frozen=True)
class Excerpt:
    """format: what it is. name: of its file. text: a good one. bad: texts with one mistake, by what it is, with the
    line that is to blame and words of the message."""

    format: DataFormat
    name: str
    text: str
    bad: dict[str, tuple[str, int, str]] = field(default_factory=dict)


EXCERPTS = (
    Excerpt(
        "native",
        "native.jsonl",
        native(),
        {
            "missing field": (native().replace('"task"', '"tsk"'), 1, "tsk"),
            "wrong type": (native(query=5), 1, '"query" must be a text in quotes'),
            "reversed": (native(moments=[{"start": 3, "end": 2}]), 1, "lies before"),
            "beyond": (native(moments=[{"start": 3, "end": 12}]), 1, "after the end of the video"),
            "NaN": (native(moments=[{"start": float("nan"), "end": 2}]), 1, "NaN"),
            "broken JSON": (native() + "\n" + native()[:-9], 2, "broken JSON"),
            "empty": (native(query=" "), 1, '"query" is empty'),
            "dialogue": (native(dialogue=[{"question": "a", "answer": "b"}]), 1, "0 [LOC] but there are 1 moments"),
        },
    ),
    Excerpt(
        "qvhighlights",
        "highlight_val.jsonl",
        qvhighlights(),
        {
            "missing field": (qvhighlights().replace('"duration"', '"durations"'), 1, 'no "duration"'),
            "wrong type": (qvhighlights(relevant_windows="0-16"), 1, '"relevant_windows" must be a list'),
            "no pair": (qvhighlights(relevant_windows=[[1, 2, 3]]), 1, "two numbers"),
            "reversed": (qvhighlights(relevant_windows=[[16, 2]]), 1, "16 .. 2 is reversed"),
            "beyond": (qvhighlights(relevant_windows=[[16, 200]]), 1, "outside the video"),
            "NaN": (qvhighlights(relevant_windows=[[float("nan"), 200]]), 1, "NaN"),
            "broken JSON": (qvhighlights() + "\n" + qvhighlights()[:-9], 2, "broken JSON"),
            "empty": (qvhighlights(query=" "), 1, '"query" is empty'),
            "clip outside": (qvhighlights(relevant_clip_ids=[0, 99]), 1, "clip 99 lies outside"),
            "clips": (qvhighlights(relevant_clip_ids=[0]), 1, "holds 2 clips"),
        },
    ),
    Excerpt(
        "charades-sta",
        "charades_sta_test.txt",
        CHARADES,
        {
            "missing field": (CHARADES + "3MSZA 24.3##person\n", 2, "not a line of Charades-STA"),
            "wrong type": (CHARADES + "3MSZA a 2##person\n", 2, "a time must be a number, not 'a'"),
            "reversed": ("3MSZA 8.0 7.0##person\n", 1, "8 .. 7 is reversed"),
            "beyond": ("3MSZA 8.0 70.0##person\n", 1, "outside the video"),
            "NaN": ("3MSZA nan 7.0##person\n", 1, "not finite"),
            "empty": ("3MSZA 1 7.0## \n", 1, "the sentence is empty"),
            "unknown length": ("XXXXX 1 7.0##person\n", 1, 'nothing says how long "XXXXX" is'),
        },
    ),
    Excerpt(
        "activitynet",
        "val_1.json",
        captions(),
        {
            "missing field": (captions().replace('"timestamps"', '"times"'), 1, 'no "timestamps"'),
            "wrong type": (captions(sentences=["a", 5]), 1, "must be a text in quotes"),
            "reversed": (captions(timestamps=[[1, 2], [5, 4]]), 1, '"v_uqi": the span 5 .. 4 is reversed'),
            "zero": (captions(timestamps=[[1, 2], [5, 5]]), 1, "the span 5 .. 5 is empty"),
            "beyond": (captions(timestamps=[[1, 2], [5, 59]]), 1, "outside the video"),
            "NaN": (captions(timestamps=[[1, 2], [5, float("nan")]]), 1, "NaN"),
            "broken JSON": (captions()[:-1] + ',\n"v_2": {"duration": 1,\n}}', 2, "broken JSON"),
            "empty": (captions(sentences=["a", " \n"]), 1, "is empty"),
            "lengths": (captions(sentences=["a"]), 1, "2 timestamps but 1 sentences"),
        },
    ),
    Excerpt(
        "nextqa",
        "nextqa.json",
        nextqa_json(),
        {
            "missing field": (nextqa_json().replace('"a1"', '"b1"'), 1, 'no "a1"'),
            "wrong type": (nextqa_json(answer=[]), 1, '"answer" must be a number'),
            "no option": (nextqa_json(answer="7"), 1, "one of the 2 options"),
            "reversed": (nextqa_json(timestamps=[[3, 1]]), 1, "reversed"),
            "beyond": (nextqa_json(timestamps=[[3, 99]]), 1, "outside the video"),
            "NaN": (nextqa_json(timestamps=[[3, float("nan")]]), 1, "NaN"),
            "broken JSON": (nextqa_json()[:-1], 1, "broken JSON"),
        },
    ),
    Excerpt(
        "nextgqa",
        "test.csv",
        NEXTGQA,
        {
            "missing field": (NEXTGQA + "258,719\n", 3, "2 columns instead of 11"),
            "wrong answer": (NEXTGQA.replace(',"lay, on floor",8', ",fly,8"), 2, '"fly" is none of the options'),
            "bad quote": (NEXTGQA + '258,"a"b\n', 3, "no row of a CSV file"),
        },
    ),
    Excerpt(
        "conversation",
        "ActivityNet.json",
        conversation(),
        {
            "missing field": (conversation().replace('"video_id"', '"id"'), 2, 'no "video_id"'),
            "missing time": (conversation(meta={"duration": 5, "token": {"<s0>": 1}}), 16, 'no "<e0>"'),
            "wrong type": (conversation(conversations={}), 4, '"conversations" must be a list'),
            "out of turn": (conversation(conversations=[{"from": "gpt", "value": "a"}]), 6, '"human" must speak here'),
            "reversed": (conversation(meta={"duration": 5, "token": {"<s0>": 2, "<e0>": 1}}), 17, "reversed"),
            "beyond": (conversation(meta={"duration": 5, "token": {"<s0>": 1, "<e0>": 8}}), 17, "outside"),
            "NaN": (conversation(meta={"duration": 5, "token": {"<s0>": 1, "<e0>": float("nan")}}), 18, "NaN"),
            "broken JSON": (conversation()[:-2], 21, "broken JSON"),
        },
    ),
    Excerpt(
        "srt",
        "clip.srt",
        SRT,
        {
            "wrong type": (SRT + "\n3\n00:00:xx --> 3\nWhat\n", 11, "not times of a cue"),
            "reversed": (SRT + "\n3\n00:00:08,000 --> 00:00:07,000\nWhat\n", 11, "8 .. 7 is reversed"),
            "beyond": (SRT + "\n3\n00:01:08,000 --> 00:01:09,000\nWhat\n", 11, "outside the video"),
            "empty": (SRT + "\n3\n00:00:08,000 --> 00:00:09,000\n<b></b>\n", 11, "a subtitle is empty"),
            "stray": ("Words\n\n" + SRT, 1, "text without a time"),
        },
    ),
    Excerpt(
        "vtt",
        "clip.vtt",
        VTT,
        {
            "wrong type": (VTT + "\n0x --> 3\nWhat\n", 12, "not times of a cue"),
            "reversed": (VTT + "\n00:08.000 --> 00:07.000\nWhat\n", 12, "8 .. 7 is reversed"),
            "beyond": (VTT + "\n01:08.000 --> 01:09.000\nWhat\n", 12, "outside the video"),
            "empty": (VTT + "\n00:08.000 --> 00:09.000\n<b></b>\n", 12, "a subtitle is empty"),
            "stray": (VTT + "\nWords\n", 12, "text without a time"),
        },
    ),
)


def write(folder: Path, excerpt: Excerpt, data: str | bytes | None = None) -> Path:
    """A file with the excerpt, or with `data` in its place, and what it needs beside it."""
    (folder / "durations.csv").write_text(DURATIONS)
    (folder / "gsub_test.json").write_text(GSUB)
    path = folder / excerpt.name
    content = excerpt.text if data is None else data
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **options: Any) -> Annotations:
    """`read_records` with the durations that `write` put beside the file."""
    return read_records([path], durations=path.parent / "durations.csv", **options)
