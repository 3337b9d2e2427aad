"""benchmarks/transfer.py measures a second skill with and without a first, resumes, and prints what is there."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.requests import SkillDefinition

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "transfer.py"
WORDS = {"kitchen": ("kettle", "spoon"), "garden": ("tulip", "hedge"), "cellar": ("bottle", "fuse")}


def _thing(number: int) -> dict[str, str]:
    room = list(WORDS)[number % 3]
    return {"input": f"Thing {number}: {WORDS[room][number // 3 % 2]}", "expected": room}


@pytest.fixture
def files(tmp_path: Path, ticket_skill: Callable[..., SkillDefinition]) -> tuple[Path, Path]:
    """Return two skill files."""
    house = {
        "name": "house",
        "description": "Say to which room a thing belongs.",
        "prompt": "Say where in the house this belongs.",
        "labels": list(WORDS),
        "examples": [_thing(number) for number in range(120)],
        "salt": "salt",
    }
    first, second = tmp_path / "tickets.json", tmp_path / "house.json"
    first.write_text(json.dumps(ticket_skill().model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    second.write_text(json.dumps(house), encoding="utf-8")
    return first, second


@pytest.fixture(autouse=True)
def _quick(quick_store: None) -> None:
    pass


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs the script in this process, and returns what it printed."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    script = importlib.import_module("transfer")

    def ran(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        script.main()
        return capsys.readouterr().out

    return ran


def _rows(path: Path) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len({row["arm"] for row in rows}) == len(rows)
    return {row["arm"]: row for row in rows}


def test_a_second_skill_is_measured_with_and_without_the_first(
    run: Callable[..., str], files: tuple[Path, Path], tmp_path: Path
) -> None:
    """Each arm a row with its curve; what is there is not measured again; the table compares tokens to one target."""
    results, (first, second) = tmp_path / "results.jsonl", files
    common = ("--results", results, "--first", first, "--second", second, "--model", "scripted", "--seeds", 1)
    run(*common, "--budget-tokens", 12_000, "--arms", "alone")
    run(*common, "--budget-tokens", 12_000)
    rows = _rows(results)
    assert list(rows) == ["alone", "patterns", "inherit"]
    for row in rows.values():
        assert (row["task"], row["strategy"], row["seed"]) == ("house", "auto", 1)
        spent, best = zip(*row["curve"], strict=True)
        assert list(spent) == sorted(spent)
        assert list(best) == sorted(best)
        assert spent[-1] <= row["tokens"] <= 12_000
    assert rows["alone"]["inherited"] == ""
    assert "examples as turns" in rows["patterns"]["inherited"]
    assert " of 'tickets'" in rows["inherit"]["inherited"]
    table = run("--results", results, "--table", "--target", 0.7)
    assert "tickets -> house, alone: reached 1 of 1 times, median" in table
    tokens = {arm: next(spent for spent, best in row["curve"] if best >= 0.7) for arm, row in rows.items()}
    assert tokens["patterns"] < tokens["alone"]
    assert f"tickets -> house, seed 1, patterns: {tokens['patterns']:,} tokens to 0.70" in table
    assert "seed 1, inherit: not reached to 1.10" in run("--results", results, "--table", "--target", 1.1)
