"""`patterns`, and `create --inherit-from`."""

from collections.abc import Callable
from typing import Any

from click.testing import Result

Run = Callable[..., Result]
Told = Callable[..., Any]


def test_patterns_are_listed_with_what_became_of_them(run: Run, told: Told, tickets_in: str) -> None:
    """Before any run all are untried; afterwards those of the winner come first, with skills and gain."""
    assert run("patterns").stdout.count(": not tried yet.") == len(told("patterns"))
    run("evolve", tickets_in, "--generations", 2, "--population", 6, "--budget-tokens", 60_000)
    best = told("patterns")[0]
    assert (best["family"], best["won"], best["skills"], best["offered"]) == ("scripted", 1, 1, True)
    assert best["median_gain"] > 0
    said = run("patterns").stdout.splitlines()[0]
    assert said.startswith(f"{best['pattern']}: won on 1 of 1 skills on scripted, median gain +")
    assert said.endswith("; offered to the next skill.")


def test_a_skill_is_created_as_the_heir_of_another(run: Run, tickets_in: str) -> None:
    """The history keeps it; an unknown one is refused."""
    run(
        "create",
        "house",
        "--prompt",
        "Say where it belongs.",
        "--labels",
        "attic, cellar",
        "--inherit-from",
        tickets_in,
    )
    assert "it inherits from 'tickets'" in run("history", "house").stdout
    assert "no skill named 'nobody'" in run("create", "hut", "--prompt", "p", "--inherit-from", "nobody", code=1).stderr
