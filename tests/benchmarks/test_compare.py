"""benchmarks/compare.py measures rows, resumes, and prints what is there and what is not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.runs.plan import ENGINE_VERSION

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "compare.py"
LABELS = ("billing", "delivery", "technical")
WORDS = {
    "billing": ("invoice", "refund", "charge"),
    "delivery": ("parcel", "courier", "doorstep"),
    "technical": ("crash", "login", "screen"),
}
FAST = ("majority class", "seed prompt", "nearest demonstrations", "random demonstrations", "edits")


def _line(number: int) -> dict[str, str]:
    label = LABELS[number % 3]
    word, other = WORDS[label][number // 3 % 3], WORDS[label][number // 9 % 3]
    return {"input": f"Ticket {number}: {word}, {other}", "expected": label}


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    """Return a task of 200 lines: 60 train, 100 development, and 40 of the 300 test lines that there may be."""
    path = tmp_path / "tickets.jsonl"
    path.write_text("\n".join(json.dumps(_line(number)) for number in range(200)), encoding="utf-8")
    hand_written = "Which queue does this ticket belong to?\nName the queue.\n"
    path.with_name("tickets.prompts.txt").write_text(hand_written, encoding="utf-8")
    return path


def _run(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _measure(results: Path, task_file: Path, *methods: str, seeds: tuple[int, ...] = (1,), final: bool = True) -> str:
    common = ("--results", results, "--tasks", task_file, "--model", "scripted", "--budget", 6_000)
    return _run(*common, *(["--final"] if final else []), "--seeds", *seeds, "--methods", *methods)


def test_rows_hold_accuracy_cost_and_prompt(task_file: Path, tmp_path: Path) -> None:
    """Each under its own decoding and under all that the task has; nothing spends more than the budget."""
    results = tmp_path / "results.jsonl"
    _measure(results, task_file, *FAST)
    rows = {row["method"]: row for row in _rows(results)}
    assert tuple(rows) == FAST
    for row in rows.values():
        assert (row["task"], row["lines"]) == ("tickets", 40)
        assert row["interval"][0] <= row["accuracy"] <= row["interval"][1]
        assert row["tokens"] <= 6_000
    # Lines 160-199 hold 13 billing, 13 delivery and 14 technical; train has 20 of each, so the first is taken.
    assert rows["majority class"]["accuracy"] == 13 / 40
    assert rows["majority class"]["prompt"] is None
    assert rows["seed prompt"]["prompt"]["instruction"] == "Which queue does this ticket belong to?"
    assert rows["seed prompt"]["seed"] is None
    assert rows["edits"]["seed"] == 1
    assert list(rows["edits"]["by_decoding"]) == ["free", "constrained", "calibrated"]
    assert rows["edits"]["accuracy"] == rows["edits"]["by_decoding"][rows["edits"]["decoding"]]
    assert rows["edits"]["calls"] > 0
    assert rows["edits"]["accuracy"] > rows["seed prompt"]["accuracy"]


def test_what_is_there_is_not_measured_again(task_file: Path, tmp_path: Path) -> None:
    """A method without chance has one row for all seeds; a line cut off by a crash is measured anew."""
    results = tmp_path / "results.jsonl"
    _measure(results, task_file, "seed prompt", "random demonstrations")
    first = _rows(results)
    with results.open("a", encoding="utf-8") as cut_off:
        cut_off.write('{"task": "tick\n')
    said = _measure(results, task_file, "seed prompt", "random demonstrations", seeds=(1, 2))
    assert said.count("\n") == 1
    lines = results.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines[:2]] == first
    assert (json.loads(lines[-1])["method"], json.loads(lines[-1])["seed"]) == ("random demonstrations", 2)


def test_the_same_seed_finds_the_same(task_file: Path, tmp_path: Path) -> None:
    """In another process, with nothing cached."""
    found = []
    for name in ("one", "other"):
        results = tmp_path / f"{name}.jsonl"
        _measure(results, task_file, "promptbreeder")
        (row,) = _rows(results)
        found.append({field: value for field, value in row.items() if field != "seconds"})
    assert found[0] == found[1]


def test_the_search_never_sees_a_test_line(task_file: Path, tmp_path: Path) -> None:
    """Other test lines change no prompt and no cost."""
    found = []
    for change in ("", " Urgent!"):
        lines = [_line(number) for number in range(200)]
        lines[160:] = [{**line, "input": line["input"] + change} for line in lines[160:]]
        task_file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        results = tmp_path / f"results{len(change)}.jsonl"
        _measure(results, task_file, "promptbreeder")
        (row,) = _rows(results)
        found.append((row["prompt"], row["tokens"], row["development_accuracy"]))
    assert found[0] == found[1]


def test_test_lines_are_read_only_where_it_is_final(task_file: Path, tmp_path: Path) -> None:
    """Without --final the development lines judge, in rows of their own; a file may even have hardly a test line."""
    lines = [_line(number) for number in range(161)]
    task_file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    results = tmp_path / "results.jsonl"
    _measure(results, task_file, "majority class", "edits", final=False)
    _measure(results, task_file, "majority class")
    majority, edits, final = _rows(results)
    # Lines 60-159 hold 34 billing.
    assert (majority["split"], majority["lines"], majority["accuracy"]) == ("development", 100, 0.34)
    assert edits["accuracy"] == edits["development_accuracy"] == edits["by_decoding"][edits["decoding"]]
    assert (final["split"], final["lines"], final["development_accuracy"]) == ("test", 1, 0.34)


def test_a_row_says_what_measured_it(task_file: Path, tmp_path: Path) -> None:
    """Model, code and every kind of cost."""
    results = tmp_path / "results.jsonl"
    _measure(results, task_file, "edits")
    (row,) = _rows(results)
    assert (row["model"], row["writer"], row["engine_version"]) == ("scripted-1", "scripted-1", ENGINE_VERSION)
    assert row["prompt_tokens"] + row["generated_tokens"] == row["tokens"]
    assert {"commit", "cache_hits", "seconds"} <= row.keys()


def test_other_libraries_are_skipped_without_their_environment(task_file: Path, tmp_path: Path) -> None:
    """It is said, and the table shows them as not measured."""
    results = tmp_path / "results.jsonl"
    said = _measure(results, task_file, "GEPA", "TF-IDF + logistic regression", "majority class")
    assert "GEPA: skipped, it needs --peers-python" in said
    assert [row["method"] for row in _rows(results)] == ["majority class"]
    table = _run("--results", results, "--table", "--seeds", 1, "--methods", "peers", "majority class")
    assert "GEPA (seed 1)" in table.partition("Not measured yet: ")[2]


def test_what_does_not_apply_is_no_gap(tmp_path: Path) -> None:
    """What needs labels on free text, or a prompt that nobody wrote; a task without prompts begins with its name."""
    task, results = tmp_path / "shout_it.jsonl", tmp_path / "results.jsonl"
    lines = [{"input": f"word{number}", "expected": f"WORD{number}"} for number in range(170)]
    task.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    methods = ("random demonstrations, calibrated", "good hand-written prompt", "seed prompt")
    _measure(results, task, *methods)
    assert _rows(results)[2]["prompt"]["instruction"] == "Shout it."
    said = _run("--results", results, "--table", "--seeds", 1, "--methods", *methods)
    assert "All of it is measured.\nrandom demonstrations, calibrated does not apply: it needs labels." in said
    assert "good hand-written prompt does not apply: there is none" in said


def test_published_rows_hold_none_of_the_data_and_are_gone_on_from(task_file: Path, tmp_path: Path) -> None:
    """Demonstrations are lines of the task file; a row without them still says what is measured already."""
    results, published = tmp_path / "rows.jsonl", tmp_path / "public.jsonl"
    _measure(results, task_file, "seed prompt", "random demonstrations", "majority class")
    _run("--results", results, "--publish", published)
    rows, shown = _rows(results), _rows(published)
    shots = rows[1]["prompt"]["demonstrations"]
    assert [row["prompt"] and row["prompt"]["demonstrations"] for row in shown] == [0, len(shots), None]
    assert shots
    assert not any(shot["input"] in published.read_text(encoding="utf-8") for shot in shots)
    assert [row["accuracy"] for row in shown] == [row["accuracy"] for row in rows]
    assert not _measure(published, task_file, "seed prompt", "random demonstrations", "majority class")
