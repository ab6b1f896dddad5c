"""METEOR 1.5 from what its aligner counts (Denkowski and Lavie, 2014), for one pair or for many together."""

import numpy as np

from videoexpert.metrics.scores import FloatArray

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])
"""What a match is worth: exact, stem, synonym, paraphrase."""


def meteor(counts: FloatArray) -> float:
    """The score of pairs [n, 23] together, 0 .. 1.

    A row holds the lengths of caption and reference, the function words of each; for each kind of match the content
    words of each and the function words of each that match; then chunks, and the matches of each. A pair that
    matches as a whole counts no chunk.
    """
    whole = (counts[:, 20] == 1) & (counts[:, 21] == counts[:, 0]) & (counts[:, 22] == counts[:, 1])
    total = counts.sum(axis=0)
    chunks = total[20] - np.count_nonzero(whole)
    matches = total[4:20].reshape(4, 2, 2)  # kind, content or function, caption or reference
    share = np.array([DELTA, 1 - DELTA])
    found = np.einsum("k,c,kcs->s", WEIGHTS, share, matches)
    content, function = total[:2] - total[2:4], total[2:4]
    out_of = DELTA * content + (1 - DELTA) * function
    if not (found > 0).all():
        return 0.0
    precision, recall = found / out_of
    f = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    fragmentation = chunks / ((total[21] + total[22]) / 2)
    return float(f * (1 - GAMMA * fragmentation**BETA)) if fragmentation else float(f)
