"""`examples`: lists them; corrects, retires and deletes one."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Told = Callable[..., Any]


def test_the_list_is_short_lines_and_in_pages(run: Run, told: Told, tickets_in: str) -> None:
    """All of it as JSON; the end of a page says how to go on."""
    said = run("examples", tickets_in, "--limit", 2).stdout
    assert [line.split() for line in said.splitlines()[:3:2]] == [
        ["id", "split", "expected", "input"],
        ["1", said.splitlines()[2].split()[1], "billing", "Ticket", "0:", "invoice,", "invoice"],
    ]
    assert "More: --after 2" in said
    assert "More" not in run("examples", tickets_in, "--after", 80).stdout
    page = told("examples", tickets_in, "--split", "gate", "--after", 10, "--limit", 5)
    assert {line["split"] for line in page["examples"]} == {"gate"}
    assert [line["id"] > 10 for line in page["examples"]] == [True] * 5
    assert page["next_after"] == page["examples"][-1]["id"]
    assert sum(page["counts"].values()) == 90


def test_an_example_is_corrected_retired_and_deleted(run: Run, told: Told, tickets_in: str) -> None:
    """Each says what it did and leaves an event; the example that took another's place has an id of its own."""
    changed = told("examples", tickets_in, "--correct", 1, "--expected", "delivery")
    assert (changed["change"], changed["became"]) == ("corrected", 91)
    assert "Example 2" in run("examples", tickets_in, "--retire", 2).stdout
    assert "deleted" in run("examples", tickets_in, "--delete", 91).stdout
    assert [line["kind"] for line in told("history")] == ["delete", "retire", "correct", "create"]
    assert told("examples", tickets_in, "--limit", 1)["examples"][0]["id"] == 3
    assert "example 2 retired by promptbreeder-mcp 0." in run("history").stdout
    assert "retired already" in run("examples", tickets_in, "--retire", 2, code=1).stderr
    assert "was deleted" in run("examples", tickets_in, "--delete", 1, code=1).stderr


def test_a_skill_without_examples_says_so(run: Run) -> None:
    """And an unknown skill names the known."""
    run("create", "bare", "--prompt", "p")
    assert run("examples", "bare").stdout == "'bare' has 0 train, 0 search, 0 gate.\n"
    assert "there are: bare" in run("examples", "nobody", code=1).stderr


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--correct", 1), "--correct ID and --expected TEXT go together"),
        (("--expected", "x"), "--correct ID and --expected TEXT go together"),
        (("--retire", 1, "--delete", 1), "one at a time"),
        (("--retire", 0), "not in the range"),
        (("--split", "test"), "'test' is not one of"),
        (("--limit", 0), "not in the range"),
    ],
)
def test_flags_that_make_no_sense_show_how_it_is_used(
    run: Run, tickets_in: str, flags: tuple[object, ...], reason: str
) -> None:
    """Status 2."""
    assert reason in run("examples", tickets_in, *flags, code=2).stderr
