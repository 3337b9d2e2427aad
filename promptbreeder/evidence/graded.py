"""E-value for paired graded scores: betting on bounded differences.

The null is "the differences have a mean of at most zero, whatever came before". A bet of a fixed share of the wealth
multiplies it by 1 + share * difference: not negative, as differences are in [-1, 1], and by at most one on average
under the null, so the wealth is a test martingale and so is any mean over shares fixed beforehand (Waudby-Smith and
Ramdas 2024, "Estimating means of bounded random variables by betting").

Half of the wealth is spread evenly over shares from 0 to 1 and half is bet at 1/2. On differences of -1, 0 and 1 these
are E_mix and E_bet of `evalues`, whose thresholds hold here too. The order of the items does not matter.
"""

import math
from collections import Counter
from collections.abc import Iterable

from promptbreeder.evidence.evalues import log_mean

BETS = 50
SHARES = tuple((i + 0.5) / BETS for i in range(BETS))


def log_e_graded(differences: Iterable[float]) -> float:
    """Return the logarithm of the e-value of item-by-item differences, each in [-1, 1].

    Raises:
        ValueError: if a difference is outside [-1, 1].
    """
    counts = Counter(differences)
    for difference in counts:
        if not -1 <= difference <= 1:
            message = f"{difference} is not a difference of two scores in [0, 1]"
            raise ValueError(message)
    return log_mean([log_mean([_log_wealth(counts, share) for share in SHARES]), _log_wealth(counts, 0.5)])


def _log_wealth(counts: Counter[float], share: float) -> float:
    return math.fsum(times * math.log1p(share * difference) for difference, times in counts.items())
