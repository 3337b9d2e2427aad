"""The promotion gate: what two measurements on the gate split allow one to say. Pure."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from promptbreeder.evidence.evalues import LOG_SHOWN, as_number, log_e_value
from promptbreeder.evidence.exact import mcnemar
from promptbreeder.evidence.graded import log_e_graded
from promptbreeder.evidence.intervals import wilson
from promptbreeder.evidence.planning import examples_needed
from promptbreeder.results import Accuracy

WORN_AFTER, RENEWED_SHARE = 10, 0.2
"""The gate is worn after 10 uses, and as new once 20 % of its examples are new."""


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


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions on the same gate examples, with the evidence that the challenger is better, or worse."""

    accuracy: Accuracy
    incumbent: Accuracy
    better: int
    """b: items on which the challenger scored higher."""
    worse: int
    """c: items on which the incumbent did."""
    difference: float
    spread: float
    """Mean square of the differences; without graded scores, the share of items on which the two differ."""
    graded: bool
    """Some scores lie between 0 and 1: the evidence is a bet on differences, and there is no McNemar test."""
    log_e: float
    log_e_reverse: float
    mcnemar_p: float | None
    left_out: int = 0
    """Gate examples that were not compared on: they came in by outcomes of the two versions, or stand in a prompt."""

    @property
    def n(self) -> int:
        """The number of examples."""
        return self.accuracy.n

    @property
    def e(self) -> float:
        """E-value that the challenger is better."""
        return as_number(self.log_e)

    def more_examples(self, log_target: float = LOG_SHOWN) -> int | None:
        """Return how many more gate examples let E reach the target with 80 % probability, at the difference observed.

        None if there is no difference in the challenger's favour or thousands are needed. For graded scores it is an
        approximation: that many as right-or-wrong scores of the same mean difference and spread would need.
        """
        if not self.graded:
            start = {"better": self.better, "worse": self.worse}
            return examples_needed(self.difference, self.spread, **start, log_target=log_target)
        spread = max(self.spread, self.difference)
        return examples_needed(self.difference, spread, log_target=log_target - self.log_e)


def compare(challenger: Sequence[float], incumbent: Sequence[float], left_out: int = 0) -> Comparison | None:
    """Compare item by item, both over the same items in the same order; None where there are no items.

    `left_out` counts the gate examples that are not among the items; it is told with the comparison.

    Raises:
        ValueError: if the lengths differ or a score is outside [0, 1].
    """
    counted = paired(challenger, incumbent)
    of_challenger, of_incumbent = accuracy_of(challenger), accuracy_of(incumbent)
    if of_challenger is None or of_incumbent is None:
        return None
    differences = [new - old for new, old in zip(challenger, incumbent, strict=True)]
    graded = any(score not in {0, 1} for score in (*challenger, *incumbent))
    b, c = counted.better, counted.worse
    return Comparison(
        accuracy=of_challenger,
        incumbent=of_incumbent,
        better=b,
        worse=c,
        difference=counted.difference,
        spread=sum(difference**2 for difference in differences) / counted.n,
        graded=graded,
        log_e=log_e_graded(differences) if graded else log_e_value(b, c),
        log_e_reverse=log_e_graded(-difference for difference in differences) if graded else log_e_value(c, b),
        mcnemar_p=None if graded else mcnemar(b, c),
        left_out=left_out,
    )


def told_left_out(count: int) -> str:
    """Return why so many gate examples were not compared on, and what helps; empty where there are none."""
    if not count:
        return ""
    came = "it came from an answer" if count == 1 else "they came from answers"
    stand = "stands" if count == 1 else "stand"
    return (
        f"{count} left out: {came} of the versions compared or their parents, or {stand} in their prompts; all other "
        "examples count"
    )


def uses_since_renewal(past: Sequence[AbstractSet[object]], now: AbstractSet[object]) -> int:
    """Return how often the gate set has been used since a fifth of it was last new.

    `past` holds what tells the inputs of the gate apart, at each use, oldest first; `now` the same of today. A gate
    that many candidates were judged by is itself searched, if slowly: after `WORN_AFTER` uses it is worn.
    """
    base: AbstractSet[object] = frozenset()
    uses = 0
    for inputs in (*past, now):
        if inputs and len(inputs - base) >= RENEWED_SHARE * len(inputs):
            base, uses = inputs, 0
        uses += 1
    return uses - 1


def examples_for(gate_examples: int) -> int:
    """Return about how many new examples bring so many gate examples: four in ten become one."""
    return -(-gate_examples * 10 // 4)
