"""The promotion gate: what two measurements on the gate split allow one to say. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from promptbreeder.evidence.intervals import wilson
from promptbreeder.results import Accuracy
from promptbreeder.skill import MIN_GATE_EXAMPLES


def accuracy_of(scores: Sequence[float]) -> Accuracy | None:
    """Return the accuracy of item scores with its Wilson interval, or None where there are no items."""
    if not scores:
        return None
    right = sum(scores)
    low, high = wilson(right, len(scores))
    return Accuracy(accuracy=right / len(scores), low=low, high=high, n=len(scores))


class Paired(NamedTuple):
    """Two versions on the same items."""

    better: int
    """Items on which the challenger scored higher."""
    worse: int
    n: int
    difference: float
    """Challenger's accuracy minus the incumbent's."""


def paired(challenger: Sequence[float], incumbent: Sequence[float]) -> Paired:
    """Compare item by item; both sequences are over the same items in the same order."""
    pairs = list(zip(challenger, incumbent, strict=True))
    return Paired(
        better=sum(new > old for new, old in pairs),
        worse=sum(new < old for new, old in pairs),
        n=len(pairs),
        difference=sum(new - old for new, old in pairs) / len(pairs) if pairs else 0.0,
    )


class GateVerdict(NamedTuple):
    """Whether the gate lets a version pass, and why, in one sentence."""

    passes: bool
    sentence: str


def judge(challenger: Sequence[float], incumbent: Sequence[float]) -> GateVerdict:
    """Return the gate's verdict on two paired measurements.

    A version passes when its estimate is not below production's and there are enough gate examples to speak of an
    estimate at all.
    """
    compared = paired(challenger, incumbent)
    if compared.n < MIN_GATE_EXAMPLES:
        return GateVerdict(
            passes=False,
            sentence=f"Insufficient evidence: {compared.n} gate examples, {MIN_GATE_EXAMPLES} are the least; about "
            f"{_examples_for(MIN_GATE_EXAMPLES - compared.n)} more examples are needed (four in ten become gate "
            "examples).",
        )
    facts = (
        f"{compared.difference * 100:+.1f} points on {compared.n} gate examples ({compared.better} better, "
        f"{compared.worse} worse)"
    )
    if compared.difference < 0:
        return GateVerdict(passes=False, sentence=f"Below production: {facts}.")
    if compared.difference == 0:
        return GateVerdict(passes=True, sentence=f"Not distinguishable from production: {facts}.")
    return GateVerdict(passes=True, sentence=f"Ahead of production: {facts}.")


def _examples_for(gate_examples: int) -> int:
    return -(-gate_examples * 10 // 4)
