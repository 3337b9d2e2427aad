"""What the live outcomes say, and what the monitor does about it."""

import pytest

from promptbreeder.evidence.cusum import THRESHOLD, Detector, detect
from promptbreeder.lifecycle.drift import (
    COOLDOWN_SECONDS,
    DAY,
    PROBATION_SECONDS,
    Decision,
    Fall,
    Reading,
    Target,
    decide,
    exit_code,
    is_cooling,
    on_probation,
    read_drift,
)

NOW = 1_000 * DAY
LONG_AGO = 0.0


def reading(right: int, wrong: int, *, before: int = 0, promoted_at: float = LONG_AGO) -> Reading:
    """Read a stream of `before` right outcomes, then the given ones, the wrong ones evenly spread among the right."""
    n = right + wrong
    outcomes = [True] * before + [(i + 1) * right // n > i * right // n for i in range(n)]
    return read_drift(outcomes, detect(outcomes), promoted_at=promoted_at, now=NOW)


def decision(
    known: Reading,
    *,
    target: Target = "not worse",
    unchanged: bool = False,
    started: float | None = None,
    fall: Fall = "none",
) -> Decision:
    """Decide, with nothing that stands against acting."""
    return decide(known, target=target, unchanged=unchanged, last_evolution_started=started, now=NOW, fall=fall)


FAILING = reading(26, 24, before=50)
DEGRADED = reading(27, 23, before=200)
OK = reading(42, 8, before=50)


@pytest.mark.parametrize(
    ("right", "wrong", "before", "state"),
    [
        (42, 8, 50, "ok"),
        (27, 23, 0, "degraded"),
        (26, 24, 0, "failing"),
        (14, 16, 0, "failing"),
        (8, 12, 0, "failing"),
        (0, 19, 0, "not enough data"),
        (0, 12, 100, "degraded"),
    ],
)
def test_the_state_of_a_stream(right: int, wrong: int, before: int, state: str) -> None:
    """A version long in production: the window at .01 for failing, the detector for degraded."""
    assert reading(right, wrong, before=before).state == state


def test_the_reading_carries_what_it_rests_on() -> None:
    """Counts in the window, the p-value against 70 %, the detector's evidence, and the reading for information."""
    assert (FAILING.right, FAILING.n) == (26, 50)
    assert FAILING.p_rollback == pytest.approx(0.00559, abs=1e-5)
    assert FAILING.evidence > THRESHOLD
    assert FAILING.window_below_eighty
    assert not reading(35, 15, before=50).window_below_eighty
    assert OK.evidence < 20


def test_a_version_on_probation_is_judged_more_strictly() -> None:
    """The first 50 outcomes within the first 7 days; what ends first ends it."""
    fresh, old = NOW - DAY, NOW - PROBATION_SECONDS
    assert reading(29, 21, promoted_at=fresh).state == "failing"
    assert reading(29, 21, promoted_at=old).state != "failing"
    assert reading(29, 21, before=1, promoted_at=fresh).state != "failing"
    assert reading(30, 20, promoted_at=fresh).state != "failing"
    assert on_probation(outcomes=3, promoted_at=NOW + 99, now=NOW)


def test_failing_goes_back_to_a_version_that_is_no_worse() -> None:
    """Also during the cooldown: it is for evolutions."""
    for started in (None, NOW - DAY):
        done = decision(FAILING, started=started)
        assert done.action == "roll back"
        assert "26 of the last 50 right" in done.sentence


@pytest.mark.parametrize("target", ["worse", "none"])
def test_failing_without_a_better_way_back_evolves(target: Target) -> None:
    """The cause is elsewhere: going back would not help, or there is nowhere to go."""
    assert decision(FAILING, target=target) == ("evolve", "Failing: 26 of the last 50 right.")
    assert decision(FAILING, target=target, started=NOW - DAY).action == "none"


def test_degraded_evolves_once_in_seven_days() -> None:
    """The alarm waits for the end of the cooldown, also where nothing new has come in."""
    assert DEGRADED.state == "degraded"
    assert decision(DEGRADED).action == "evolve"
    waiting = decision(DEGRADED, started=NOW - COOLDOWN_SECONDS + 1)
    assert waiting.action == "none"
    assert "under 7 days old" in waiting.sentence
    assert decision(DEGRADED, started=NOW - COOLDOWN_SECONDS).action == "evolve"
    assert decision(DEGRADED, started=NOW - COOLDOWN_SECONDS, unchanged=True).action == "evolve"


@pytest.mark.parametrize("known", [OK, reading(5, 5), reading(0, 0)])
def test_a_fall_on_a_changed_model_evolves_once(known: Reading) -> None:
    """Whatever the outcomes say, which are of the model before; an evolution on the model of now answers it."""
    assert decision(known, fall="new").action == "evolve"
    assert decision(known, fall="new", unchanged=True).action == "evolve"
    waiting = decision(known, fall="new", started=NOW - DAY)
    assert waiting.action == "none"
    assert "under 7 days old" in waiting.sentence
    answered = decision(known, fall="answered")
    assert answered.action == "none"
    assert "evolved on this model already" in answered.sentence
    for told in (waiting, answered):
        assert told.sentence.startswith("Degraded by a change of the model (")
    assert decision(known, fall="answered", unchanged=True).action == "skipped"


def test_a_fall_takes_nothing_from_what_outcomes_call_for() -> None:
    """Failing still goes back, and the detector still evolves after the evolution that answered the fall."""
    assert decision(FAILING, fall="new").action == "roll back"
    assert decision(DEGRADED, fall="answered") == decision(DEGRADED)


def test_a_clock_that_goes_back_still_cools() -> None:
    """A start that lies in the future is no leave to evolve."""
    assert is_cooling(NOW + 400 * DAY, NOW)
    assert is_cooling(NOW, NOW)
    assert not is_cooling(None, NOW)


def test_what_is_unchanged_is_skipped() -> None:
    """Nothing is measured again that would come out the same."""
    for known in (OK, reading(5, 5)):
        assert decision(known, unchanged=True) == ("skipped", "Unchanged since the last check.")
    assert decision(OK) == ("none", "Ok: 42 of the last 50 right.")
    assert decision(reading(5, 5)).sentence == "Not enough data: 10 outcomes, 20 are the least."
    assert decision(read_drift([], Detector(), promoted_at=NOW, now=NOW)).action == "none"


def test_the_exit_code_is_the_worst_that_is_known() -> None:
    """0 ok, 1 degraded, 2 failing, 3 not enough data; a skill without data hides nothing of the others."""
    assert exit_code(["ok"]) == 0
    assert exit_code(["ok", "degraded", "not enough data"]) == 1
    assert exit_code(["degraded", "failing", "ok"]) == 2
    assert exit_code(["not enough data"]) == 3
    assert exit_code(["not enough data", "ok"]) == 0
    assert exit_code([]) == 3
