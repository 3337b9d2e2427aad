"""Which operator is tried next."""

from collections import Counter
from random import Random

import pytest

from promptbreeder.evolution.credit import FLOOR, WEIGHT, Credit, Record, credited

NAMES = ("demonstrations", "layout", "first-order")


def _draws(credit: Credit, count: int = 2_000) -> Counter[str]:
    rng = Random(1)
    return Counter(credit.draw(NAMES, rng) for _ in range(count))


def test_without_any_record_all_are_tried_alike() -> None:
    """Nothing is known, so nothing is preferred, beyond the floor that goes to the least tried."""
    drawn = _draws(Credit({}))
    assert min(drawn.values()) > 0.8 * (1 - FLOOR) * 2_000 / 3


def test_a_prior_steers_and_what_is_seen_overrules_it() -> None:
    """Strong priors lead at the start; a run's own evidence turns them round."""
    credit = Credit({"demonstrations": Record(6, 8), "layout": Record(1, 8), "first-order": Record(1, 8)})
    assert _draws(credit)["demonstrations"] > 1_200
    for _ in range(40):
        credit.note("demonstrations", better=False)
        credit.note("layout", better=True)
    drawn = _draws(credit)
    assert drawn.most_common(1)[0][0] == "layout"
    assert drawn["demonstrations"] < 100


def test_no_operator_starves() -> None:
    """However bad its record, an operator that was hardly tried gets its share of the draws."""
    credit = Credit({"first-order": Record(0, 1_000)})
    for _ in range(50):
        credit.note("demonstrations", better=True)
        credit.note("layout", better=True)
    assert _draws(credit)["first-order"] == pytest.approx(2_000 * FLOOR, rel=0.3)


def test_a_long_history_elsewhere_counts_for_a_few_trials() -> None:
    """A thousand trials on other skills weigh no more than a handful: this skill may be different."""
    credit = Credit({"demonstrations": Record(0, 1_000), "layout": Record(500, 1_000), "first-order": Record(0, 1_000)})
    for _ in range(int(3 * WEIGHT)):
        credit.note("demonstrations", better=True)
        credit.note("layout", better=False)
    assert _draws(credit).most_common(1)[0][0] == "demonstrations"


def test_the_same_randomness_draws_the_same() -> None:
    """Replay depends on it."""
    priors = {"layout": Record(3, 8)}
    first, second = ([Credit(priors).draw(NAMES, rng) for _ in range(50)] for rng in (Random(7), Random(7)))
    assert first == second


def test_what_another_had_a_hand_in_is_no_success_of_the_operators() -> None:
    """A writer that found nothing, and was stepped in for, has been tried all the same."""
    assert credited("first-order") == ("first-order", True)
    assert credited("first-order+phrases") == ("first-order", False)
    credit = Credit({})
    for _ in range(30):
        credit.note("first-order+phrases", better=True)
    assert _draws(credit)["first-order"] < 2_000 * 2 * FLOOR
