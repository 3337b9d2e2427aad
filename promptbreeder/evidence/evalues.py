"""E-values for paired wins and losses: evidence that may be looked at after every pair.

The null is "a win is no likelier than a loss"; ties carry no evidence and drop out. Both parts are nonnegative
martingales under fair coin flips and fall short of one where losses are likelier, so by Ville's inequality the chance
that the value ever reaches 20 is at most 5 %, however often one looks and also when a test is resumed (Ramdas et al.
2023, "Game-theoretic statistics and safe anytime-valid inference").

    E_mix(w, l) = sum_{k=0..w} C(n+1, k) / ((n+1) C(n, w))     uniform mixture over win rates from 1/2 to 1, n = w + l
    E_bet(w, l) = 1.5^w 0.5^l                                  a bet on a win rate of 3/4
    E = (E_mix + E_bet) / 2

Evidence from independent data multiplies. Logarithms are natural.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

SHOWN, SUSPECTED = 20.0, 10.0
"""E-values at which "better" counts as shown, and "worse" is reason enough to stop."""
LOG_SHOWN, LOG_SUSPECTED = math.log(SHOWN), math.log(SUSPECTED)
EXACT_PAIRS = 300
"""Up to so many pairs the value is computed in integers, so that no verdict at usual sizes hangs on rounding."""
LARGEST_LOG = 700.0
"""Beyond this the exponential leaves the range of a float."""


def e_mix(wins: int, losses: int) -> Fraction:
    """Return E_mix, exact; for counts up to some thousands."""
    n = wins + losses
    term = tail = 1
    for k in range(wins):
        term = term * (n + 1 - k) // (k + 1)
        tail += term
    return Fraction(tail, (n + 1) * math.comb(n, wins))


def e_bet(wins: int, losses: int) -> Fraction:
    """Return E_bet, exact."""
    return Fraction(3**wins, 2 ** (wins + losses))


def e_value(wins: int, losses: int) -> Fraction:
    """Return E, exact; for counts up to some thousands. `log_e_value` has no such limit."""
    return (e_mix(wins, losses) + e_bet(wins, losses)) / 2


def log_e_value(wins: int, losses: int) -> float:
    """Return the logarithm of E for counts of any size.

    Raises:
        ValueError: if a count is negative.
    """
    if wins < 0 or losses < 0:
        message = f"no evidence in {wins} wins and {losses} losses"
        raise ValueError(message)
    if wins + losses <= EXACT_PAIRS:
        exact = e_value(wins, losses)
        return math.log(exact.numerator) - math.log(exact.denominator)
    return log_mean([_log_e_mix(wins, losses), wins * math.log(1.5) - losses * math.log(2)])


def as_number(log_e: float) -> float:
    """Return the e-value for show: finite also where the evidence is beyond the range of a float."""
    return math.exp(min(log_e, LARGEST_LOG))


def wins_needed(wins: int, losses: int, log_target: float = LOG_SHOWN) -> int:
    """Return the least number of further wins in a row that lifts E to the target; 0 if it is reached."""
    if log_e_value(wins, losses) >= log_target:
        return 0
    short, enough = 0, 1
    while log_e_value(wins + enough, losses) < log_target:
        short, enough = enough, 2 * enough
    while enough - short > 1:
        middle = (short + enough) // 2
        if log_e_value(wins + middle, losses) < log_target:
            short = middle
        else:
            enough = middle
    return enough


def is_futile(wins: int, losses: int, remaining: int, log_target: float = LOG_SHOWN) -> bool:
    """Tell whether even winning all remaining pairs cannot reach the target."""
    return log_e_value(wins + remaining, losses) < log_target


def log_mean(logs: Sequence[float]) -> float:
    """Return the logarithm of the mean of numbers given by their logarithms, without overflow."""
    top = max(logs)
    return top + math.log(math.fsum(math.exp(log - top) for log in logs) / len(logs))


def _log_e_mix(wins: int, losses: int) -> float:
    n = wins + losses
    if wins > losses:
        # E_mix(w, l) + E_mix(l, w) = 2^(n+1) / ((n+1) C(n, w)); the lesser one is the cheap and stable sum.
        whole = (n + 1) * math.log(2) - math.log(n + 1) - math.lgamma(n + 1)
        whole += math.lgamma(wins + 1) + math.lgamma(losses + 1)
        return whole + math.log1p(-math.exp(_log_e_mix(losses, wins) - whole))
    # C(n+1, k) / ((n+1) C(n, w)) from k = w downwards: falling terms, none above one.
    term = 1 / (losses + 1)
    total = 0.0
    for k in range(wins, -1, -1):
        total += term
        term *= k / (n + 2 - k)
        if term < total * 1e-18:
            break
    return math.log(total)
