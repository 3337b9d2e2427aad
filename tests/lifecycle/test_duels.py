"""What the votes say after every vote, and which candidate is shown next."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptbreeder.lifecycle.duels import Standing, choose_candidate, judge_votes


@pytest.mark.parametrize(
    ("votes", "days", "outcome", "needed", "left"),
    [
        ((0, 0, 0), 0.0, "open", 7, 30),
        ((6, 0, 5), 1.0, "open", 1, 19),
        ((7, 0, 0), 0.0, "win", 0, 23),
        ((7, 0, 30), 99.0, "win", 0, 0),
        ((0, 6, 0), 0.0, "lose", 19, 24),
        ((0, 6, 24), 8.0, "lose", 19, 0),
        ((12, 11, 0), 0.0, "futile", 16, 7),
        ((6, 0, 24), 0.0, "inconclusive", 1, 0),
        ((6, 0, 0), 7.0, "inconclusive", 1, 24),
        ((6, 0, 0), 6.99, "open", 1, 24),
        ((0, 0, 24), 0.0, "futile", 7, 6),
        ((0, 0, 23), 0.0, "open", 7, 7),
    ],
)
def test_the_verdict_after_a_vote(
    votes: tuple[int, int, int], days: float, outcome: str, needed: int, left: int
) -> None:
    """Shown evidence decides whatever the limits; then the limits; then what can still be reached."""
    verdict = judge_votes(*votes, days=days)
    assert (verdict.outcome, verdict.votes_needed, verdict.votes_left) == (outcome, needed, left)
    assert verdict.sentence.endswith(".")
    assert "{} won, {} lost, {} tied".format(*votes) in verdict.sentence


def test_an_inconclusive_test_is_resumed_with_a_higher_cap() -> None:
    """The counts stay evidence; nothing starts anew."""
    assert judge_votes(16, 14, 0, days=3).outcome == "inconclusive"
    assert judge_votes(16, 14, 0, days=3, votes_cap=100).outcome == "open"
    assert judge_votes(16, 14, 0, days=9, votes_cap=100).outcome == "inconclusive"
    assert judge_votes(16, 14, 0, days=9, votes_cap=100, days_cap=30).outcome == "open"


@settings(max_examples=60)
@given(wins=st.integers(0, 40), losses=st.integers(0, 40), ties=st.integers(0, 10))
def test_winning_the_votes_needed_wins_unless_it_is_too_late(wins: int, losses: int, ties: int) -> None:
    """An open test can be won, a futile one cannot; and no one both wins and loses."""
    verdict = judge_votes(wins, losses, ties, days=0)
    if verdict.outcome == "open":
        assert verdict.votes_needed <= verdict.votes_left
        assert judge_votes(wins + verdict.votes_needed, losses, ties, days=0).outcome == "win"
    if verdict.outcome == "futile":
        assert judge_votes(wins + verdict.votes_left, losses, ties, days=0).outcome != "win"
    assert not (verdict.e >= 20 and judge_votes(losses, wins, ties, days=0).e >= 10)


def test_the_better_candidate_is_shown_more_often_and_the_unknown_one_gets_its_chance() -> None:
    """Thompson sampling: neither greedy nor blind."""
    rng = Random(3)
    standings = [Standing(4, 2, 8), Standing(7, 8, 2), Standing(9, 0, 0)]
    shown = Counter(choose_candidate(standings, rng) for _ in range(2_000))
    assert shown[7] > shown[9] > shown[4] > 0


def test_the_choice_is_repeatable_and_needs_a_candidate() -> None:
    """Its randomness is what was handed in."""
    standings = [Standing(n, n, 3) for n in range(5)]
    assert [choose_candidate(standings, Random(n)) for n in range(20)] == [
        choose_candidate(standings, Random(n)) for n in range(20)
    ]
    assert choose_candidate(standings[:1], Random(1)) == 0
    with pytest.raises(ValueError, match="no candidate"):
        choose_candidate([], Random(1))
