"""One skill's life through an MCP client, in both eras, the server started anew in between."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp_types import TextContent, TextResourceContents

pytestmark = pytest.mark.anyio
ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


@ERAS
async def test_votes_turn_the_verdict_and_outcomes_turn_it_back(
    connect: Callable[..., Client],
    call: Callable[..., Any],
    little_evidence: Path,
    environment: dict[str, str],
    mode: str,
) -> None:
    """A refusal says what is missing, the votes bring it, drift is seen, and history tells all after a restart."""
    command = [sys.executable, "-m", "promptbreeder_server", "import", str(little_evidence)]
    await anyio.run_process(command, env=environment)
    async with connect(mode=mode) as client:
        asked = {"generations": 3, "population": 6, "seed": 1}
        run = await call(client, "evolve_prompt", skill="tickets", **asked, wait_seconds=300)
        assert run["version"] == 2
        known = (await call(client, "get_fitness", skill="tickets", version=2))["version"]
        assert known["evidence"]["verdict"] == "more evidence needed"
        refused = await client.call_tool("promote", {"skill": "tickets", "version": 2, "reason": "looks better"})
        assert refused.is_error
        assert isinstance(refused.content[0], TextContent)
        assert "More evidence needed" in refused.content[0].text
        for number in itertools.count():
            duel = await call(client, "compare_prompts", skill="tickets", input=f"My parcel {number}, courier says")
            choice = "A" if duel["a"] == "delivery" else "B"
            assert "delivery" in (duel["a"], duel["b"])
            vote = await call(client, "record_vote", duel_id=duel["duel_id"], choice=choice)
            assert vote["relayed"]["wins"] == number + 1
            known = (await call(client, "get_fitness", skill="tickets", version=2))["version"]
            if known["evidence"]["verdict"] == "ready":
                break
    async with connect(mode=mode) as client:
        moved = await call(client, "promote", skill="tickets", version=2, reason="the votes are in")
        assert (moved["before"], moved["after"], moved["forced"]) == (1, 2, False)
        report: dict[str, Any] = {}
        for text, outcome in [*[("parcel", {"correct": True})] * 20, *[("Paket", {"correct": False})] * 30]:
            answered = await call(client, "run_skill", skill="tickets", input=text)
            report = await call(client, "record_outcome", call_id=answered["call_id"], **outcome)
        assert report["drift"]["state"] == "failing"
        back = await call(client, "rollback", skill="tickets", reason="wrong on German tickets")
        assert (back["before"], back["after"]) == (2, 1)
    async with connect(mode=mode) as client:
        (page,) = (await client.read_resource("history://tickets")).contents
        assert isinstance(page, TextResourceContents)
        for part in ("was defined", "Version 2 is better", "a vote for version 2", "1 -> 2 promoted", "German tickets"):
            assert part in page.text
