"""Fixed-window readings of the rate of right answers: has it fallen below a rate that was promised?"""

from promptbreeder.evidence.exact import at_most

WINDOW, LEAST_OUTCOMES = 50, 20
"""Readings are over the last 50 outcomes, and there is none below 20."""
ROLLBACK_RATE, ROLLBACK_P, PROBATION_P = 0.7, 0.01, 0.05
EVOLVE_RATE, EVOLVE_P = 0.8, 0.05


def calls_for_rollback(right: int, n: int, *, probation: bool) -> bool:
    """Tell whether `right` of `n` is significantly below 70 %: at .01 (50: <= 26), on probation at .05 (50: <= 29)."""
    return n >= LEAST_OUTCOMES and at_most(right, n, ROLLBACK_RATE) <= (PROBATION_P if probation else ROLLBACK_P)


def looks_below_eighty(right: int, n: int) -> bool:
    """Tell whether `right` of `n` is significantly below 80 % if looked at once (50: <= 34).

    For information only: looked at after every outcome it nearly always fires at a true 80 %. The trigger is the
    detector of `cusum`.
    """
    return n >= LEAST_OUTCOMES and at_most(right, n, EVOLVE_RATE) <= EVOLVE_P
