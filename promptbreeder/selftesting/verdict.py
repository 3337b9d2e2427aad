"""How many false promotions are too many.

The promise is at most 5 in 100. A count is held against it only if so many would come in fewer than 1 of 100 self-tests
of a rule that is wrong in exactly 5 of 100 cases (one-sided exact binomial test). Without that margin a rule that keeps
its word to the letter would fail every other self-test. Of 200 loops 19 are too many, of 1,000 vote tests 68; a rule
that is wrong in 12 of 100 cases is caught by 200 loops with a probability of nine in ten.
"""

from promptbreeder.evidence.exact import at_least
from promptbreeder.evidence.intervals import wilson
from promptbreeder.results import NullCase

PROMISED, LEVEL = 0.05, 0.01


def is_too_many(false: int, n: int) -> bool:
    """Tell whether `false` of `n` is distinguishable from, and above, the promised rate."""
    return at_least(false, n, PROMISED) <= LEVEL


def null_case(name: str, false: int, n: int, **naive: int) -> NullCase:
    """Return what is to be said of `false` promotions, or wins, of `n`; `naive` counts those of simpler rules."""
    low, high = wilson(false, n)
    return NullCase(
        name=name,
        false=false,
        n=n,
        rate=false / n,
        low=low,
        high=high,
        p=at_least(false, n, PROMISED),
        kept=not is_too_many(false, n),
        naive=naive,
    )
