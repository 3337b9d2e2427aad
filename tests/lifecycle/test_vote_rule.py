"""How often the rules of votes and of promotion are wrong, and how often right: exact dynamic programming."""

from collections import defaultdict
from collections.abc import Callable

import pytest

from promptbreeder.evidence.evalues import LOG_SHOWN, log_e_value, wins_needed
from promptbreeder.evidence.exact import binomial
from promptbreeder.lifecycle.duels import VOTES_CAP, judge_votes


def outcomes(rate: float, cap: int, judge: Callable[[int, int], str]) -> tuple[dict[str, float], float]:
    """Return the chance of every outcome of a vote test and the mean number of votes cast.

    `rate` is the chance that a vote is for the candidate; there are no ties. Voting ends at the first verdict other
    than open, at the latest at the cap.
    """
    ended: dict[str, float] = defaultdict(float)
    votes = 0.0
    standing = {(0, 0): 1.0}
    for cast in range(1, cap + 1):
        after: dict[tuple[int, int], float] = defaultdict(float)
        for (wins, losses), chance in standing.items():
            after[wins + 1, losses] += chance * rate
            after[wins, losses + 1] += chance * (1 - rate)
        standing = {}
        for (wins, losses), chance in after.items():
            outcome = judge(wins, losses)
            if outcome == "open":
                standing[wins, losses] = chance
            else:
                ended[outcome] += chance
                votes += chance * cast
    return ended, votes


def by_the_rule(wins: int, losses: int) -> str:
    """Return the verdict of the shipped rule with its default cap."""
    return judge_votes(wins, losses, 0, days=0).outcome


def by_evidence_alone(cap: int) -> Callable[[int, int], str]:
    """Return a rule that ends at a win or the cap alone: the most votes that can be wrong."""
    needed = [wins_needed(0, losses) for losses in range(cap + 1)]

    def judge(wins: int, losses: int) -> str:
        if wins >= needed[losses]:
            return "win"
        return "inconclusive" if wins + losses == cap else "open"

    return judge


def test_a_useless_candidate_wins_in_fewer_than_three_of_a_hundred_tests() -> None:
    """2.7 % at 30 votes; stopping early for loss or futility takes nothing from that."""
    ended, _ = outcomes(0.5, VOTES_CAP, by_the_rule)
    assert ended["win"] == pytest.approx(0.0270, abs=5e-5)
    assert ended["lose"] == pytest.approx(0.0273, abs=5e-5)
    assert sum(ended.values()) == pytest.approx(1)
    assert outcomes(0.5, VOTES_CAP, by_evidence_alone(VOTES_CAP))[0]["win"] == pytest.approx(0.0270, abs=5e-5)


def test_a_test_resumed_up_to_300_votes_is_hardly_more_often_wrong() -> None:
    """At most 3.8 %, without any stop for loss or futility; the guarantee is 5 % for ever."""
    assert 0.03 < outcomes(0.5, 300, by_evidence_alone(300))[0]["win"] <= 0.038


def test_a_clear_preference_is_found_within_30_votes() -> None:
    """80/20: 90 % power; 17 votes on average over all tests that end at a win or the cap, 16 with the early stops."""
    ended, votes = outcomes(0.8, VOTES_CAP, by_evidence_alone(VOTES_CAP))
    assert ended["win"] == pytest.approx(0.901, abs=5e-4)
    assert votes == pytest.approx(16.7, abs=0.05)
    ended, votes = outcomes(0.8, VOTES_CAP, by_the_rule)
    assert ended["win"] == pytest.approx(0.901, abs=5e-4)
    assert votes == pytest.approx(16.3, abs=0.05)


def test_a_slight_preference_takes_hundreds_of_votes() -> None:
    """60/40: rarely within 30, and about 400 for 80 % power."""
    assert outcomes(0.6, VOTES_CAP, by_the_rule)[0]["win"] < 0.25
    assert 0.8 < outcomes(0.6, 400, by_evidence_alone(400))[0]["win"] < 0.86


def promoted(gate: int, discordance: float, right: float, preferred: float) -> float:
    """Return the chance that gate and up to 30 votes together ever reach 20.

    `right` is the chance that a discordant gate example speaks for the candidate, `preferred` that a vote does.
    """
    log_e = {(w, n - w): log_e_value(w, n - w) for n in range(VOTES_CAP + 1) for w in range(n + 1)}
    total = 0.0
    for pairs in range(gate + 1):
        for b in range(pairs + 1):
            chance = binomial(pairs, gate, discordance) * binomial(b, pairs, right)
            if chance > 1e-6:
                total += chance * _reached(preferred, LOG_SHOWN - log_e_value(b, pairs - b), log_e)
    return total


def _reached(preferred: float, target: float, log_e: dict[tuple[int, int], float]) -> float:
    if target <= 0:
        return 1.0

    def judge(wins: int, losses: int) -> str:
        return "reached" if log_e[wins, losses] >= target else "open"

    return outcomes(preferred, VOTES_CAP, judge)[0]["reached"]


def test_a_useless_version_is_promoted_in_fewer_than_five_of_a_hundred_cases() -> None:
    """The product of the evidence of gate and votes is evidence too: both fair, and at most 5 % reach 20."""
    assert 0.005 < promoted(40, 0.2, right=0.5, preferred=0.5) < 0.05


def test_gate_and_votes_find_together_what_neither_finds_alone() -> None:
    """Fifteen points on 40 examples and a 70/30 preference: the product is reached more often than either."""
    together = promoted(40, 0.2, right=0.875, preferred=0.7)
    gate_alone = promoted(40, 0.2, right=0.875, preferred=0.0)
    votes_alone = outcomes(0.7, VOTES_CAP, by_the_rule)[0]["win"]
    assert together > max(gate_alone, votes_alone) + 0.15
