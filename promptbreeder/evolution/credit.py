"""Credit: which operator is tried next, by how often each one's children beat their parents.

Thompson sampling over Beta distributions, one an operator, after Chapelle and Li, "An Empirical Evaluation of Thompson
Sampling" (2011): each operator draws a success rate that it might have, and the highest draw is tried. What is known
beforehand counts as trials already made; a floor sees to it that no operator starves for an unlucky start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

FLOOR = 0.1
"""Share of the draws that go to the operator tried least, whatever its record."""
WEIGHT = 8.0
"""Trials that a prior counts for at most: enough to steer a run of 30 children, too little to decide one of 300."""


@dataclass(frozen=True, slots=True)
class Record:
    """How an operator has done; in parts of a child where trials elsewhere count less than whole ones."""

    better: float = 0
    """Children that were fitter than their parent on the blocks that both were measured on."""
    tried: float = 0
    """Children that could be compared with their parent."""

    def __add__(self, other: "Record") -> "Record":
        """Return both records as one."""
        return Record(self.better + other.better, self.tried + other.tried)


class Credit:
    """The records of one run's operators, on top of what was known before it."""

    def __init__(self, priors: Mapping[str, Record]) -> None:
        """Begin with `priors`, by operator; of an operator without one nothing is known."""
        self._priors = dict(priors)
        self._seen: dict[str, Record] = {}

    def note(self, operator: str, *, better: bool) -> None:
        """Count one child of `operator`, named as its unit names it."""
        name, earned = credited(operator)
        self._seen[name] = self._seen.get(name, Record()) + Record(int(better and earned), 1)

    def draw(self, operators: Sequence[str], rng: Random) -> str:
        """Return the one of `operators` to try next; the earlier one of equals."""
        if rng.random() < FLOOR:
            return min(operators, key=lambda name: self._seen.get(name, Record()).tried)
        return max(operators, key=lambda name: rng.betavariate(*self._beta(name)))

    def _beta(self, name: str) -> tuple[float, float]:
        prior, seen = self._priors.get(name, Record()), self._seen.get(name, Record())
        scale = min(1.0, WEIGHT / prior.tried) if prior.tried else 0.0
        better = scale * prior.better + seen.better
        worse = scale * (prior.tried - prior.better) + seen.tried - seen.better
        return 1 + better, 1 + worse


def credited(operator: str) -> tuple[str, bool]:
    """Return the operator that a unit is counted for, and whether a success would be that operator's own.

    "first-order+phrases" is a child for which the writer found nothing and an edit stepped in, or which was changed
    further: it counts as a trial of `first-order`, and never as its success.
    """
    name, others, _ = operator.partition("+")
    return name, not others
