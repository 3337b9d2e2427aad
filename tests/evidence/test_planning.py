"""How many examples are needed: against an exact enumeration, and the table of the documentation."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptbreeder.evidence.evalues import LOG_SHOWN, log_e_value
from promptbreeder.evidence.planning import MOST_EXAMPLES, POWER, examples_needed


def power(n: int, effect: float, discordance: float, better: int = 0, worse: int = 0) -> float:
    """Return the chance that E reaches 20 after exactly `n` more examples, by enumeration of wins and losses."""
    win, lose = (discordance + effect) / 2, (discordance - effect) / 2
    total = 0.0
    for b in range(n + 1):
        for c in range(n - b + 1):
            if log_e_value(better + b, worse + c) >= LOG_SHOWN:
                ways = math.comb(n, b) * math.comb(n - b, c)
                total += ways * win**b * lose**c * (1 - discordance) ** (n - b - c)
    return total


@pytest.mark.parametrize(
    ("effect", "discordance", "better", "worse"),
    [(0.5, 0.5, 0, 0), (0.5, 0.7, 0, 0), (0.4, 0.6, 2, 1), (0.3, 0.3, 3, 2), (0.6, 0.6, 6, 0), (1.0, 1.0, 0, 0)],
)
def test_the_number_is_the_first_with_eighty_percent_power(
    effect: float, discordance: float, better: int, worse: int
) -> None:
    """Counted on from what is there."""
    needed = examples_needed(effect, discordance, better=better, worse=worse)
    assert needed is not None
    assert (
        power(needed, effect, discordance, better, worse)
        >= POWER
        > power(needed - 1, effect, discordance, better, worse)
    )


@pytest.mark.parametrize(
    ("effect", "discordance", "needed"),
    [
        (0.20, 0.20, 44),
        (0.20, 0.30, 76),
        (0.10, 0.12, 121),
        (0.10, 0.235, 315),
        (0.05, 0.09, 397),
        (0.05, 0.17, 1_139),
    ],
)
def test_the_table_of_examples_needed(effect: float, discordance: float, needed: int) -> None:
    """+20 points 45-75, +10 points 120-320, +5 points 400-1,150: it hangs on how often the two differ at all."""
    assert examples_needed(effect, discordance) == needed


@settings(max_examples=30)
@given(discordance=st.floats(0.1, 1), share=st.floats(0.5, 1), evidence=st.floats(0, 4))
def test_evidence_from_votes_saves_examples(discordance: float, share: float, evidence: float) -> None:
    """A lower target never takes more."""
    effect = discordance * share
    alone = examples_needed(effect, discordance)
    helped = examples_needed(effect, discordance, log_target=LOG_SHOWN - evidence)
    assert alone is not None
    assert helped is not None
    assert helped <= alone


def test_no_number_of_examples_helps_where_there_is_no_effect() -> None:
    """Nor is a number told that nobody can meet; and none are needed where the evidence is there."""
    assert examples_needed(0.0, 0.4) is None
    assert examples_needed(-0.1, 0.4) is None
    assert examples_needed(0.01, 0.5) is None
    assert examples_needed(0.1, 0.2, better=20, worse=2) == 0
    assert (examples_needed(0.05, 0.2) or 0) < MOST_EXAMPLES


@pytest.mark.parametrize(("effect", "discordance"), [(0.3, 0.2), (0.5, 1.2)])
def test_an_effect_cannot_exceed_the_share_of_items_that_differ(effect: float, discordance: float) -> None:
    """A defect of the caller."""
    with pytest.raises(ValueError, match="no two versions differ"):
        examples_needed(effect, discordance)
