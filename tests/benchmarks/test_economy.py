"""benchmarks/economy.py replays races on a matrix, exactly."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "economy.py"
ITEMS = 96
RACES = ("promptbreeder", "edits")
Replay = Callable[..., dict[str, Any]]


def _run(path: Path, seeds: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--matrix", str(path), "--seeds", str(seeds)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """Return a function from prompts, given by decoding and text, and the rows of correct to the report."""

    def replayed(
        prompts: Sequence[tuple[str, str]], correct: Sequence[Sequence[float]], *, seeds: int = 10
    ) -> dict[str, Any]:
        path = tmp_path / "matrix.json"
        data = {
            "task": "toy",
            "model": "toy-1",
            "prompts": [{"instruction": text, "decoding": decoding} for decoding, text in prompts],
            "correct": correct,
            "likelihood": [[value - 1 for value in row] for row in correct],
        }
        path.write_text(json.dumps(data), encoding="utf-8")
        done = _run(path, seeds)
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return replayed


def _row(accuracy: float, seed: int) -> list[float]:
    rng = Random(seed)
    return [float(rng.random() < accuracy) for _ in range(ITEMS)]


def test_a_race_finds_what_is_far_better_for_fewer_calls(replay: Replay) -> None:
    """One prompt of 40 is right nearly always, the others every other time: always found, at less than all calls."""
    prompts = [("free", f"Prompt number {n}.") for n in range(40)]
    report = replay(prompts, [_row(0.95 if n == 23 else 0.5, n) for n in range(40)])
    assert (report["prompts"], report["items"]) == (40, ITEMS)
    for name in RACES:
        race = report["races"][name]
        assert race["full_calls"] == 40 * ITEMS
        for stage in ("race", "race_and_finalists"):
            assert race[stage]["same"] == race[stage]["same_or_not_worse"] == 10
            assert race[stage]["accuracy_lost"] == 0
        assert race["race"]["calls_ratio"] <= race["race_and_finalists"]["calls_ratio"]
        assert race["race_and_finalists"]["reached"] is True


def test_two_ways_of_decoding_one_text_share_their_calls(replay: Replay) -> None:
    """As in a run: label probabilities are computed once, and calibration costs nothing more."""
    twins = [("constrained", "Choose."), ("calibrated", "Choose."), ("free", "Choose.")]
    report = replay(twins, [_row(0.5, n) for n in range(3)], seeds=2)
    assert [report["races"][name]["full_calls"] for name in RACES] == [2 * ITEMS] * 2


def test_what_one_block_tells_is_judged_by_all_other_items(replay: Replay) -> None:
    """What differs on all items is ranked by any block; of equals, the luckier has less left."""
    prompts = [("constrained", f"Prompt number {n}.") for n in range(6)]
    clear = replay(prompts, [_row(0.02 + 0.19 * n, n) for n in range(6)], seeds=20)["likelihood"]
    # Of likelihood the fixture tells what it tells of right and wrong.
    assert clear["likelihood_after_one_block"] == clear["accuracy_after_one_block"] > 0.8
    split = [[float(item % 2 == n % 2) for item in range(ITEMS)] for n in range(6)]
    assert replay(prompts, split, seeds=20)["likelihood"]["accuracy_after_one_block"] < 0


def test_where_all_prompts_are_alike_the_incumbent_stays(replay: Replay) -> None:
    """A change needs a reason; and nothing is lost by any choice."""
    prompts = [("free", f"Prompt number {n}.") for n in range(8)]
    report = replay(prompts, [_row(0.5, 1)] * 8, seeds=3)
    for name in RACES:
        assert report["races"][name]["race"]["same"] == 3
    assert report["likelihood"]["rank_correlation"] == 0


def test_how_likelihood_ranks_is_reported(replay: Replay) -> None:
    """Here it is accuracy shifted by one: it agrees in everything, and picks the best."""
    prompts = [("free", f"Prompt number {n}.") for n in range(12)]
    report = replay(prompts, [_row(n / 12, n) for n in range(12)], seeds=1)
    assert report["likelihood"]["rank_correlation"] == 1
    assert report["likelihood"]["accuracy_of_likeliest"] == report["likelihood"]["best_accuracy"]


def test_what_is_no_matrix_is_refused(tmp_path: Path) -> None:
    """Rows of different lengths cannot be paired."""
    path = tmp_path / "matrix.json"
    prompts = [{"instruction": "a"}, {"instruction": "b"}]
    data = {"task": "", "model": "", "prompts": prompts, "correct": [[1], [1, 0]], "likelihood": [[0], [0, 0]]}
    path.write_text(json.dumps(data), encoding="utf-8")
    done = _run(path, 1)
    assert done.returncode == 1
    assert "needs a row of correct and of likelihood for each prompt" in done.stderr


def test_worse_is_what_mcnemars_exact_test_calls_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six losses and no win have a two-sided p of 0.031, five have 0.063; a better choice is never worse."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    economy = importlib.import_module("economy")
    matrix = importlib.import_module("matrix")
    rows = ((1.0,) * 8, (0.0,) * 6 + (1.0,) * 2, (0.0,) * 5 + (1.0,) * 3)
    found = matrix.Matrix("", "", (), rows, rows)
    assert [economy.is_worse(found, *pair) for pair in ((1, 0), (2, 0), (0, 1), (0, 0))] == [True, False, False, False]
