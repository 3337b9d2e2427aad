"""An assistant as the writer of a run: it reads the brief and hands prompts in."""

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp_types import TextContent

from promptbreeder.models.base import Block, Choice, Choose, Generate, Reply
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Prompt
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service
from promptbreeder_server.server import PromptServer

pytestmark = pytest.mark.anyio
WORDS = ("invoice", "refund", "charge", "parcel", "courier", "doorstep", "crash", "login", "screen")
SMALL = {"skill": "tickets", "population": 6, "budget_tokens": 60_000, "generations": 6}


def obedient(request: Generate) -> str:
    """Answer by what the instruction says of words ("parcel means delivery"), and `billing` where it says nothing.

    As a writer it repeats itself, as small models do.
    """
    item = request.messages[-1].content
    for word, label in re.findall(r"(\w+) means (\w+)", request.messages[0].content):
        if word in item:
            return str(label)
    return "billing"


class Paused(ScriptedModel):
    """A model that waits before its n-th call until it is released, so that a run stands still."""

    def __init__(self, wait_at: int) -> None:
        super().__init__(obedient)
        self._wait_at = wait_at
        self.reached, self.release = anyio.Event(), anyio.Event()

    async def generate(self, requests: Sequence[Generate]) -> Block[Reply]:
        """Answer, when it is time."""
        await self._wait()
        return await super().generate(requests)

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Answer, when it is time."""
        await self._wait()
        return await super().choose(requests)

    async def _wait(self) -> None:
        if self.calls + 1 == self._wait_at:
            self.reached.set()
            await self.release.wait()


@pytest.fixture
async def free(
    database: Path,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
) -> Path:
    """Return a database whose skill is answered freely, so that nothing but what the prompt says counts."""
    async with open_service(database) as service:
        await service.define_skill(ticket_skill(settings={"allowed_decoding": ["free"]}, examples=[]), actor)
    return database


def written_by_an_assistant(brief: dict[str, Any]) -> list[str]:
    """Return prompts made of nothing but the brief: what each failing train example's words stand for."""
    means = {word: failure["expected"] for failure in brief["failures"] for word in WORDS if word in failure["input"]}
    rules = " ".join(f"{word} means {label}." for word, label in means.items())
    return [f"{brief['best'][0]['prompt']} {rules}"]


