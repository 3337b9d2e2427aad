"""Operators' records on other skills become priors."""

from promptbreeder.evolution.credit import Record
from promptbreeder.evolution.priors import priors_from


def test_another_skills_trials_count_half_and_never_for_many() -> None:
    """One long search elsewhere must not drown what a small run sees by itself."""
    assert priors_from([{"layout": Record(3, 6)}]) == {"layout": Record(1.5, 3)}
    assert priors_from([{"layout": Record(500, 1_000)}]) == {"layout": Record(2, 4)}


def test_skills_add_up_and_nothing_is_no_prior() -> None:
    """Three skills say more than one; one trial elsewhere is half of one."""
    long = {"layout": Record(0, 1_000), "eda": Record(0, 0)}
    known = priors_from([long, long, {"layout": Record(8, 8), "phrases": Record(1, 1)}])
    assert known == {"layout": Record(4, 12), "phrases": Record(0.5, 0.5)}
    assert priors_from([]) == {}
