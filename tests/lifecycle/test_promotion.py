"""Whether a version is ready, and what is missing if it is not."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptbreeder.evidence.evalues import as_number, e_value
from promptbreeder.lifecycle.gate import Comparison, compare, uses_since_renewal
from promptbreeder.lifecycle.promotion import Bar, Cost, Readiness, Votes, readiness, readiness_by_votes

BAR = Bar(latency_limit=1.0)
COST = Cost(latency=0.4, tokens=80, unparsable=2)


def compared(better: int, worse: int, both: int = 0, neither: int = 0) -> Comparison:
    """Compare on items of which the challenger alone, the incumbent alone, both and neither are right on so many."""
    challenger = [1.0] * better + [0.0] * worse + [1.0] * both + [0.0] * neither
    incumbent = [0.0] * better + [1.0] * worse + [1.0] * both + [0.0] * neither
    found = compare(challenger, incumbent)
    assert found is not None
    return found


def judged(gate: Comparison, votes: Votes | None = None, **given: Any) -> Readiness:  # noqa: ANN401 - each field has a type of its own
    """Judge with guards that hold, unless given otherwise."""
    asked = {"cost": COST, "incumbent_cost": COST, "gate_uses": 0, "bar": BAR, **given}
    return readiness(gate, votes or Votes(), asked.pop("bar"), **asked)


def test_strong_gate_evidence_needs_no_votes() -> None:
    """Ready, with all that it rests on in the sentence and in fields."""
    found = judged(compared(10, 1, both=20, neither=9))
    assert (found.verdict, found.ready) == ("ready", True)
    assert found.sentence == (
        "Ready: +22.5 points on 40 gate examples (10 better, 1 worse, E 29.9), votes 0 to 0 (E 1), together 29.9 of 20."
    )
    assert found.gate is not None
    assert (found.gate.n, found.gate.better, found.gate.worse) == (40, 10, 1)
    assert found.gate.accuracy.accuracy == 0.75
    assert found.gate.accuracy.low < 0.75 < found.gate.accuracy.high
    assert found.gate.incumbent.accuracy == 0.525
    assert found.gate.mcnemar_p == pytest.approx(24 / 2048)
    assert found.product == pytest.approx(float(e_value(10, 1)))


def test_what_the_example_skills_gain_is_ready_without_votes() -> None:
    """72 better and 1 worse of 152, as a run of the demo finds, is evidence many times over."""
    found = judged(compared(72, 1, both=10, neither=69))
    assert found.ready
    assert found.product > 1e15


def test_votes_rescue_a_small_gate_and_evidence_multiplies() -> None:
    """Neither is enough alone; together they are."""
    gate, votes = compared(5, 0, both=10, neither=5), Votes(4, 0)
    assert judged(gate).verdict == "more evidence needed"
    assert judged(compared(2, 0, both=10, neither=8), votes).verdict == "more evidence needed"
    assert judged(gate, votes).ready
    assert judged(gate, votes).product == pytest.approx(float(e_value(5, 0) * e_value(4, 0)))


def test_votes_on_gate_examples_multiply_with_nothing_and_still_are_votes() -> None:
    """The same item is evidence once; but what most prefer production on is not promoted."""
    gate = compared(4, 0, both=10, neither=6)
    found = judged(gate, Votes(6, 1, gate_wins=4, gate_losses=1))
    assert found.product == pytest.approx(float(e_value(4, 0) * e_value(2, 0)))
    assert "votes 6 to 1 (E 2.29; 5 on gate examples, which count there)" in found.sentence
    assert found.more_votes is not None
    assert judged(gate, Votes(2 + found.more_votes, 0)).ready
    assert judged(gate, Votes(0, 6, gate_losses=6)).verdict == "worse"


def test_what_is_missing_is_said_in_examples_and_in_votes() -> None:
    """Either suffices: the votes surely, the examples with 80 % probability."""
    gate = compared(5, 2, both=20, neither=13)
    found = judged(gate, Votes(2, 1, 3))
    assert found.verdict == "more evidence needed"
    assert found.more_votes is not None
    assert found.more_gate_examples is not None
    assert judged(gate, Votes(2 + found.more_votes, 1)).ready
    assert not judged(gate, Votes(1 + found.more_votes, 1)).ready
    assert f"({found.more_gate_examples} of them for the gate)" in found.sentence
    assert f"or {found.more_votes} more votes won in a row would do" in found.sentence


@pytest.mark.parametrize(
    ("gate", "votes", "why"),
    [
        (compared(2, 3, both=20, neither=10), Votes(), "it is below production;"),
        (compared(0, 6, both=20, neither=10), Votes(30, 0), "it is significantly below production;"),
        (compared(20, 1, both=10), Votes(0, 6), "the votes prefer production;"),
        (compared(2, 3, both=20), Votes(0, 6), "it is below production and the votes prefer production;"),
    ],
)
def test_a_worse_version_is_called_worse(gate: Comparison, votes: Votes, why: str) -> None:
    """However strong the rest of the evidence: no examples or votes are asked for."""
    found = judged(gate, votes)
    assert found.verdict == "worse"
    assert found.sentence.startswith(f"Worse: {why}")
    assert (found.more_gate_examples, found.more_votes) == (None, None)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"cost": COST._replace(latency=1.01)}, "an answer takes 1.01 s where 1 s is the limit"),
        ({"cost": COST._replace(unparsable=3)}, "3 answers are unparsable, 2 of production"),
        ({"bar": BAR._replace(token_limit=79)}, "an answer takes 80 tokens where 79 is the limit"),
        ({"bar": BAR._replace(min_accuracy=0.85)}, "its accuracy is 0.75 where 0.85 is asked for"),
    ],
)
def test_a_broken_guard_is_named(changed: dict[str, Any], why: str) -> None:
    """A version that is right more often but slow or garbled is not better."""
    found = judged(compared(10, 1, both=20, neither=9), **changed)
    assert found.verdict == "worse"
    assert why in found.sentence


def test_guards_hold_at_their_limits_and_tokens_are_free_unless_limited() -> None:
    """A limit is what is still allowed."""
    gate = compared(10, 1, both=20, neither=9)
    assert judged(gate, cost=Cost(1.0, 80, 2), bar=Bar(1.0, token_limit=80, min_accuracy=0.75)).ready
    assert judged(gate, cost=COST._replace(tokens=1e6)).ready


def test_an_improvement_below_what_is_asked_is_not_ready_however_sure() -> None:
    """The least improvement itself is enough, whatever the rounding of sums."""
    small = compared(8, 0, both=150, neither=42)
    found = judged(small)
    assert found.product > 20
    assert found.verdict == "more evidence needed"
    assert "at least +5.0 points are asked for" in found.sentence
    assert judged(small, bar=BAR._replace(min_improvement=0.04)).ready


def test_nineteen_gate_examples_are_insufficient() -> None:
    """Whatever they say, and whatever the votes say."""
    found = judged(compared(19, 0), Votes(30, 0))
    assert (found.verdict, found.more_gate_examples) == ("insufficient examples", 1)
    assert "20 gate examples are the least; about 3 more examples are needed" in found.sentence
    assert judged(compared(20, 0)).ready


def test_a_worn_gate_no_longer_speaks_for_a_version_but_votes_do() -> None:
    """After ten uses: the verdict names it, and what renews it."""
    gate = compared(10, 1, both=20, neither=9)
    assert judged(gate, gate_uses=9).ready
    found = judged(gate, gate_uses=10)
    assert (found.verdict, found.more_gate_examples, found.more_votes) == ("gate worn", 10, 7)
    assert "10 candidates were judged by these gate examples; about 25 new examples or 7 more votes" in found.sentence
    assert judged(gate, Votes(7, 0), gate_uses=10).ready
    assert judged(compared(2, 3, both=20), gate_uses=10).verdict == "worse"


def test_the_gate_is_as_new_when_a_fifth_of_it_is_new() -> None:
    """Uses are counted from there; examples that were retired renew nothing."""
    old, grown, renewed = frozenset(range(40)), frozenset(range(49)), frozenset(range(50))
    assert uses_since_renewal([], old) == 0
    assert uses_since_renewal([old] * 10, old) == 10
    assert uses_since_renewal([old] * 10, grown) == 10
    assert uses_since_renewal([old] * 10, frozenset(range(10))) == 10
    assert uses_since_renewal([old] * 10, renewed) == 0
    assert uses_since_renewal([*[old] * 10, *[renewed] * 3], renewed) == 3


def test_graded_scores_are_bet_on_and_have_no_mcnemar_test() -> None:
    """Small steady gains are evidence that counting winners would overstate and thresholds would lose."""
    old = [0.2, 0.4, 0.6, 0.5] * 15
    found = compare([score + 0.3 for score in old], old)
    assert found is not None
    assert found.graded
    assert found.mcnemar_p is None
    assert judged(found).ready
    assert found.e > 20 > as_number(found.log_e_reverse)
    few = compare([score + 0.1 for score in old[:20]], old[:20])
    assert few is not None
    verdict = judged(few)
    assert verdict.verdict == "more evidence needed"
    assert verdict.more_gate_examples is not None
    assert 20 < few.n + verdict.more_gate_examples < 120


def test_no_items_are_no_comparison() -> None:
    """A skill without gate examples has none."""
    assert compare([], []) is None


@settings(max_examples=60)
@given(counts=st.tuples(*[st.integers(0, 25)] * 4).filter(any), wins=st.integers(0, 15), losses=st.integers(0, 15))
def test_ready_is_exactly_the_rule(counts: tuple[int, int, int, int], wins: int, losses: int) -> None:
    """Written anew from the documentation; in all other cases some verdict says why in one sentence."""
    better, worse, _, _ = counts
    n = sum(counts)
    found = judged(compared(*counts), Votes(wins, losses))
    assert found.ready == (
        n >= 20
        and 20 * (better - worse) >= n
        and e_value(worse, better) < 10
        and e_value(better, worse) * e_value(wins, losses) >= 20
        and e_value(losses, wins) < 10
    )
    assert found.sentence.startswith(found.verdict.capitalize())
    assert found.sentence.endswith(".")


@pytest.mark.parametrize(
    ("votes", "verdict", "sentence"),
    [
        (Votes(7, 0), "ready", "Ready: votes 7 to 0 (E 24.5)."),
        (Votes(0, 6), "worse", "Worse: production is preferred; votes 0 to 6 (E 0.0792)."),
        (
            Votes(6, 0, 9),
            "more evidence needed",
            "More evidence needed: 1 more vote won would do; votes 6 to 0 (E 14.8).",
        ),
    ],
)
def test_taste_alone_is_judged_by_votes(votes: Votes, verdict: str, sentence: str) -> None:
    """A skill without expected answers has no gate."""
    found = readiness_by_votes(votes)
    assert found.verdict == verdict
    assert found.sentence == sentence
    assert found.gate is None
    assert found.more_votes == (1 if verdict == "more evidence needed" else None)
