"""`selftest`: what is promoted where nothing is better."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import Result

from promptbreeder.lifecycle import promotion

Run = Callable[..., Result]
Told = Callable[..., Any]


@pytest.fixture(autouse=True)
def _seeded_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the order of answers fall the same way each time."""
    monkeypatch.setattr("promptbreeder.usecases.dueling.secrets.randbelow", Random(2).randrange)


def test_hardly_anything_is_promoted_where_nothing_is_better(told: Told, home: Path) -> None:
    """Simpler rules would be taken in again and again on the same runs; and the user's data are left alone."""
    report = told("selftest", "--runs", 12, "--vote-tests", 12)
    labels, parent, votes = report["cases"]
    assert [labels["n"], parent["n"], votes["n"]] == [12, 12, 12]
    assert report["exit_code"] == 0
    for case in (labels, parent):
        assert case["false"] <= 1
        assert case["naive"]["ahead_on_search"] > case["naive"]["ahead_on_gate"] > case["false"]
    assert votes["false"] <= 1 < votes["naive"]["majority"]
    assert report["tokens"] > 12 * 2 * 1_000
    assert not (home / "promptbreeder.db").exists()


def test_a_gate_that_takes_any_gain_for_proof_is_found_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The self-test is worth nothing if it passes with a broken rule."""
    monkeypatch.setattr(promotion, "LOG_SHOWN", -100.0)
    said = run("selftest", "--runs", 20, "--vote-tests", 1, code=1).stdout
    assert "IT IS BROKEN" in said
    assert "above 5 in 100 (p = " in said


def test_the_real_model_is_asked_with_random_labels_only(told: Told) -> None:
    """Operators and votes are the same on any model; here it is the scripted one that is configured."""
    report = told("selftest", "--real", "--runs", 1)
    (case,) = report["cases"]
    assert (case["name"], case["n"]) == ("random labels, real model", 1)
    assert 0 < report["tokens"] <= 20_000


def test_the_idle_strategy_is_none_of_the_product(run: Run, tickets_in: str) -> None:
    """Only the self-test can ask for it."""
    said = run("evolve", tickets_in, "--strategy", "parent", code=1).stderr
    assert "no strategy is called 'parent'" in said


def test_a_self_test_that_cannot_be_made_has_a_status_of_its_own(run: Run) -> None:
    """Else a missing model would be taken for a broken promise."""
    said = run("--model", "nonsense", "selftest", "--real", code=2).stderr
    assert "'nonsense' is not a model" in said


@pytest.mark.parametrize("arguments", [("--engine", "bogus", "selftest"), ("selftest", "--real", "--vote-tests", "1")])
def test_a_self_test_that_is_not_set_up_has_the_same_status(run: Run, arguments: tuple[str, ...]) -> None:
    """Whatever keeps it from being made."""
    assert "Error: " in run(*arguments, code=2).stderr


def test_a_self_test_that_is_interrupted_has_the_same_status(
    run: Run, interrupted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1 would say that more was promoted than chance explains."""
    monkeypatch.setattr("promptbreeder.selftesting.selftest", interrupted)
    assert "Aborted!" in run("selftest", code=2).stderr
