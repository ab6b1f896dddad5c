"""The match channel: what is asked for is found where the classifier sees it, whoever asks beside."""

import torch
from tiny_nano import nano_model
from torch.nn import functional as F

from videoexpert.config import MatchConfig
from videoexpert.nn.match import Matcher

CLASSES, WIDTH, FRAMES = 12, 16, 40


def matcher() -> Matcher:
    torch.manual_seed(0)
    return Matcher(MatchConfig(width=8, likeliest=4), classes=CLASSES, width=WIDTH).eval()


def showing(*events: tuple[int, int, int]) -> torch.Tensor:
    """Logits of a video that shows class c from frame a to b, for each (c, a, b), and nothing much else: [1, T, C]."""
    logits = 0.1 * torch.randn(1, FRAMES, CLASSES)
    for index, start, end in events:
        logits[0, start:end, index] += 9
    return logits


def one(query: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return query[None], torch.zeros(1, dtype=torch.long)


def test_the_channels_rise_where_the_thing_is_seen() -> None:
    match = matcher()
    channels, nearest = match.channels(showing((3, 5, 15), (7, 20, 35)), *one(match.names[3]))
    inside = torch.zeros(FRAMES, dtype=torch.bool)
    inside[5:15] = True
    for curve in channels[0]:
        assert curve[inside].min() > curve[~inside].max() + 0.5
    assert nearest.item() > 3.99  # four times a cosine of 1


def test_a_query_between_two_names_finds_both() -> None:
    match = matcher()
    both = F.normalize(match.names[3] + match.names[7], dim=-1)
    channels, _ = match.channels(showing((3, 5, 10), (7, 20, 25), (9, 30, 35)), *one(both))
    share = channels[0, 2]
    assert min(share[5:10].min(), share[20:25].min()) > 5 * share[30:35].max()


def test_a_class_that_is_not_known_is_not_seen() -> None:
    match = matcher()
    logits = showing((3, 5, 15))
    known, nearest = match.channels(logits, *one(match.names[3]))
    logits[..., 3] = -torch.inf
    hidden, other = match.channels(logits, *one(match.names[3]))
    assert torch.isfinite(hidden).all()
    assert hidden[0, 0].max() < known[0, 0].max() and other.item() < nearest.item()


def test_what_has_no_name_is_looked_for_where_nothing_is_recognised() -> None:
    """A query far from all names gains in frames that look like nothing known; a name gains nothing there."""
    match = matcher()
    logits = showing((3, 0, 10), (7, 20, 30), (9, 30, 40))
    unnamed = F.normalize(torch.randn(WIDTH), dim=-1)
    strange = torch.zeros(FRAMES, dtype=torch.bool)
    strange[10:20] = True
    for query, gains in ((unnamed, True), (match.names[3], False)):
        told = match(logits, *one(query)).class_logits[0]
        match.train()  # where each frame stands for itself, and nothing is added
        plain = match(logits, *one(query)).class_logits[0]
        match.eval()
        assert ((told - plain)[strange].min() > (told - plain)[~strange].max()) == gains


def test_a_query_that_can_be_seen_itself_is_one_more_class() -> None:
    """A class that the classifier does not know, told to it by the query's own logits, is as one that it knows."""
    match = matcher()
    logits = showing((3, 5, 15), (7, 20, 35))
    own = logits[..., 3].clone()
    known, _ = match.channels(logits, *one(match.names[3]))
    logits[..., 3] = -torch.inf
    without, _ = match.channels(logits, *one(match.names[3]))
    told, _ = match.channels(logits, *one(match.names[3]), own)
    cosine, share = 0, 2
    for curve in (cosine, share):
        inside = told[0, curve, 5:15]
        torch.testing.assert_close(inside, known[0, curve, 5:15], rtol=0.1, atol=0.0)
        assert inside.min() > 2 * without[0, curve, 5:15].max()
    assert told[0, share, 20:35].max() < 0.1


def test_the_best_frame_is_what_is_meant_where_no_name_explains_the_others() -> None:
    """All frames fit the query better than any name; some fit it far better than the others."""
    match = matcher()
    own = torch.full((1, FRAMES), 12.0)
    own[0, 5:15] = 24.0
    channels, _ = match.channels(showing(), *one(F.normalize(torch.randn(WIDTH), dim=-1)), own)
    share = channels[0, 2]
    assert share[5:15].min() > 3.9 and share[15:].max() < 1


def test_queries_that_can_be_seen_do_not_mix() -> None:
    match = matcher()
    videos = torch.cat((showing((3, 5, 15)), showing((7, 20, 30))))
    owners, queries, own = torch.tensor([1, 0]), match.names[[7, 3]], torch.randn(2, FRAMES)
    together = match(videos, queries, owners, own)
    for row, owner in enumerate(owners):
        alone = match(videos[owner][None], *one(queries[row]), own[row : row + 1])
        torch.testing.assert_close(together.scores[row : row + 1], alone.scores)


def test_queries_about_several_videos_do_not_mix() -> None:
    match = matcher()
    first, second = showing((3, 5, 15)), showing((7, 20, 30))
    owners = torch.tensor([1, 0, 1])
    queries = match.names[[3, 3, 7]]
    together = match(torch.cat((first, second)), queries, owners)
    for row, (owner, query) in enumerate(zip(owners, queries, strict=True)):
        alone = match((first, second)[owner], *one(query))
        torch.testing.assert_close(together.scores[row : row + 1], alone.scores)
        torch.testing.assert_close(together.windows[row : row + 1], alone.windows)


def test_what_is_absent_lowers_every_score() -> None:
    """Presence is a factor of the scores."""
    match = matcher()
    found = match(showing((3, 5, 15)), *one(match.names[3]))
    assert found.presence_logits is not None
    expected = found.class_logits.sigmoid() * found.presence_logits.sigmoid()
    torch.testing.assert_close(found.scores, expected)


def test_anything_is_the_best_of_what_each_class_gives() -> None:
    match = matcher()
    logits = showing((3, 5, 15), (7, 20, 35))
    found = match.anything(logits[0])
    surest = logits[0].softmax(-1).amax(0).topk(4).indices
    each = match(logits, match.names[surest], torch.zeros(4, dtype=torch.long))
    torch.testing.assert_close(found.scores[0], each.scores.amax(dim=0), atol=1e-5, rtol=0)


def test_a_model_adds_the_channel_to_its_hidden_state_path() -> None:
    model = nano_model(alone=False)
    assert model.match is not None
    frames, locs, seen = torch.randn(16, 64), torch.randn(2, 64), torch.randn(16, 24)
    queries = model.match.names[:2]
    with torch.no_grad():
        matched = model.match_frames(seen, queries)
        both = model.locate(frames, locs, seen=seen, queries=queries)
        model.match = None
        states = model.locate(frames, locs)
    torch.testing.assert_close(both.class_logits, matched.class_logits + states.class_logits)
    torch.testing.assert_close(both.span_logits, matched.span_logits + states.span_logits)
