"""Somebody sends more than anybody reads. Megabytes at a real process: tests/server/test_hostile_process.py."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mcp import Client, MCPError

from promptbreeder.errors import InvalidInput
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
SKILL = {"name": "tickets", "description": "d", "prompt": "Name the queue."}
LIMITS: list[tuple[str, dict[str, Any], int]] = [
    # Tool, the argument that is filled with so many characters ("..."), the most that it may have
    ("define_skill", {**SKILL, "prompt": ...}, 8_000),
    ("define_skill", {**SKILL, "variant": ...}, 8_000),
    ("define_skill", {**SKILL, "description": ...}, 2_000),
    ("define_skill", {**SKILL, "examples": [{"input": ..., "expected": "billing"}]}, 16_000),
    ("run_skill", {"skill": "tickets", "input": ...}, 16_000),
    ("get_prompt", {"skill": "tickets", "input": ...}, 16_000),
    ("compare_prompts", {"skill": "tickets", "b": 2, "input": ...}, 16_000),
    ("record_vote", {"duel_id": "DUEL", "choice": "A", "comment": ...}, 2_000),
    ("record_outcome", {"call_id": "CALL", "correct": True, "note": ...}, 2_000),
    ("promote", {"skill": "tickets", "version": 2, "force": True, "reason": ...}, 2_000),
    ("rollback", {"skill": "tickets", "reason": ...}, 2_000),
]


def filled(arguments: Any, text: str) -> Any:  # noqa: ANN401  whatever JSON holds
    """Return arguments with `text` in the place of the dots."""
    if arguments is ...:
        return text
    if isinstance(arguments, dict):
        return {name: filled(value, text) for name, value in arguments.items()}
    return [filled(value, text) for value in arguments] if isinstance(arguments, list) else arguments


@pytest.mark.parametrize(("tool", "arguments", "limit"), LIMITS)
async def test_every_text_has_a_limit_and_up_to_it_is_taken(
    client: Client, call: Callable[..., Any], tool: str, arguments: dict[str, Any], limit: int
) -> None:
    """8,000 characters for a prompt, 16,000 for an example, 2,000 for whatever else somebody may say."""
    await call(client, "define_skill", **SKILL)
    _, _, duel = await call(client, "compare_prompts", skill="tickets", input="a parcel", b=2)
    _, _, answered = await call(client, "run_skill", skill="tickets", input="a parcel")
    if tool == "rollback":
        await call(client, "promote", skill="tickets", version=2, reason="r", force=True)
    ids = {"DUEL": duel["duel_id"], "CALL": answered["call_id"]}
    arguments = {name: ids.get(value, value) if isinstance(value, str) else value for name, value in arguments.items()}
    failed, told, _ = await call(client, tool, **filled(arguments, "x" * (limit + 1)))
    assert failed
    assert f"{limit}" in told or f"{limit:,}" in told
    assert len(told) < 500
    failed, told, _ = await call(client, tool, **filled(arguments, "xy " * (limit // 3)))
    assert not failed, told


@pytest.mark.parametrize("field", ["input", "expected"])
async def test_lists_have_limits_too(client: Client, call: Callable[..., Any], field: str) -> None:
    """So many examples, labels, candidates; and the message does not repeat what was sent."""
    many = [{"input": f"SECRET{n}", "expected": "billing"} for n in range(501)]
    for wrong in (
        {"examples": many},
        {"labels": ["SECRET"] * 65},
        {"labels": ["SECRET" * 100, "b"]},
        {"settings": {"SECRET" * 1_000: 1}},
        {"settings": {"weights": "SECRET" * 10_000}},
        {"examples": [{"input": "a", "expected": "b", field: {"SECRET": ["SECRET"] * 9_000}}]},
        {"examples": [{"input": "a", "expected": "billing"}], "metric": "SECRET" * 1_000},
    ):
        failed, told, _ = await call(client, "define_skill", **{**SKILL, "name": "new", **wrong})
        assert failed
        assert len(told) < 2_200


async def test_a_filled_in_prompt_has_the_limit_of_an_input(client: Client) -> None:
    """Where it is not a tool that fills it in."""
    with pytest.raises(MCPError, match="16,000 are the most"):
        await client.get_prompt("tickets", {"input": "x" * 16_001})
    assert (await client.get_prompt("tickets", {"input": "x" * 16_000})).messages


async def test_an_error_is_no_longer_than_the_address_that_it_names(client: Client) -> None:
    """Nothing is multiplied on the way back."""
    for address in ("prompt://{}/production", "run://{}", "history://tickets?before={}", "history://{}"):
        sent = address.format("x" * 100_000)
        with pytest.raises(MCPError) as refused:
            await client.read_resource(sent)
        assert len(refused.value.error.message) < len(sent) + 100


async def test_lists_come_in_pages_of_a_hundred_at_most(client: Client, service: Service, actor: Actor) -> None:
    """History and versions, and the pages join without a gap."""
    for number in range(2, 122):
        await service.define_skill(SkillDefinition.parse({**SKILL, "prompt": f"Prompt {number}"}), actor)

    async def read(uri: str) -> list[Any]:
        (content,) = (await client.read_resource(uri)).contents
        page: list[Any] = json.loads(content.text)  # type: ignore[union-attr]  # it is text
        return page

    first = await read("prompt://tickets/versions")
    rest = await read(f"prompt://tickets/versions?after={first[-1]['version']}")
    assert [view["version"] for view in (*first, *rest)] == list(range(1, 122))
    assert len(first) == 100
    assert len(await read("history://tickets")) <= 100
    with pytest.raises(InvalidInput, match="the limit is"):
        await service.examples("tickets", limit=10**9)
