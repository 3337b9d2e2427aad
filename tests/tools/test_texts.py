"""Texts that look like JSON: they reach a model and the store as they were given."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mcp import Client

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("text", ['{"n": 5}', "[1, 2.0]", "null", "true", '"quoted"', '{"a":1,"a":2}'])
async def test_a_text_that_is_json_stays_the_text_it_is(client: Client, call: Callable[..., Any], text: str) -> None:
    """As input of a prompt and of a duel, and as a second prompt."""
    await call(client, "define_skill", name="pair", description="d", prompt="p", variant=text)
    shown = await call(client, "get_prompt", skill="pair", input=text)
    assert shown["messages"][-1]["content"] == text
    assert (await call(client, "compare_prompts", skill="pair", input=text, a=1, b=2))["input"] == text
    assert (await call(client, "get_prompt", skill="pair", version=2))["text"].strip() == text


async def test_the_right_answer_of_a_json_skill_can_be_said(client: Client, call: Callable[..., Any]) -> None:
    """An outcome's expected answer is a text, also where that text is an object."""
    examples = [{"input": f"order {n}", "expected": json.dumps({"n": n})} for n in range(30)]
    await call(client, "define_skill", name="orders", description="d", prompt="p", metric="json", examples=examples)
    answered = await call(client, "run_skill", skill="orders", input='{"order": 5}')
    report = await call(client, "record_outcome", call_id=answered["call_id"], expected='{"n": 5}')
    assert report["skill"] == "orders"


async def test_lists_and_objects_may_come_as_json_in_a_string(client: Client, call: Callable[..., Any]) -> None:
    """As some clients send them."""
    report = await call(
        client,
        "define_skill",
        name="sent",
        description="d",
        prompt="p",
        examples=json.dumps([{"input": "x", "expected": "y"}]),
        labels=json.dumps(["y", "z"]),
        settings=json.dumps({"votes": 40}),
    )
    assert (report["added"], report["metric"]) == (1, "label")
