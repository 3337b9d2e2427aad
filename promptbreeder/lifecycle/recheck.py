"""Re-check: is production worse on a model that has changed than it was on the model before? Pure.

Both measurements are of one prompt on the same examples, and this is one look at them: McNemar's exact test says
whether the difference is more than chance.
"""

from collections.abc import Sequence

from promptbreeder.evidence.evalues import as_number
from promptbreeder.lifecycle.gate import compare, told_left_out
from promptbreeder.results import Recheck

FALLEN_P = 0.05
FALLEN_E = 20.0
"""Graded scores have no McNemar test: there the bet on differences must have grown this far."""


def judge_change(after: Sequence[float], before: Sequence[float], left_out: int = 0) -> Recheck | None:
    """Compare scores on the model of today with those on the model before, item by item; None without items."""
    compared = compare(after, before, left_out)
    if compared is None:
        return None
    p = compared.mcnemar_p
    significant = as_number(compared.log_e_reverse) >= FALLEN_E if p is None else p <= FALLEN_P
    fallen = compared.difference < 0 and significant
    told = "significantly worse" if fallen else "not significantly worse"
    without = f"; {told_left_out(left_out)}" if left_out else ""
    return Recheck(
        before=compared.incumbent,
        after=compared.accuracy,
        better=compared.better,
        worse=compared.worse,
        p=p,
        fallen=fallen,
        left_out=left_out,
        sentence=(
            f"The model has changed: production is {told} on it, {compared.incumbent} -> {compared.accuracy} on the "
            f"same gate examples ({compared.better} better, {compared.worse} worse{without})"
        ),
    )
