"""The figures of docs/evidence.md: what their benchmarks compute is what the product does."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from promptbreeder.evidence.cusum import detect
from promptbreeder.evidence.planning import examples_needed
from promptbreeder.lifecycle.drift import DAY, read_drift

Load = Callable[[str], Any]


@pytest.mark.parametrize(("rate", "days"), [(0.8, 1), (0.5, 1), (0.5, 30)])
def test_the_watched_stream_is_read_as_the_monitor_reads_it(benchmark: Load, rate: float, days: int) -> None:
    """After every outcome; the first 50 on probation, where they come within 7 days."""
    drift = benchmark("drift")
    if days > 7:
        drift.PROBATION_OUTCOMES = 0
    rng, watch, outcomes = Random(4), drift.Watch(), []
    states = []
    for _ in range(150):
        outcomes.append(rng.random() < rate)
        failing, alarmed = watch.sees(right=outcomes[-1])
        reading = read_drift(outcomes, detect(outcomes), promoted_at=0, now=days * DAY)
        assert failing == (reading.state == "failing")
        if not failing and len(outcomes) >= 20:
            assert alarmed == (reading.state == "degraded")
        states.append(reading.state)
    assert ("failing" in states) == (rate < 0.8)


@pytest.mark.parametrize("differ", [0.2, 0.36, 0.5])
def test_the_power_of_the_gate_agrees_with_the_plan_of_how_many_examples(benchmark: Load, differ: float) -> None:
    """Two computations of one thing: summed over the trinomial, and by walking through the discordant pairs."""
    gate = benchmark("gate")
    n = examples_needed(0.2, differ)
    assert n is not None
    better, worse = (differ + 0.2) / 2, (differ - 0.2) / 2
    assert gate.by_examples(n, better, worse)[0] >= 0.8 > gate.by_examples(n - 1, better, worse)[0]


def test_the_examples_that_a_gain_needs_grow_with_how_often_two_versions_differ(benchmark: Load) -> None:
    """They differ on the gain at least; where no size that is tried is enough, no number is told."""
    needed = {(row["gain"], row["differ"]): row["needed"] for row in benchmark("gate").needed_rows()}
    assert needed[0.2, 0.2] < needed[0.2, 0.5] == examples_needed(0.2, 0.5)
    assert needed[0.05, 0.5] == float("inf")
    assert all(differ >= gain for gain, differ in needed)


def test_equal_versions_pass_by_examples_and_votes_in_fewer_than_5_of_100_cases(benchmark: Load) -> None:
    """And a votes test on its own wins as often as the table of votes says."""
    gate, votes = benchmark("gate"), benchmark("votes")
    assert gate.by_both(60, 0.1, 0.1) == pytest.approx(0.0207, abs=0.0005)
    assert gate.voted_up(0.0) == pytest.approx(votes.outcomes(0.5, 30)[0]["win"])


def test_complaints_about_production_change_nothing_and_older_ones_favour_nobody(benchmark: Load) -> None:
    """Where they counted, twenty of them would make an equal version ready in four of ten cases."""
    gate = benchmark("gate")
    gate.CORRELATIONS, gate.COMPLAINTS = (0.3,), (20,)
    (row,) = gate.complaint_rows()
    assert row["ready"] == gate.by_examples(60, *gate.shares(0.8, 0.0, 0.3))[0] < 0.01
    assert row["if_counted"] == pytest.approx(0.39, abs=0.005)
    assert row["older"] < 0.01


def test_a_half_year_in_short(benchmark: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new kind of tickets and a new model, each seen, answered and promoted by evidence; accuracy is held."""
    story = benchmark("half_year")
    story.NEW_KIND_WEEK, story.NEW_MODEL_WEEK = 2, 6
    # One of a ticket's two words is left: whatever prompt was found, it falls by more than chance.
    story.WORDS_READ = 3
    anyio.run(partial(story.half_year, 8, tmp_path, as_json=True))
    *weeks, whole = map(json.loads, capsys.readouterr().out.splitlines())
    assert [week["week"] for week in weeks] == list(range(1, 9))
    told = [event for week in weeks for event in week["events"]]
    assert any("degraded" in event and "it evolves" in event for event in told)
    assert any("the model has changed" in event for event in told)
    assert whole["promotions"] == 3
    assert whole["votes"] > 0
    assert whole["troubles"] == 0
    first, last = weeks[0], weeks[-1]
    assert last["right"] >= first["right"] - 3


def test_vote_tests_through_the_tools_run_to_their_end(benchmark: Load, tmp_path: Path) -> None:
    """Every test ends in a verdict, with at most 30 votes, and the tool that takes votes has counted each."""
    found = anyio.run(benchmark("vote_tests").vote_tests, tmp_path, 3, Random(1))
    assert sum(found["verdicts"].values()) == found["tests"] == 3
    assert 3 * 7 <= found["votes"] <= 3 * 30
