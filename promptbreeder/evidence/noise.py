"""How far one prompt may lead another by chance alone."""

import math
from collections.abc import Sequence
from statistics import NormalDist

_ALPHA = 0.05


def noise_floor(differences: Sequence[float], *, compared: int) -> float:
    """Return the lead over one prompt that the best of `compared` others has by chance in one of 20 cases.

    `differences` are the two prompts' scores on the same items, one minus the other. Their spread is taken as it is
    where neither is better: two prompts that always give different answers differ on many items, and lead by chance
    alone by more than two that nearly always agree. Normal approximation, one-sided, corrected for the number of
    comparisons (Bonferroni); with fewer than some twenty items it claims a little too much.
    """
    n = len(differences)
    if n == 0:
        return 1.0
    # One item is never enough, so that no noise is never claimed.
    spread = max(sum(difference * difference for difference in differences) / n, 1 / n)
    return NormalDist().inv_cdf(1 - _ALPHA / max(1, compared)) * math.sqrt(spread / n)
