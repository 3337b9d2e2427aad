"""Outcomes through the tools: what an assistant reports, and what it is told of drift."""

from collections.abc import Callable
from typing import Any

import pytest
from mcp import Client
from mcp_types import CallToolResult, Implementation

from promptbreeder.service import Service
from promptbreeder_server.server import PromptServer

pytestmark = pytest.mark.anyio
Call = Callable[..., Any]
Text = Callable[[CallToolResult], str]
MAX_RESULT_BYTES = 8_000


async def answered(client: Client, call: Call, text: str = "a courier is lost") -> str:
    """Return the id of a call of production."""
    return str((await call(client, "run_skill", skill="tickets", input=text))["call_id"])


async def test_the_history_says_which_client_it_was_with_its_version(service: Service, mode: str, call: Call) -> None:
    """In both eras, as the client names itself, and that an assistant relayed it."""
    info = Implementation(name="some client", version="7.1")
    async with Client(PromptServer(service), mode=mode, client_info=info) as client:
        await call(client, "record_outcome", call_id=await answered(client, call), expected="delivery")
        line = (await service.history("tickets", limit=1))[0]
    assert (line.actor, line.client) == ("assistant", "some client 7.1")


async def test_an_outcome_is_reported_by_the_id_that_the_answer_came_with(
    client: Client, call: Call, text: Text
) -> None:
    """All of the data are in the text too; who reported it is the client, in the history of the example."""
    result = await client.call_tool("record_outcome", {"call_id": await answered(client, call), "expected": "delivery"})
    said = result.structured_content
    assert said is not None
    assert (said["skill"], said["version"], said["counted"], said["example"]) == ("tickets", 1, True, "added")
    assert (said["drift"]["state"], said["drift"]["n"]) == ("not enough data", 1)
    for told in ("tickets", "version 1", said["call_id"], f"the {said['split']} split", said["drift"]["sentence"]):
        assert told in text(result)


async def test_a_second_outcome_of_a_call_is_refused(client: Client, call: Call, text: Text) -> None:
    """An assistant that tries again after a lost answer counts nothing twice."""
    given = {"call_id": await answered(client, call), "correct": True}
    assert not (await client.call_tool("record_outcome", given)).is_error
    again = await client.call_tool("record_outcome", given)
    assert again.is_error
    assert "has its outcome already (right)" in text(again)


async def test_a_failing_prompt_shows_wherever_one_looks(client: Client, call: Call, text: Text) -> None:
    """The report says what to do next, and get_fitness the state of production."""
    *_, result = [
        await client.call_tool(
            "record_outcome", {"call_id": await answered(client, call), "correct": False, "note": "no"}
        )
        for _ in range(20)
    ]
    assert "Failing: 0 of the last 20 answers of version 1 right" in text(result)
    assert "evolve_prompt('tickets')" in text(result)
    fitness = await client.call_tool("get_fitness", {"skill": "tickets"})
    assert fitness.structured_content is not None
    drift = fitness.structured_content["version"]["drift"]
    assert (drift["state"], drift["right"], drift["n"], drift["probation"]) == ("failing", 0, 20, True)
    assert "Live: Failing: 0 of the last 20" in text(fitness)


async def test_a_long_correction_is_stored_whole_and_told_short(client: Client, call: Call, text: Text) -> None:
    """The result fits an assistant's context."""
    await call(client, "define_skill", name="long", description="d", prompt="p", metric="contains")
    call_id = (await call(client, "run_skill", skill="long", input="y " * 8_000))["call_id"]
    result = await client.call_tool("record_outcome", {"call_id": call_id, "expected": "x " * 7_999})
    assert not result.is_error, text(result)
    assert len(text(result)) < MAX_RESULT_BYTES
