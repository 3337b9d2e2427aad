"""From a hand-written prompt to an evolved one in production and back, through a real server process in both eras."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError

pytestmark = pytest.mark.anyio
ERAS = pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
LONG = {"generations": 200, "budget_tokens": 2_000_000, "skill": "ticket-route"}
"""A run that lasts longer than any test looks at it."""


@ERAS
async def test_a_prompt_is_evolved_promoted_used_and_rolled_back(
    connect: Callable[..., Client], call: Callable[..., Any], ticket_route: dict[str, Any], mode: str, version: str
) -> None:
    """Every step's result leads to the next, and a second server process finds all of it."""
    async with connect(mode=mode) as client:
        assert client.protocol_version == version
        defined = await call(client, "define_skill", **ticket_route)
        assert (defined["version"], defined["production"], defined["added"]) == (1, 1, 360)
        assert sum(defined["examples"].values()) == 360
        run = await call(client, "evolve_prompt", skill="ticket-route", budget_tokens=60_000, wait_seconds=300)
        assert (run["status"], run["version"]) == ("finished", 2)
        assert run["best"]["search_score"] > run["baseline"]
        assert await call(client, "get_run", run_id=run["run_id"], wait_seconds=0) == run
        fitness = (await call(client, "get_fitness", skill="ticket-route", version=2))["version"]
        assert fitness["gate"]["accuracy"] > fitness["production_gate"]["accuracy"]
        duel = await call(client, "compare_prompts", skill="ticket-route")
        vote = await call(client, "record_vote", duel_id=duel["duel_id"], choice="B", comment="better")
        assert {vote["a_version"], vote["b_version"]} == {1, 2}
        assert (vote["candidate"], vote["incumbent"], vote["verdict"]) == (2, 1, "open")
        assert (sum(vote["relayed"].values()), sum(vote["human"].values())) == (1, 0)
        promoted = await call(client, "promote", skill="ticket-route", version=2, reason="better on the gate split")
        assert (promoted["before"], promoted["after"], promoted["forced"]) == (1, 2, False)
        answered = await call(client, "run_skill", skill="ticket-route", input="Where is my parcel?")
        assert answered["version"] == 2
        assert answered["answer"]
    async with connect(mode=mode) as client:
        prompt = await call(client, "get_prompt", skill="ticket-route")
        assert (prompt["version"], prompt["production"], prompt["origin"]) == (2, True, "evolved")
        assert prompt["run_id"] == run["run_id"]
        undone = await call(client, "rollback", skill="ticket-route", reason="only a test")
        assert (undone["before"], undone["after"]) == (2, 1)
        assert (await call(client, "get_prompt", skill="ticket-route"))["text"] == ticket_route["prompt"]


@ERAS
async def test_evolve_prompt_returns_at_once_reports_progress_and_is_cancelled(
    connect: Callable[..., Client], call: Callable[..., Any], ticket_route: dict[str, Any], mode: str, version: str
) -> None:
    """With wait_seconds=0 nothing is waited for; progress comes while waiting; only cancel_run ends the work."""
    progress: list[tuple[float, float | None, str | None]] = []
    told = anyio.Event()

    async def tell(done: float, total: float | None, message: str | None) -> None:
        progress.append((done, total, message))
        told.set()

    async with connect(mode=mode) as client:
        assert client.protocol_version == version
        await call(client, "define_skill", **ticket_route)
        run = await call(client, "evolve_prompt", **LONG, wait_seconds=0)
        assert run["status"] == "running"
        assert "get_run" in run["next_step"]
        async with anyio.create_task_group() as group:
            group.start_soon(follow, client, run["run_id"], tell)
            await told.wait()
            # The client sends a cancellation; the call detaches.
            group.cancel_scope.cancel()
        assert progress[0][1] == 2_000_000
        assert (progress[0][2] or "").startswith("generation ")
        going_on = await call(client, "get_run", run_id=run["run_id"], wait_seconds=0)
        assert going_on["status"] == "running"
        cancelled = await call(client, "cancel_run", run_id=run["run_id"])
        assert cancelled["status"] == "cancelled"


async def follow(client: Client, run_id: str, tell: Callable[..., Any]) -> None:
    """Wait for a run, longer than it lasts."""
    await client.call_tool("get_run", {"run_id": run_id, "wait_seconds": 600}, progress_callback=tell)


@ERAS
async def test_a_call_that_times_out_leaves_the_run_going_and_a_second_call_joins_it(
    connect: Callable[..., Client], call: Callable[..., Any], ticket_route: dict[str, Any], mode: str, version: str
) -> None:
    """The same arguments lead to the same run; other arguments are told which run is in the way."""
    async with connect(mode=mode) as client:
        assert client.protocol_version == version
        await call(client, "define_skill", **ticket_route)
        with pytest.raises(MCPError, match=r"[Tt]imed out|timed out"):
            await client.call_tool("evolve_prompt", {**LONG, "wait_seconds": 600}, read_timeout_seconds=0.5)
        joined = await call(client, "evolve_prompt", **LONG, wait_seconds=0)
        assert joined["status"] == "running"
        other = await client.call_tool("evolve_prompt", {**LONG, "seed": 2, "wait_seconds": 0})
        assert other.is_error
        assert joined["run_id"] in str(other.content)
        assert (await call(client, "cancel_run", run_id=joined["run_id"]))["run_id"] == joined["run_id"]
