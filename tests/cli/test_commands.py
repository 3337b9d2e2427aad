"""Every command: what it does, one JSON document with --json, and a plain sentence where it fails."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import Result

from promptbreeder.errors import ModelCrashed, RunError
from promptbreeder.evolution.strategies import STRATEGIES
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.usecases import evolving
from promptbreeder_server.commands import cli

Run = Callable[..., Result]
Told = Callable[..., Any]
EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = ("--generations", 2, "--population", 6, "--budget-tokens", 60_000)


def test_the_way_from_a_file_to_a_prompt_in_production_and_back(run: Run, told: Told, skill_file: Path) -> None:
    """Every step says in JSON what the next needs; progress is on stderr alone."""
    defined = told("import", skill_file)
    assert (defined["skill"], defined["added"], defined["version"]) == ("tickets", 90, 1)
    evolved = run("evolve", "tickets", *SMALL, "--json")
    report = json.loads(evolved.stdout)
    assert (report["status"], report["version"]) == ("finished", 2)
    assert "evolving" in evolved.stderr
    assert told("fitness", "tickets", "--version", 2)["version"]["version"] == 2
    moved = told("promote", "tickets", 2, "--reason", "better", "--expected-production", 1)
    assert (moved["before"], moved["after"]) == (1, 2)
    assert told("skills")[0]["production"] == 2
    assert told("fitness")["skills"] == told("skills")
    assert told("rollback", "tickets", "--reason", "a test")["after"] == 1
    history = told("history", "tickets")
    assert [line["kind"] for line in history] == ["rollback", "promote", "evolved", "evolve", "create"]
    assert {line["actor"] for line in history} == {"human", "system"}
    assert told("history", "tickets", "--before", history[2]["id"]) == history[3:]
    (listed,) = told("status", "tickets")
    assert listed == report


def test_every_command_also_says_it_in_plain_text(run: Run, tickets_in: str) -> None:
    """Nothing but text for people, each ending what was asked."""
    assert "tickets: production version 1 of 1" in run("skills").stdout
    assert run("status").stdout == "No runs yet: `promptbreeder-mcp evolve SKILL` starts one.\n"
    assert "Version 2 is better" in run("evolve", tickets_in, *SMALL).stdout
    assert "finished" in run("status").stdout
    assert "Gate accuracy" in run("fitness", tickets_in).stdout
    assert "version 1 -> 2" in run("promote", tickets_in, 2, "--reason", "better").stdout
    assert "Rolled back" in run("rollback", tickets_in, "--reason", "worse").stdout
    assert "rolled back from version 2 to 1" in run("history").stdout


def test_empty_lists_say_how_to_begin(run: Run, told: Told) -> None:
    """And are empty lists in JSON."""
    assert "import FILE" in run("skills").stdout
    assert "Nothing has happened yet" in run("history").stdout
    assert run("fitness").stdout == "No skills yet: call define_skill, or `promptbreeder-mcp import FILE`.\n"
    assert (told("skills"), told("history"), told("status")) == ([], [], [])
    assert told("fitness") == {"skills": [], "more": 0, "version": None}


def test_help_names_every_command_and_needs_no_database(run: Run, home: Path) -> None:
    """Also the version."""
    said = run("--help").stdout
    assert all(f"  {name}" in said for name in cli.commands)
    assert "version" in run("--version").stdout
    for name in cli.commands:
        assert "Usage:" in run(name, "--help").stdout
    assert not home.exists()


def test_the_demo_shows_what_evolving_brought(run: Run) -> None:
    """A table on examples that the search never saw, the prompt, how it came about, and what to do next."""
    said = run("demo", "--budget-tokens", 60_000).stdout
    for part in ("Headroom on", "accuracy", "95 % interval", "evolved prompt", "generation ", "prompt://ticket-route/"):
        assert part in said
    assert "promptbreeder-mcp promote ticket-route 2" in said


def test_a_demo_with_a_budget_that_cannot_be_is_refused_before_anything_is_stored(run: Run, told: Told) -> None:
    """Nothing is measured for it either."""
    result = run("demo", "--budget-tokens", 100, code=1)
    assert "budget_tokens: Input should be greater than or equal to 2000" in result.stderr
    assert result.stdout == ""
    assert told("skills") == []


def test_headroom_says_whether_evolving_is_worth_it(run: Run, tickets_in: str) -> None:
    """In a sentence, or as one object; the fitness then shows it."""
    assert f"promptbreeder-mcp headroom {tickets_in}" in run("fitness", tickets_in).stdout
    said = run("headroom", tickets_in).stdout
    assert said.startswith("Headroom on ")
    assert "worth evolving" in said.lower()
    found = json.loads(run("headroom", tickets_in, "--json").stdout)
    assert found["verdict"] in said
    assert set(found) >= {"as_it_is", "best", "spread", "noise", "majority", "unparsable", "label_bias", "worth_it"}
    assert said.strip() in run("fitness", tickets_in).stdout


def test_the_demo_prints_one_object_with_these_fields(run: Run) -> None:
    """Scripts of others read it; all else is on stderr."""
    result = run("demo", "--json", "--seed", 3, "--budget-tokens", 60_000)
    report = json.loads(result.stdout)
    assert list(report) == ["skill", "model", "fingerprint", "seed", "rows", "run", "version", "prompt"]
    assert (report["skill"], report["model"], report["seed"]) == ("ticket-route", "scripted", 3)
    assert {tuple(row) for row in report["rows"]} == {("name", "accuracy", "low", "high", "n", "tokens")}
    assert all(0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1 for row in report["rows"])
    assert set(report["run"]) == {"calls", "prompt_tokens", "completion_tokens", "cache_hits", "seconds"}
    assert "Headroom" in result.stderr


def test_run_answers_line_by_line_in_order_with_errors_in_their_places(run: Run, tickets_in: str) -> None:
    """One object out for each line in, blank lines left out, also for what is no JSON and no UTF-8."""
    given = b"\n".join(
        [
            b'{"input": "first"}',
            b"not json",
            b"   ",
            b'{"input": 5}',
            b"\xff\xfe",
            b'{"input": ""}',
            rb'{"input": "\ud800"}',
            b'["a", "list"]',
            '{"input": "letzte Zeile: Grüße"}'.encode(),
        ]
    )
    result = run("run", tickets_in, stdin=given, code=1)
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert ["error" in line for line in said] == [False, True, True, True, True, True, True, False]
    assert all(line["answer"] for line in (said[0], said[-1]))
    wanted = 'a line must be a JSON object with a text "input", for example {"input": "some text"}'
    assert {line["error"] for line in (*said[1:3], said[6])} == {wanted}
    assert said[3]["error"] == "the line is not UTF-8 text (byte 0); convert it first"
    assert json.loads(run("run", tickets_in, stdin='{"input": "alone"}').stdout)["version"] == 1


def test_an_export_can_be_imported_elsewhere(run: Run, told: Told, tickets_in: str, tmp_path: Path) -> None:
    """It makes the same skill, with all versions, splits and production; where it came from it is refused."""
    run("evolve", tickets_in, *SMALL)
    run("promote", tickets_in, 2, "--reason", "better")
    exported = run("export", tickets_in).stdout
    file = tmp_path / "bundle.json"
    file.write_text(exported, encoding="utf-8")
    elsewhere = ("--home", tmp_path / "elsewhere")
    report = told(*elsewhere, "import", file)
    assert (report["outcome"], report["added"], report["production"]) == ("created", 90, 2)
    bundle, copy = json.loads(exported), json.loads(run(*elsewhere, "export", tickets_in).stdout)
    assert {version["origin"] for version in copy["versions"]} == {"import"}
    for one in (bundle, copy):
        assert one.pop("hash")
        for version in one["versions"]:
            # Measured anew, and said to be imported.
            del version["gate"], version["origin"]
    assert bundle == copy
    assert (
        "(versions: 2, examples: 90) imported by promptbreeder-mcp 0." in run(*elsewhere, "history", tickets_in).stdout
    )
    assert "there is a skill 'tickets' already" in run("import", file, code=1).stderr
    bundle["examples"].pop()
    file.write_text(json.dumps(bundle), encoding="utf-8")
    assert "hash: Field required" in run("--home", tmp_path / "third", "import", file, code=1).stderr


def test_import_reads_stdin_and_a_byte_order_mark(told: Told, skill_file: Path) -> None:
    """Editors of some systems write one."""
    assert told("import", "-", stdin=skill_file.read_bytes())["added"] == 90
    skill_file.write_bytes(b"\xef\xbb\xbf" + skill_file.read_bytes())
    assert told("import", skill_file)["duplicates"] == 90


WRONG_FILES = [
    (b"", "wrong.json is empty"),
    (b'{"name": ', "not a JSON file"),
    (b"[" * 100_000, "not a JSON file"),
    (b"[]", "wrong.json is an empty list"),
    (b'[{"input": "a", "expected": "b"}]', "the file holds examples and no skill: --skill NAME"),
    (b"{}", "name: Field required"),
    (b'{"name": "x", "description": "d", "prompt": "p", "colour": 1}', "unknown fields colour; a skill has name"),
    (b'{"name": "x", "description": "d", "prompt": "\xff"}', "is not UTF-8 text (byte 45)"),
    (b'{"name": "x", "description": "d", "prompt": ""}', "prompt: must not be empty"),
    (b'{"name": "../x", "description": "d", "prompt": "p"}', "is not a skill name"),
    (b'{"name": "x", "description": "d", "prompt": "p", "examples": [{"input": "a"}]}', "no `expected` answer"),
    (rb'{"prompt": "p", "\ud800": 1}', "unknown fields"),
    (b'{"input": "a", "expected": "b"}', "the file holds examples and no skill: --skill NAME"),
    (b'{"name": "x", "description": "d", "examples": []}', "prompt: Field required"),
]


@pytest.mark.parametrize(("content", "reason"), WRONG_FILES)
def test_a_wrong_file_is_refused_in_one_sentence_and_nothing_is_stored(
    run: Run, told: Told, tmp_path: Path, content: bytes, reason: str
) -> None:
    """Status 1, the reason on stderr, nothing on stdout."""
    file = tmp_path / "wrong.json"
    file.write_bytes(content)
    result = run("import", file, code=1)
    assert result.stderr.startswith("Error: ")
    assert reason in result.stderr
    assert result.stdout == ""
    assert told("skills") == []


def test_a_file_that_is_missing_a_folder_or_too_large_is_refused(run: Run, tmp_path: Path) -> None:
    """Before its content is looked at."""
    assert "No such file" in run("import", tmp_path / "missing.json", code=1).stderr
    assert "Is a directory" in run("import", tmp_path, code=1).stderr
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(60_000_000)
    assert "larger than 50 MB" in run("import", large, code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("fitness", "nobody"), "no skill named 'nobody'; there are: tickets"),
        (("history", "nobody"), "no skill named 'nobody'"),
        (("status", "nobody"), "no skill named 'nobody'"),
        (("export", "nobody"), "no skill named 'nobody'"),
        (("run", "nobody"), "no skill named 'nobody'"),
        (("evolve", "nobody"), "no skill named 'nobody'"),
        (("evolve", "tickets", "--generations", 0), "generations: Input should be greater"),
        (("evolve", "tickets", "--strategy", "luck"), "take one of auto, promptbreeder"),
        (("evolve", "tickets", "--seed-with", "luck"), "take one of auto, promptbreeder"),
        (("evolve", "tickets", "--strategy", "opro", "--population", 5), "leave population out"),
        (("promote", "tickets", 9, "--reason", "why"), "no version 9; there are 1 to 1"),
        (("promote", "tickets", 1, "--reason", "why"), "in production already"),
        (("promote", "tickets", 1, "--reason", ""), "a reason is needed"),
        (("rollback", "tickets", "--reason", "why"), "nothing to go back to"),
        (("cancel", "r-0"), "no run 'r-0'"),
        (("--engine", "steam", "skills"), "settings (flags, or PROMPTBREEDER_... in the environment): engine: Input"),
        (("--engine", "steam", "doctor"), "engine: Input should be 'auto', 'native' or 'portable'"),
        (("--model", "steam", "demo"), "'steam' is not a model"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    run: Run, tickets_in: str, arguments: tuple[object, ...], reason: str
) -> None:
    """Status 1, on stderr."""
    result = run(*arguments, code=1)
    assert tickets_in
    assert reason in result.stderr
    assert result.stdout == ""


def test_where_there_is_no_skill_the_command_that_makes_one_is_named(run: Run) -> None:
    """Beside the tool, which a terminal does not have."""
    said = run("fitness", "nobody", code=1).stderr
    assert "there are none yet; define one with define_skill or `promptbreeder-mcp create`" in said


@pytest.mark.parametrize("arguments", [("bogus",), ("promote", "tickets"), ("cancel",), ("evolve", "t", "--seed", "x")])
def test_a_command_that_is_not_understood_shows_how_it_is_used(run: Run, arguments: tuple[str, ...]) -> None:
    """Status 2, as all programs do."""
    assert "Usage:" in run(*arguments, code=2).stderr


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(ModelCrashed("the model died"), "paused", "--run-id"), (RunError("no examples"), "failed", "--seed 2")],
)
def test_evolve_prints_the_report_of_a_run_that_ended_paused_or_failed_with_status_1(  # noqa: PLR0917  fixtures
    run: Run,
    told: Told,
    tickets_in: str,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: str,
    said: str,
) -> None:
    """A script must not take it for a search that found nothing; how to go on is in the report."""

    async def broken(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(ScriptedModel, "choose", broken)
    monkeypatch.setattr(ScriptedModel, "generate", broken)
    result = run("evolve", tickets_in, *SMALL, code=1)
    assert f"{status}. {error}" in result.stdout
    assert said in result.stdout
    report = told("status")[0]
    assert report["status"] == status
    assert told("evolve", tickets_in, *SMALL, code=1)["status"] == status
    if status == "paused":
        resumed = ("evolve", tickets_in, "--run-id", report["run_id"])
        refused = run(*resumed, "--seed", 9, code=1)
        assert "began with: seed 1, not 9. Leave them out to resume it" in refused.stderr
        assert f"or `promptbreeder-mcp cancel {report['run_id']}`" in refused.stderr
        assert told(*resumed, code=1)["status"] == status


@pytest.mark.parametrize(
    ("case", "flags", "verdict", "again"),
    [
        ("hard", ("--strategy", "edits", "--profile", "thorough", "--seed", 2), "no candidate did better", "--seed 3"),
        ("long", ("--strategy", "opro", "--budget-tokens", 2_000), "Nothing was measured", "--budget-tokens 4000"),
        ("easy", ("--generations", 2, "--budget-tokens", 2_000), "A candidate was ahead", "--budget-tokens 4000"),
    ],
)
def test_after_a_run_that_found_nothing_the_next_command_is_another_try(
    run: Run, case: str, flags: tuple[object, ...], verdict: str, again: str
) -> None:
    """With the same strategy and profile, another seed, and twice the budget where a larger one is asked for."""
    answer, long = ("b" if case == "easy" else "t{}"), {"hard": (), "long": ("search", "gate"), "easy": ("gate",)}[case]
    splits = [*["train"] * 20, *["search"] * 20, *["gate"] * 40]
    examples = [
        {"input": f"What is {n}?{' so' * 30 * (split in long)}", "expected": answer.format(n), "split": split}
        for n, split in enumerate(splits)
    ]
    skill: dict[str, object] = {"name": case, "description": "d", "prompt": "p", "examples": examples}
    run("import", "-", stdin=json.dumps({**skill, "labels": ["a", "b"]} if case == "easy" else skill))
    said = run("evolve", case, *flags).stdout
    assert verdict in said
    command = said.splitlines()[-1]
    assert command.startswith(f"  promptbreeder-mcp evolve {case} {' '.join(map(str, flags[:-2]))} ")
    assert again in command


def test_help_says_which_strategy_has_which_profile(run: Run) -> None:
    """The default strategy has only one of them, and refuses the others."""
    said = " ".join(run("evolve", "--help").stdout.split())
    lacking = [name for name, entry in STRATEGIES.items() if "paper" not in entry.profiles]
    assert f"paper (all but {' and '.join(lacking)})" in said
    assert {"smollm2", "thorough"} == set(STRATEGIES["edits"].profiles)
    assert "thorough (edits)" in said


def test_the_last_page_of_the_history_says_that_nothing_is_older(run: Run, told: Told, tickets_in: str) -> None:
    """Something has happened, after all."""
    first = told("history", tickets_in)[-1]["id"]
    assert run("history", tickets_in, "--before", first).stdout == "Nothing older.\n"


def test_cancel_ends_a_run_that_nobody_drives(run: Run, told: Told, tickets_in: str) -> None:
    """And a second time there is nothing to cancel."""
    report = told("evolve", tickets_in, *SMALL)
    assert "already ended" in run("cancel", report["run_id"], code=1).stderr


def test_cancel_says_where_another_process_has_yet_to_stop_the_run(
    run: Run, told: Told, tickets_in: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next step is to look whether it has stopped, and not to cancel it again."""
    monkeypatch.setattr(evolving, "CANCEL_SECONDS", 0)
    report = told("evolve", tickets_in, *SMALL)
    with closing(sqlite3.connect(home / "promptbreeder.db")) as db, db:
        # As if another process drove it, and had just extended its lease.
        driven = "UPDATE runs SET status = 'running', result = NULL, owner = 'another', lease_until = ?"
        db.execute(driven, [time.time() + 25])
    said = run("cancel", report["run_id"]).stdout
    assert f"Run {report['run_id']} on 'tickets': running. " in said
    assert said.endswith("Next:\n  promptbreeder-mcp status tickets\n")
    assert "Cancellation was requested" in run("status", tickets_in).stdout


