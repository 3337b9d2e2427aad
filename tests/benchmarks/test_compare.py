"""benchmarks/compare.py measures rows, resumes, and prints what is there and what is not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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


def _measure(results: Path, task_file: Path, *strategies: str, seeds: tuple[int, ...] = (1,)) -> str:
    common = ("--results", results, "--tasks", task_file, "--model", "scripted", "--budget", 6_000)
    return _run(*common, "--seeds", *seeds, "--strategies", *strategies)


def test_rows_hold_accuracy_cost_and_prompt(task_file: Path, tmp_path: Path) -> None:
    """Each under its own decoding and under all that the task has; nothing spends more than the budget."""
    results = tmp_path / "results.jsonl"
    _measure(results, task_file, *FAST)
    rows = {row["strategy"]: row for row in _rows(results)}
    assert tuple(rows) == FAST
    for row in rows.values():
        assert (row["task"], row["test_lines"]) == ("tickets", 40)
        assert row["interval"][0] <= row["test_acc"] <= row["interval"][1]
        assert row["tokens"] <= 6_000
    # Lines 160-199 hold 13 billing, 13 delivery and 14 technical; train has 20 of each, so the first is taken.
    assert rows["majority class"]["test_acc"] == 13 / 40
    assert rows["majority class"]["prompt"] is None
    assert rows["seed prompt"]["prompt"]["instruction"] == "Which queue does this ticket belong to?"
    assert rows["seed prompt"]["seed"] is None
    assert rows["edits"]["seed"] == 1
    assert list(rows["edits"]["by_decoding"]) == ["free", "constrained", "calibrated"]
    assert rows["edits"]["test_acc"] == rows["edits"]["by_decoding"][rows["edits"]["decoding"]]
    assert rows["edits"]["calls"] > 0
    assert rows["edits"]["test_acc"] > rows["seed prompt"]["test_acc"]


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
    assert (json.loads(lines[-1])["strategy"], json.loads(lines[-1])["seed"]) == ("random demonstrations", 2)


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
        found.append((row["prompt"], row["tokens"], row["search_acc"]))
    assert found[0] == found[1]


def test_the_table_says_what_is_not_measured_yet(task_file: Path, tmp_path: Path) -> None:
    """Also of tasks without any row."""
    results = tmp_path / "results.jsonl"
    wanted = ("--table", "--strategies", *FAST, "--seeds", 1, 2)
    assert "Nothing is measured yet." in _run("--results", results, *wanted)
    _measure(results, task_file, "majority class", "random demonstrations")
    said = _run("--results", results, *wanted, "--tasks", task_file, "subj.jsonl")
    assert "| majority class | 1 | 0.325 |" in said
    assert "Not measured yet: seed prompt; nearest demonstrations; random demonstrations (seed 2); edits (seed" in said
    assert said.index("### tickets") < said.index("### subj")
    assert "random demonstrations (seed 1, 2)" in said.partition("### subj")[2]


def test_what_needs_labels_does_not_apply_to_free_text(tmp_path: Path) -> None:
    """It is no gap in the table; and a task without prompts beside it begins with its name."""
    task, results = tmp_path / "shout_it.jsonl", tmp_path / "results.jsonl"
    lines = [{"input": f"word{number}", "expected": f"WORD{number}"} for number in range(170)]
    task.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    _measure(results, task, "random demonstrations, calibrated", "seed prompt")
    assert _rows(results)[1]["prompt"]["instruction"] == "Shout it."
    strategies = ("--strategies", "random demonstrations, calibrated", "seed prompt")
    said = _run("--results", results, "--table", "--seeds", 1, *strategies)
    assert "All of it is measured.\nDo not apply to this task: random demonstrations, calibrated." in said
