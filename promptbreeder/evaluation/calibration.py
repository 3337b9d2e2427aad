"""Calibration: what to take off each label's log-probability, so that a model's liking for some labels goes.

Contextual calibration (arXiv 2102.09690) takes off what a label gets without content, domain-context calibration
(arXiv 2309.17249) its mean over inputs of the task. Both make all labels alike, but the labels of a task are seldom
equally frequent. Here each label's mean share over the inputs becomes its frequency among the labelled examples: of six
question types one of which is asked twice in a hundred, that one is no longer answered in fifteen.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from promptbreeder.text import normalise

DOUBT = 5
"""Added to the count of each label: few examples tell little of what is frequent, and two labels that are equally
frequent must not drift apart by chance."""
_SWEEPS = 100
_CLOSE = 1e-4
"""Shares that are so near to the frequencies are those."""
_LEAST = 1e-12
"""Stands for a share too small for a logarithm."""


def frequencies(labels: Sequence[str], answers: Sequence[str | None]) -> tuple[float, ...]:
    """Return how frequent each label is among `answers`, drawn a little towards equal frequencies.

    Answers that are none of the labels count for nothing.
    """
    names = [normalise(label) for label in labels]
    seen = [normalise(answer) for answer in answers if answer is not None]
    counts = [DOUBT + seen.count(name) for name in names]
    return tuple(count / sum(counts) for count in counts)


def prior_for(rows: Sequence[Sequence[float]], wanted: Sequence[float]) -> tuple[float, ...]:
    """Return what to take off each label, in nats, so that its mean share over `rows` is what is `wanted` of it.

    `rows` are log-probabilities of the labels, one row an input; without any nothing is taken off. Iterative scaling
    from the labels' means; each sweep multiplies a label's weight by how much its mean share falls short.
    """
    if not rows:
        return (0.0,) * len(wanted)
    prior = [fmean(column) for column in zip(*rows, strict=True)]
    for _ in range(_SWEEPS):
        every = [[math.exp(share) for share in shares(row, prior)] for row in rows]
        means = [max(fmean(column), _LEAST) for column in zip(*every, strict=True)]
        if all(abs(mean - share) < _CLOSE for mean, share in zip(means, wanted, strict=True)):
            break
        prior = [value + math.log(mean / share) for value, mean, share in zip(prior, means, wanted, strict=True)]
    return tuple(prior)


def shares(logprobs: Sequence[float], prior: Sequence[float]) -> tuple[float, ...]:
    """Return the log-probability of each label among all of them once `prior` is taken off, in nats."""
    scores = [value - shift for value, shift in zip(logprobs, prior, strict=True)]
    top = max(scores)
    whole = top + math.log(math.fsum(math.exp(score - top) for score in scores))
    return tuple(score - whole for score in scores)