def test_the_doctor_finds_nothing_wrong_where_nothing_is(run: Run, told: Told, tickets_in: str) -> None:
    """Settings, database and model are each looked at."""
    findings = told("doctor")
    assert all(found["ok"] for found in findings)
    assert {"setting home", "python", "database", "model"} <= {found["check"] for found in findings}
    assert tickets_in
    assert "BAD" not in run("doctor").stdout


def test_the_doctor_says_what_is_wrong_with_status_1(run: Run, told: Told, home: Path) -> None:
    """A model that does not exist, a file that is no database; the report is complete all the same."""
    bad = [found for found in told("--model", "steam", "doctor", code=1) if not found["ok"]]
    assert [found["check"] for found in bad] == ["model"]
    assert "BAD model: 'steam' is not a model" in run("--model", "steam", "doctor", code=1).stdout
    (home / "promptbreeder.db").write_bytes(b"this is no database" * 400)
    bad = [found for found in told("doctor", code=1) if not found["ok"]]
    assert [found["check"] for found in bad] == ["database"]


def test_a_backup_is_made_and_restored(run: Run, told: Told, tickets_in: str, skill_file: Path, home: Path) -> None:
    """Also over a damaged file; it is in the history, and the doctor finds all in order afterwards."""
    copy = run("doctor", "--backup").stdout.strip()
    assert told("doctor", "--backup")["backup"] != copy
    definition = json.loads(skill_file.read_text(encoding="utf-8"))
    run("import", "-", stdin=json.dumps({**definition, "name": "later"}))
    restored = told("doctor", "--restore", copy)
    assert restored["source"] == copy
    assert [line["skill"] for line in told("skills")] == [tickets_in]
    assert "The database: restored from promptbreeder-000001.db by promptbreeder-mcp 0." in run("history").stdout
    (home / "promptbreeder.db").write_bytes(b"this is no database" * 400)
    assert "doctor --restore FILE" in run("skills", code=1).stderr
    said = run("doctor", "--restore", restored["kept"]).stdout
    assert "kept as" in said
    assert [line["skill"] for line in told("skills")] == ["later", tickets_in]
    assert all(found["ok"] for found in told("doctor"))
    assert "there is no backup nowhere.db" in run("doctor", "--restore", "nowhere.db", code=1).stderr
    assert "one at a time" in run("doctor", "--restore", copy, "--backup", code=2).stderr


def test_a_flag_wins_over_the_environment(told: Told, tmp_path: Path) -> None:
    """They have the same names."""
    findings = {found["check"]: found["detail"] for found in told("--home", tmp_path / "other", "doctor")}
    assert findings["setting home"] == str(tmp_path / "other")
    assert (tmp_path / "other" / "promptbreeder.db").exists()


def test_the_demo_does_not_measure_another_model_than_was_asked_for(run: Run, environment: dict[str, str]) -> None:
    """A skill stays on its model, so an earlier demo's would be measured again; another folder helps, and is named."""
    run("import", EXAMPLES / "ticket-route.json")
    with closing(sqlite3.connect(Path(environment["PROMPTBREEDER_HOME"]) / "promptbreeder.db")) as database, database:
        database.execute("UPDATE skills SET body = json_set(body, '$.model', 'embedded:/a.gguf')")
    said = run("demo", code=1).stderr
    assert "on embedded:/a.gguf, and a skill stays on its model; for scripted take another folder" in said
