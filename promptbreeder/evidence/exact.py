"""Exact binomial tails and McNemar's test, stable for counts up to 100,000 and more."""

import math


def binomial(k: int, n: int, rate: float) -> float:
    """Return P(X = k) for X ~ Binomial(n, rate)."""
    if not 0 <= k <= n:
        return 0.0
    if rate in {0.0, 1.0}:
        return float(k == n * rate)
    log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(log + k * math.log(rate) + (n - k) * math.log1p(-rate))


def at_most(k: int, n: int, rate: float) -> float:
    """Return P(X <= k) for X ~ Binomial(n, rate): the one-sided p-value of `k` right of `n` against a rate at least so.

    Nine digits are right also far out in the tail, at any n up to 100,000.

    Raises:
        ValueError: if `n` is negative or the rate is outside [0, 1].
    """
    if n < 0 or not 0 <= rate <= 1:
        message = f"no binomial distribution with n = {n} and rate {rate}"
        raise ValueError(message)
    if k < 0:
        return 0.0
    if k >= n or rate == 0:
        return 1.0
    if rate == 1:
        return 0.0
    if k > n * rate:
        return 1.0 - at_most(n - k - 1, n, 1 - rate)
    # Below the mode the terms fall from k downwards.
    term, total = binomial(k, n, rate), 0.0
    for i in range(k, -1, -1):
        total += term
        term *= i * (1 - rate) / ((n - i + 1) * rate)
        if term < total * 1e-18:
            break
    return total


def at_least(k: int, n: int, rate: float) -> float:
    """Return P(X >= k) for X ~ Binomial(n, rate).

    Raises:
        ValueError: if `n` is negative or the rate is outside [0, 1].
    """
    return at_most(n - k, n, 1 - rate)


def mcnemar(better: int, worse: int) -> float:
    """Return the two-sided exact p-value of McNemar's test on the discordant pairs (1947; binomial form).

    Valid for one look at a fixed number of pairs; whoever looks again and again goes by the e-value.
    """
    return min(1.0, 2 * at_most(min(better, worse), better + worse, 0.5))
