"""Confidence intervals for proportions."""

import math
from typing import NamedTuple

_Z95 = 1.959963984540054


class Interval(NamedTuple):
    """Bounds of a 95 % interval."""

    low: float
    high: float


def wilson(right: float, n: int) -> Interval:
    """Return the Wilson score interval (1927) for `right` of `n`.

    It stays inside [0, 1] and keeps its coverage near 0 and 1, where the usual normal interval collapses. A fractional
    `right` (graded metrics) gives a conservative interval, since a bounded score varies no more than a Bernoulli one.

    Raises:
        ValueError: if `n` is not positive or `right` is outside [0, n].
    """
    if n <= 0 or not 0 <= right <= n:
        message = f"no interval for {right} of {n}"
        raise ValueError(message)
    p, z2 = right / n, _Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # At the ends the bound is exact; rounding would leave a trace of it.
    return Interval(0.0 if right == 0 else max(0.0, centre - half), 1.0 if right == n else min(1.0, centre + half))
