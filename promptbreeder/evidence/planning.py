"""How many more examples are needed: the power of the paired e-value, computed, not simulated."""

import math
from collections.abc import Iterator

from promptbreeder.evidence.evalues import LOG_SHOWN, log_e_value
from promptbreeder.evidence.exact import at_least, binomial

POWER = 0.8
MOST_EXAMPLES = 3_000
"""A difference that needs more examples than this is as good as none."""


def examples_needed(
    effect: float, discordance: float, *, better: int = 0, worse: int = 0, log_target: float = LOG_SHOWN
) -> int | None:
    """Return with how many more examples E reaches the target with a probability of 80 %.

    `effect` is the expected difference of two accuracies and `discordance` the share of examples on which just one of
    the two is right: it is never below the effect. `better` and `worse` count the discordant pairs that are there
    already. None where there is no effect, or where more than `MOST_EXAMPLES` are needed.

    Raises:
        ValueError: if the discordance is above 1 or below the effect.
    """
    if effect <= 0:
        return None
    if not effect <= discordance + 1e-9 <= 1 + 2e-9:
        message = f"no two versions differ by {effect} where they differ on {discordance} of the examples"
        raise ValueError(message)
    if log_e_value(better, worse) >= log_target:
        return 0
    discordance = min(1.0, discordance)
    walk = _chances(min(1.0, (1 + effect / discordance) / 2), better, worse, log_target)
    chances: list[float] = []

    def enough(n: int) -> bool:
        spread = 8 * math.sqrt(n * discordance * (1 - discordance)) + 1
        first, last = max(0, int(n * discordance - spread)), min(n, int(n * discordance + spread))
        chances.extend(next(walk) for _ in range(len(chances), last + 1))
        return sum(binomial(d, n, discordance) * chances[d] for d in range(first, last + 1)) >= POWER

    short, n = 0, 1
    while not enough(n):
        if n >= MOST_EXAMPLES:
            return None
        short, n = n, min(2 * n, MOST_EXAMPLES)
    while n - short > 1:
        middle = (short + n) // 2
        if enough(middle):
            n = middle
        else:
            short = middle
    return n


def _chances(share: float, better: int, worse: int, log_target: float) -> Iterator[float]:
    """Yield the chance that E has reached the target after 0, 1, 2, ... more discordant pairs."""
    wins = pairs = 0
    while True:
        # The wins that are needed never become fewer as pairs are added.
        while wins <= pairs and log_e_value(better + wins, worse + pairs - wins) < log_target:
            wins += 1
        yield at_least(wins, pairs, share)
        pairs += 1
