"""Votes through a client: passed on by the assistant, or given by the user in a form, in either era."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal, TypeAlias

import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from promptbreeder.service import Service
from promptbreeder_server.server import PromptServer

pytestmark = pytest.mark.anyio
Call = Callable[..., Any]
Action: TypeAlias = Literal["decline", "cancel"]
PAIR = {"name": "tone", "description": "d", "prompt": "One.", "variant": "Another.", "metric": "preference"}


class User:
    """Somebody before a client that shows forms."""

    def __init__(self) -> None:
        """Answer with `answer`, which a test may change."""
        self.answer = ElicitResult(action="accept", content={"choice": "A", "comment": "clearer"})
        self.asked: list[str] = []
        self.fields: dict[str, Any] = {}

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        """Note what was asked."""
        del context
        assert isinstance(params, ElicitRequestFormParams)
        self.asked.append(params.message)
        self.fields = params.requested_schema["properties"]
        return self.answer


@pytest.fixture
def user() -> User:
    """Return a user who likes A."""
    return User()


@pytest.fixture
async def forms(service: Service, mode: str, user: User) -> AsyncIterator[Client]:
    """Return a client that shows forms to `user`."""
    async with Client(PromptServer(service), mode=mode, elicitation_callback=user) as connected:
        yield connected


async def duel_of(client: Client, call: Call) -> dict[str, Any]:
    """Return a duel of two hand-written prompts."""
    await call(client, "define_skill", **PAIR)
    found: dict[str, Any] = await call(client, "compare_prompts", skill="tone", input="hello there")
    return found


async def test_the_user_votes_in_a_form_where_the_client_shows_one(forms: Client, call: Call, user: User) -> None:
    """Both answers are in it, and not which prompt gave which; the vote counts as the user's own."""
    duel = await duel_of(forms, call)
    assert "asks the user in a form" in duel["next_step"]
    report = await call(forms, "record_vote", duel_id=duel["duel_id"])
    assert user.asked == [f"Input: hello there\n\nA: {duel['a']}\n\nB: {duel['b']}"]
    assert user.fields["choice"]["enum"] == ["A", "B", "tie"]
    assert report["chosen_version"] == report["a_version"]
    assert (sum(report["human"].values()), sum(report["relayed"].values())) == (1, 0)


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_form_that_is_not_filled_in_is_no_vote(
    forms: Client, call: Call, user: User, text: Callable[[CallToolResult], str], action: Action
) -> None:
    """The duel stays open; a choice that the user then says in the chat is taken, and counted as passed on."""
    duel = await duel_of(forms, call)
    user.answer = ElicitResult(action=action)
    refused = await forms.call_tool("record_vote", {"duel_id": duel["duel_id"]})
    assert refused.is_error
    assert "nothing was recorded" in text(refused)
    report = await call(forms, "record_vote", duel_id=duel["duel_id"], choice="tie")
    assert (report["ties"], report["relayed"]["ties"], sum(report["human"].values())) == (1, 1, 0)
    assert len(user.asked) == 1


@pytest.mark.parametrize(
    "content", [{"choice": "C"}, {"comment": "no choice"}, {"choice": "A", "comment": "x" * 2_001}]
)
async def test_a_form_that_makes_no_sense_is_no_vote(
    forms: Client, call: Call, user: User, text: Callable[[CallToolResult], str], *, content: dict[str, Any]
) -> None:
    """Whatever a client sends for its user; what is wrong is said, and what to do."""
    duel = await duel_of(forms, call)
    user.answer = ElicitResult(action="accept", content=content)
    refused = await forms.call_tool("record_vote", {"duel_id": duel["duel_id"]})
    assert refused.is_error
    assert re.search(r"the form came back wrong \((choice|comment): .+\); nothing was recorded", text(refused))
    assert text(refused).endswith("ask the user, then call again with choice A, B or tie")
    assert "Resolver" not in text(refused)
    assert (await call(forms, "record_vote", duel_id=duel["duel_id"], choice="A"))["wins"] in {0, 1}


async def test_nobody_is_asked_about_a_duel_that_takes_no_vote(
    forms: Client, call: Call, user: User, text: Callable[[CallToolResult], str]
) -> None:
    """A form whose answer would be thrown away is not shown."""
    duel = await duel_of(forms, call)
    await call(forms, "record_vote", duel_id=duel["duel_id"], choice="B")
    for duel_id, reason in ((duel["duel_id"], "has its vote already (B)"), ("d-0", "no duel 'd-0'")):
        refused = await forms.call_tool("record_vote", {"duel_id": duel_id})
        assert refused.is_error
        assert reason in text(refused)
    assert user.asked == []


async def test_without_forms_the_assistant_must_say_the_choice(
    client: Client, call: Call, text: Callable[[CallToolResult], str]
) -> None:
    """It is told so, and not to choose itself."""
    duel = await duel_of(client, call)
    assert "form" not in duel["next_step"]
    refused = await client.call_tool("record_vote", {"duel_id": duel["duel_id"]})
    assert refused.is_error
    assert "shows no forms: ask the user, then call again with choice" in text(refused)


async def test_run_skill_and_get_prompt_offer_an_open_test(client: Client, call: Call) -> None:
    """As often as the skill says: here always."""
    await call(client, "define_skill", **PAIR, settings={"show_probability": 1})
    for tool in ("run_skill", "get_prompt"):
        found = await call(client, tool, skill="tone", input="hello")
        assert "An A/B test is open: version 2 (0 votes)" in found["notice"]


async def test_a_version_that_is_not_ready_is_refused_with_what_is_missing(
    client: Client, call: Call, text: Callable[[CallToolResult], str]
) -> None:
    """And the evidence is in the fields of get_fitness, for whoever wants to look."""
    await duel_of(client, call)
    refused = await client.call_tool("promote", {"skill": "tone", "version": 2, "reason": "I like it"})
    assert refused.is_error
    assert "More evidence needed: 7 more votes won in a row would do" in text(refused)
    evidence = (await call(client, "get_fitness", skill="tone", version=2))["version"]["evidence"]
    assert (evidence["verdict"], evidence["more_votes"], evidence["product"]) == ("more evidence needed", 7, 1)
    forced = await call(client, "promote", skill="tone", version=2, reason="I like it", force=True)
    assert forced["forced"]
