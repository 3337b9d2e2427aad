"""How many false promotions are too many."""

import pytest

from promptbreeder.selftesting.verdict import is_too_many, null_case


@pytest.mark.parametrize(("n", "most"), [(3, 1), (40, 6), (200, 18), (1_000, 67)])
def test_a_rule_that_is_wrong_in_just_5_of_100_cases_is_hardly_ever_blamed(n: int, most: int) -> None:
    """One more is what such a rule brings in fewer than 1 of 100 self-tests."""
    assert not is_too_many(most, n)
    assert is_too_many(most + 1, n)


def test_a_case_tells_rate_interval_and_what_simpler_rules_would_have_done() -> None:
    """The rate alone would say nothing: 0 of 3 is no proof, and 0 of 200 none where nothing could be promoted."""
    case = null_case("random labels", 6, 200, ahead_on_gate=71)
    assert (case.rate, case.kept, case.naive) == (0.03, True, {"ahead_on_gate": 71})
    assert (case.low, case.high) == pytest.approx((0.0138, 0.0638), abs=1e-4)
    assert "6 of 200 (3.0%, 95 % interval 1.4%-6.4%)" in str(case)
    assert "more right on the gate examples: 71 (36%)" in str(case)
    assert "above 5 in 100 (p = " in str(null_case("random labels", 40, 200))
