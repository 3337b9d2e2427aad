"""How far apart the accuracies of prompts lie by chance alone."""

import math
from statistics import NormalDist

_ALPHA = 0.05


def noise_floor(accuracy: float, other: float, n: int, *, compared: int) -> float:
    """Return the lead over one prompt that the best of `compared` others has by chance in one of 20 cases.

    Normal approximation for two proportions on `n` items each, one-sided, corrected for the number of comparisons
    (Bonferroni). Items are the same for both, which makes real differences of prompts smaller than this: conservative.
    """
    if n <= 0:
        return 1.0
    mean = (accuracy + other) / 2
    # An item counts for half in either direction, so that no noise is never claimed.
    spread = max(mean * (1 - mean), 1 / (2 * n))
    return NormalDist().inv_cdf(1 - _ALPHA / max(1, compared)) * math.sqrt(2 * spread / n)
