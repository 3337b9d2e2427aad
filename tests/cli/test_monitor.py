"""`outcome`, `monitor` and `history --at`: how live answers do, and what was in production when."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from promptbreeder.service import Service

Run = Callable[..., Result]
Told = Callable[..., Any]


@pytest.fixture
def calls(run: Run, tickets_in: str) -> Callable[[int], list[str]]:
    """Return a function that makes so many calls and returns their ids."""

    def made(count: int) -> list[str]:
        said = run("run", tickets_in, stdin='{"input": "a courier"}\n' * count).stdout
        return [json.loads(line)["call_id"] for line in said.splitlines()]

    return made


def test_the_exit_status_says_how_live_answers_do(run: Run, told: Told, calls: Callable[[int], list[str]]) -> None:
    """0 ok, 2 failing, 3 not enough data; the report is on stdout all the same."""
    assert told("monitor", "--once", code=3)["checks"][0]["state"] == "not enough data"
    *_, report = [told("outcome", call_id, "--correct") for call_id in calls(20)]
    assert (report["drift"]["state"], report["counted"]) == ("ok", True)
    assert told("monitor", "--once")["exit_code"] == 0
    assert "tickets: Skipped: unchanged. Ok: 20 of the last 20" in run("monitor", "--once").stdout
    *_, said = [run("outcome", call_id, "--wrong").stdout for call_id in calls(30)]
    assert "evolve_prompt('tickets') or `promptbreeder-mcp evolve tickets` looks for a better prompt" in said
    report = told("monitor", "--once", code=2)
    assert (report["exit_code"], report["checks"][0]["action"], report["checks"][0]["acted"]) == (2, "evolve", False)
    said = run("monitor", code=2).stdout
    assert "Failing: 20 of the last 50" in said
    assert "evolve_prompt('tickets') or `promptbreeder-mcp evolve tickets` is due" in said


def test_a_monitor_that_cannot_look_has_a_status_of_its_own(run: Run, home: Path) -> None:
    """Else a scheduler would take a broken database for a bad prompt."""
    home.mkdir()
    (home / "promptbreeder.db").write_bytes(b"this is no database" * 400)
    for arguments in (("monitor",), ("monitor", "--once", "--json")):
        result = run(*arguments, code=4)
        assert "damaged or not a database" in result.stderr
        assert result.stdout == ""


def test_a_monitor_that_is_interrupted_has_not_found_a_skill_degraded(
    run: Run, tickets_in: str, interrupted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 4, too: the service of the documentation takes 1 for success."""
    monkeypatch.setattr(Service, "monitor", interrupted)
    assert "Aborted!" in run("monitor", "--once", code=4).stderr
    assert tickets_in


@pytest.mark.parametrize("arguments", [("monitor", "--bogus"), ("monitor", "twice"), ("--engine", "bogus", "monitor")])
def test_a_monitor_that_is_not_understood_has_not_found_a_skill_failing(run: Run, arguments: tuple[str, ...]) -> None:
    """Status 4, and not the 2 of other commands."""
    assert "Error: " in run(*arguments, code=4).stderr


def test_a_run_that_the_check_starts_is_followed_to_its_end(
    run: Run, told: Told, calls: Callable[[int], list[str]], skill_file: Path, tmp_path: Path
) -> None:
    """The process of a scheduler would otherwise end in the middle of it."""
    definition = json.loads(skill_file.read_text(encoding="utf-8"))
    opted_in = tmp_path / "opted.json"
    opted_in.write_text(json.dumps({**definition, "settings": {"opt_in_drift_actions": True}}), encoding="utf-8")
    run("import", opted_in)
    for call_id in calls(20):
        run("outcome", call_id, "--wrong")
    result = run("monitor", "--once", "--json", code=2)
    (check,) = json.loads(result.stdout)["checks"]
    assert (check["action"], check["acted"]) == ("evolve", True)
    assert f"Run {check['run_id']} on 'tickets': finished" in result.stderr
    (listed,) = told("status", "tickets")
    assert (listed["run_id"], listed["status"]) == (check["run_id"], "finished")


def test_a_corrected_answer_becomes_an_example(run: Run, told: Told, calls: Callable[[int], list[str]]) -> None:
    """It is counted as wrong, and can be looked at among the examples."""
    (call_id,) = calls(1)
    report = told("outcome", call_id, "--expected", "delivery", "--note", "it says courier")
    assert report["example"] == "added"
    page = told("examples", "tickets", "--split", report["split"], "--limit", 1_000)
    assert "a courier" in [example["input"] for example in page["examples"]]
    again = run("outcome", call_id, "--correct", code=1).stderr
    assert "has its outcome already" in again
    assert "correct that: `promptbreeder-mcp examples tickets --correct ID --expected TEXT`" in again


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("outcome", "c-0", "--correct"), "no call 'c-0'"),
        (("outcome", "c-0"), "say whether the answer was right"),
        (("history", "tickets", "--at", "yesterday"), "'yesterday' is no time; write one like 2026-01-31"),
        (("history", "tickets", "--at", "0001-01-01T00:00:00+23:59"), "is no time"),
        (("history", "nobody", "--at", "2026-01-31"), "no skill named 'nobody'"),
    ],
)
def test_what_cannot_be_said_is_refused_plainly(
    run: Run, tickets_in: str, arguments: tuple[str, ...], reason: str
) -> None:
    """Status 1, with what to give instead."""
    assert reason in run(*arguments, code=1).stderr
    assert tickets_in


def test_production_at_a_time_is_asked_of_one_skill(run: Run, told: Told, tickets_in: str, skill_file: Path) -> None:
    """Before the skill nothing, then the first version, then the promoted one."""
    definition = json.loads(skill_file.read_text(encoding="utf-8"))
    other = skill_file.with_name("other.json")
    other.write_text(json.dumps({**definition, "prompt": "Other words.", "examples": []}), encoding="utf-8")
    run("import", other)
    run("promote", tickets_in, 2, "--reason", "equal", "--force")
    events = told("history", tickets_in)
    assert told("history", tickets_in, "--at", "2001-01-01")["version"] is None
    assert "was not there yet at 2001-01-01T00:00:00Z" in run("history", tickets_in, "--at", "2001-01-01").stdout
    now = told("history", tickets_in, "--at", "2999-12-31T23:59:59+01:00")
    assert (now["version"], now["at"], now["since"]) == (2, "2999-12-31T22:59:59Z", events[0]["at"])
    assert now["client"].startswith("promptbreeder-mcp 0.")
    assert "version 2 of 'tickets' was in production" in now["sentence"]
    for wrong in (("history", "--at", "2001-01-01"), ("history", tickets_in, "--at", "2001-01-01", "--before", "1")):
        assert "--at TIME is for one SKILL" in run(*wrong, code=2).stderr
