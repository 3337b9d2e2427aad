"""benchmarks/peer_runs.py runs another library's script against the endpoint, and judges what it found."""

# ruff: noqa: ANN401 - the benchmarks are scripts and not a package: their objects have no types here

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from promptbreeder.models.scripted import ScriptedModel

HEAD = """
import json, sys, urllib.request
job = json.loads(open(sys.argv[1]).read())
def ask(text):
    messages = [{"role": "system", "content": "Sort."}, {"role": "user", "content": text}]
    body = {"model": "executor", "messages": messages, "temperature": 0, "max_tokens": job["answer_tokens"]}
    request = urllib.request.Request(job["url"] + "/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request) as response:
        return json.load(response)["choices"][0]["message"]["content"]
def give(**result):
    open(sys.argv[2], "w").write(json.dumps(result))
"""
PEER = """
if job["do"] == "search":
    seen = json.dumps([job["train"], job["development"]])
    assert "secret" not in json.dumps(job) and len(job["train"]) == 60 and len(job["development"]) == 100
    try:
        for line in job["development"][:50] * 2:
            ask(line["input"])
    except urllib.error.HTTPError as error:
        assert error.code == 403
    messages = [["system", "Sort."], ["user", job["place"]]]
    give(library="fake 1.0", instruction="Sort.", demonstrations=0, messages=messages, opening="", state={"a": 1})
else:
    assert job["found"] == {"a": 1}
    give(answers=[ask(text) for text in job["inputs"]])
"""


def _line(number: int) -> dict[str, str]:
    word = ("billing", "delivery")[number % 2]
    return {"input": f"{'secret ' if number >= 160 else ''}ticket {number} is about {word}", "expected": word}


@pytest.fixture
def peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module, with a folder of its own for scripts, two levels below the checkout's stand-in."""
    module = importlib.import_module("peer_runs")
    folder = tmp_path / "benchmarks" / "peers"
    folder.mkdir(parents=True)
    monkeypatch.setattr(module, "FOLDER", folder)
    return module


def _row(peers: Any, tmp_path: Path, script: str, *, budget: int) -> dict[str, Any]:
    (peers.FOLDER / "fake.py").write_text(HEAD + script, encoding="utf-8")
    task = tmp_path / "tickets.jsonl"
    task.write_text("\n".join(json.dumps(_line(number)) for number in range(180)), encoding="utf-8")
    laboratory, task_files = importlib.import_module("laboratory"), importlib.import_module("task_files")

    async def main() -> dict[str, Any]:
        model = ScriptedModel()
        lab = await laboratory.Laboratory.opened(task_files.read_task(task), model, model, budget, final=True)
        lab.peers_python = Path(sys.executable)
        row: dict[str, Any] = await peers.Peer("fake.py").run(lab, 1)
        return row

    return anyio.run(main)


def test_a_library_searches_within_the_budget_and_is_judged_on_test_lines(peers: Any, tmp_path: Path) -> None:
    """It never gets a test line to search on; answering afterwards costs nothing; our decoding takes its own chat."""
    row = _row(peers, tmp_path, PEER, budget=300)
    assert 300 <= row["tokens"] < 300 + 30
    assert row["budget_ended_it"]
    assert (row["lines"], row["library"]) == (20, "fake 1.0")
    # Freely the scripted model repeats the input, in which the label stands.
    assert row["by_decoding"]["free"] == row["accuracy"] == row["development_accuracy"] == 1.0
    assert row["by_decoding"].keys() == {"free", "constrained", "calibrated"}
    assert row["by_decoding"]["constrained"] == 1.0
    assert row["prompt"]["messages"][1] == ["user", "@@INPUT@@"]
    assert row["by_model"]["executor"]["calls"] == row["calls"]


def test_a_library_that_fails_has_a_row_that_says_how(peers: Any, tmp_path: Path) -> None:
    """With what it had spent: a failure is a result, and the table goes on."""
    row = _row(peers, tmp_path, "ask('hello')\nraise SystemExit('it wants a larger model')", budget=300)
    assert row["failed"] == "fake.py ended with 1: it wants a larger model"
    assert row["calls"] == 1
    assert "accuracy" not in row


def test_a_library_that_hangs_is_ended(peers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a row that says so, and the next method has its turn."""
    monkeypatch.setattr(peers, "LONGEST_SECONDS", 1)
    row = _row(peers, tmp_path, "import threading\nthreading.Event().wait()", budget=300)
    assert row["failed"] == "fake.py was ended after 1 s"


def test_what_is_asked_again_is_a_cache_hit(peers: Any, tmp_path: Path) -> None:
    """Counted apart, and not charged."""
    row = _row(peers, tmp_path, PEER, budget=100_000)
    assert (row["calls"], row["cache_hits"]) == (100, 50)
    assert not row["budget_ended_it"]