async def test_an_assistant_that_reads_the_brief_lifts_the_result(
    free: Path, open_service: Callable[..., Service], call: Callable[..., Any]
) -> None:
    """It sees what fails while the run stands still, hands its prompt in, and the same run ends far better."""
    async with Client(PromptServer(open_service(free, ScriptedModel(obedient)))) as client:
        alone = await call(client, "evolve_prompt", **SMALL, wait_seconds=60)
    assert alone["status"] == "finished"

    copy = free.with_name("assisted.db")
    with closing(sqlite3.connect(free)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
    model = Paused(24)
    async with Client(PromptServer(open_service(copy, model))) as client:
        run = await call(client, "evolve_prompt", **SMALL, seed=2, wait_seconds=0)
        with anyio.fail_after(5):
            await model.reached.wait()
        brief = (await call(client, "get_run", run_id=run["run_id"], wait_seconds=0, brief=True))["brief"]
        assert f"run_id='{run['run_id']}'" in brief["answer_with"]
        candidates = written_by_an_assistant(brief)
        await call(
            client, "evolve_prompt", skill="tickets", run_id=run["run_id"], candidates=candidates, wait_seconds=0
        )
        model.release.set()
        assisted = await call(client, "get_run", run_id=run["run_id"], wait_seconds=60)
        assert assisted["status"] == "finished"
        assert assisted["best"]["search_score"] > alone["best"]["search_score"] + 0.2
        fitness = (await call(client, "get_fitness", skill="tickets", version=assisted["version"]))["version"]
        assert fitness["gate"]["accuracy"] > fitness["production_gate"]["accuracy"] + 0.2


async def test_the_brief_of_a_run_that_has_ended_feeds_the_next_one(
    free: Path, open_service: Callable[..., Service], call: Callable[..., Any]
) -> None:
    """It says how; and the text that a client without structured content sees says the same."""
    async with Client(PromptServer(open_service(free, ScriptedModel(obedient)))) as client:
        run = await call(client, "evolve_prompt", **SMALL, wait_seconds=60)
        assert run["brief"] is None
        result = await client.call_tool("get_run", {"run_id": run["run_id"], "brief": True})
        brief = result.structured_content["brief"]
        assert "seed=another" in brief["answer_with"]
        assert isinstance(result.content[0], TextContent)
        assert brief["failures"][0]["input"] in result.content[0].text
        assert (brief["task"], brief["labels"][0]) == ("Route a support ticket to its queue.", "billing")
        assert brief["tried"]
        assert all(re.fullmatch(r"\d+/\d+", record) for record in brief["tried"].values())
        candidates = written_by_an_assistant(brief)
        better = await call(client, "evolve_prompt", **SMALL, seed=2, candidates=candidates, wait_seconds=60)
        assert better["best"]["search_score"] > run["best"]["search_score"] + 0.2


@pytest.mark.parametrize("strategy", ["auto", "edits"])
async def test_gate_and_search_examples_are_never_in_a_brief(
    strategy: str, free: Path, open_service: Callable[..., Service], call: Callable[..., Any]
) -> None:
    """At any step of a run: whoever writes prompts must not see what they are measured on."""
    with closing(sqlite3.connect(free)) as db:
        inputs: dict[str, list[str]] = {}
        for split, text in db.execute("SELECT split, input FROM examples"):
            inputs.setdefault(split, []).append(text)
    model = Paused(24)
    async with Client(PromptServer(open_service(free, model))) as client:
        run = await call(client, "evolve_prompt", **SMALL, strategy=strategy, wait_seconds=0)
        with anyio.fail_after(5):
            await model.reached.wait()
        briefs = [await call(client, "get_run", run_id=run["run_id"], wait_seconds=0, brief=True)]
        model.release.set()
        await call(client, "get_run", run_id=run["run_id"], wait_seconds=60)
        briefs.append(await call(client, "get_run", run_id=run["run_id"], brief=True))
    for found in briefs:
        told = str(found)
        assert [text for split in ("gate", "search") for text in inputs[split] if text in told] == []
    shown = [failure["input"] for failure in briefs[-1]["brief"]["failures"]]
    assert shown
    assert set(shown) <= set(inputs["train"])


async def test_of_a_best_prompt_in_two_steps_both_are_told(
    free: Path, open_service: Callable[..., Service], call: Callable[..., Any], evolved: Callable[..., Any]
) -> None:
    """Half of a prompt tells nobody how it came to its answers."""
    service = open_service(free, ScriptedModel(lambda _: "billing"))
    async with Client(PromptServer(service)) as client:
        two = await evolved(service, Prompt(instruction="Think.", second_instruction="So the queue is:"))
        await call(client, "promote", skill="tickets", version=two, reason="a test", force=True)
        run = await call(client, "evolve_prompt", **{**SMALL, "generations": 1}, wait_seconds=60)
        told = await client.call_tool("get_run", {"run_id": run["run_id"], "brief": True})
    assert told.structured_content is not None
    best, brief = told.structured_content["best"], told.structured_content["brief"]
    assert (best["prompt"], best["second_instruction"]) == ("Think.", "So the queue is:")
    assert "So the queue is:" in {leader["second_instruction"] for leader in brief["best"]}
    assert isinstance(told.content[0], TextContent)
    assert told.content[0].text.count("'Think.', then 'So the queue is:'") == 2


async def test_looking_at_failures_takes_a_hundredth_of_the_budget_at_most(
    free: Path, open_service: Callable[..., Service], call: Callable[..., Any]
) -> None:
    """At most twelve examples a time, journaled with what they cost; with a budget that has no room for one, none."""
    async with Client(PromptServer(open_service(free, ScriptedModel(obedient)))) as client:
        for seed, budget in enumerate((2_000, 60_000)):
            run = await call(client, "evolve_prompt", **{**SMALL, "budget_tokens": budget}, seed=seed, wait_seconds=60)
            with closing(sqlite3.connect(free)) as db:
                rows = db.execute(
                    "SELECT json_array_length(answer, '$.answer.trials'), json_extract(answer, "
                    "'$.usage.prompt_tokens') + json_extract(answer, '$.usage.completion_tokens') FROM run_journal "
                    "WHERE ask_kind = 'probe' AND run_id = ?",
                    [run["run_id"]],
                ).fetchall()
            assert sum(tokens for _, tokens in rows) <= budget / 100
            assert all(trials <= 12 for trials, _ in rows)
            assert any(trials for trials, _ in rows) == (budget == 60_000)
