"""Race: when a candidate has lost against the leader, so that measuring it further would be idle.

The leader is the best candidate measured on the whole search split; both have answered the same items. The test is the
e-value of `promptbreeder.evidence.graded` on paired items: it may be looked at after every block, and a candidate that
is as good as one given leader is ever dropped by it with a chance of at most one in ten. (A leader that was picked as
the best on these very items is a little flattered by them.) What this file does not do: choose the winner.
"""

from collections.abc import Sequence

from promptbreeder.evidence.evalues import LOG_SUSPECTED
from promptbreeder.evidence.graded import log_e_graded


def is_shown_worse(scores: Sequence[float], leader: Sequence[float]) -> bool:
    """Tell whether the leader is better by a valid sequential test; both are scores of the same items, 0-1."""
    return log_e_graded(theirs - mine for mine, theirs in zip(scores, leader, strict=True)) >= LOG_SUSPECTED


def best_still_possible(accuracy: float, measured: int, total: int) -> float:
    """Return the accuracy over `total` items if all that are not measured yet were right."""
    return (accuracy * measured + total - measured) / total
