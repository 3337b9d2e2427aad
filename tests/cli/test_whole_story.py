"""One skill's life in the terminal, each command a process of its own: from a file to the story of what was decided."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Told = Callable[..., Any]


def test_a_skill_lives_from_import_to_rollback_and_its_history_tells_it(
    run: Run, told: Told, little_evidence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict is honest at each step, votes change it, and what drifts is caught and taken back."""
    # The candidate's answer is always shown as B: whoever votes for it has read it.
    monkeypatch.setattr("promptbreeder.usecases.dueling.secrets.randbelow", lambda _: 0)
    run("import", little_evidence)
    run("evolve", "tickets", "--generations", 3, "--population", 6)

    known = told("fitness", "tickets", "--version", 2)["version"]
    assert known["evidence"]["verdict"] == "more evidence needed"
    assert "More evidence needed" in run("promote", "tickets", 2, "--reason", "looks better", code=1).stderr
    needed = known["evidence"]["more_votes"]
    inputs = [flag for number in range(needed) for flag in ("--input", f"My parcel {number} is with the courier")]
    shown = run("vote", "tickets", *inputs, stdin="B\n" * needed).stdout
    assert shown.count("B: delivery") == needed
    known = told("fitness", "tickets", "--version", 2)["version"]
    assert known["evidence"]["verdict"] == "ready"
    assert f"votes {needed} to 0" in known["verdict"]
    assert told("promote", "tickets", 2, "--reason", "the votes are in")["after"] == 2

    def live(count: int, word: str, verdict: str) -> None:
        said = run("run", "tickets", stdin=f'{{"input": "{word}"}}\n' * count).stdout
        for line in said.splitlines():
            run("outcome", json.loads(line)["call_id"], verdict)

    live(20, "parcel", "--correct")
    assert run("monitor", "--once").exit_code == 0
    live(30, "Paket", "--wrong")
    assert "Failing: 20 of the last 50" in run("monitor", "--once", code=2).stdout

    assert told("rollback", "tickets", "--reason", "wrong on German tickets")["after"] == 1
    assert told("skills")[0]["production"] == 1
    told_so = ["was defined", "run", "Version 2 is better", *["a vote for version 2"] * needed, "1 -> 2 promoted"]
    told_so += ["version 2 is failing: 20 of 50 right", "from version 2 to 1", "wrong on German tickets"]
    story = "\n".join(event["sentence"] for event in reversed(told("history", "tickets")))
    places = [story.find(part) for part in told_so]
    assert -1 not in places
    assert places == sorted(places)
    assert "event chain: whole" in run("doctor").stdout
