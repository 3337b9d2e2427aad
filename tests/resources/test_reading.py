"""Resources are read-only views: each holds what the tools say, as JSON."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp_types import PromptReference, ResourceTemplateReference, TextResourceContents

from promptbreeder.errors import StoreUnavailable
from promptbreeder.prompt import Prompt
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
Call = Callable[..., Any]
SMALL = {"skill": "tickets", "generations": 2, "population": 6, "budget_tokens": 60_000, "wait_seconds": 300}
GOOD = "Answer with the queue."


async def read(client: Client, uri: str) -> Any:  # noqa: ANN401
    """Return what a resource holds."""
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    return json.loads(content.text)


async def test_the_index_and_every_production_prompt_are_listed_the_rest_as_templates(
    client: Client, call: Call
) -> None:
    """Some clients never list templates: what they need most is listed by name."""
    await call(client, "define_skill", name="another", description="d", prompt="p")
    listed = [resource.uri for resource in (await client.list_resources()).resources]
    assert listed == ["skills://index", "prompt://another/production", "prompt://tickets/production"]
    templates = {t.uri_template for t in (await client.list_resource_templates()).resource_templates}
    assert templates == {
        "prompt://{skill}/production",
        "prompt://{skill}/versions{?after}",
        "prompt://{skill}/versions/{n}",
        "history://{skill}{?before}",
        "history://{skill}/production/{time}",
        "run://{run_id}",
    }


async def test_the_index_holds_a_line_a_skill(client: Client, call: Call) -> None:
    """The same lines as get_fitness without a skill."""
    assert await read(client, "skills://index") == (await call(client, "get_fitness"))["skills"]


async def test_prompts_are_data_with_their_provenance(client: Client, call: Call) -> None:
    """Production, all versions, and one of them are the same views that get_prompt gives."""
    await call(client, "define_skill", name="tickets", description="d", prompt=GOOD)
    run = await call(client, "evolve_prompt", **SMALL)
    views = [await call(client, "get_prompt", skill="tickets", version=n) for n in (1, 2, 3)]
    assert await read(client, "prompt://tickets/production") == views[0]
    assert await read(client, "prompt://tickets/versions") == views
    assert [await read(client, f"prompt://tickets/versions/{n}") for n in (1, 2, 3)] == views
    evolved = views[2]
    assert (evolved["version"], evolved["origin"], evolved["run_id"]) == (3, "evolved", run["run_id"])
    assert evolved["operator"]
    assert await read(client, f"run://{run['run_id']}") == run


async def test_a_history_is_read_page_by_page_newest_first(client: Client, call: Call) -> None:
    """Fifty events a page; the oldest id of a page asks for the next."""
    for number in range(60):
        await call(client, "define_skill", name="tickets", description="d", prompt=f"{GOOD} {number}")
    first = await read(client, "history://tickets")
    second = await read(client, f"history://tickets?before={first[-1]['id']}")
    ids = [event["id"] for event in first + second]
    assert (len(first), len(second)) == (50, 11)
    assert ids == sorted(ids, reverse=True)
    assert second[-1]["kind"] == "create"


async def test_production_at_a_time_is_a_resource(client: Client, call: Call) -> None:
    """As the command line tells it."""
    await call(client, "get_fitness")
    past = await read(client, "history://tickets/production/2001-01-01")
    assert (past["version"], past["at"]) == (None, "2001-01-01T00:00:00Z")
    assert (await read(client, "history://tickets/production/2999-12-31T23:59:59Z"))["version"] == 1


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("prompt://nobody/production", "no skill named 'nobody'; there are: tickets"),
        ("prompt://nobody/versions", "no skill named 'nobody'"),
        ("prompt://tickets/versions/9", "no version 9"),
        ("prompt://tickets/versions/0", "no version 0"),
        ("prompt://tickets/versions/-1", "is not a version number"),
        ("prompt://tickets/versions/1.5", "is not a version number"),
        ("prompt://tickets/versions/\u0661", "is not a version number"),
        ("prompt://tickets/versions/99999999999999999999", "is not a version number"),
        ("history://nobody", "no skill named 'nobody'"),
        ("history://tickets?before=first", "'first' is not the id of an event"),
        ("history://tickets/production/yesterday", "'yesterday' is no time"),
        ("history://nobody/production/2026-01-31", "no skill named 'nobody'"),
        ("run://r-0", "no run 'r-0'"),
        ("prompt://..%2f..%2fetc%2fpasswd/production", "no|Unknown"),
        ("prompt://tickets/../../etc/passwd", "Unknown"),
        ("file:///etc/passwd", "Unknown resource"),
        ("skills://other", "Unknown resource"),
        ("no address", "Unknown resource"),
    ],
)
async def test_what_is_not_there_is_an_error_and_the_server_goes_on(client: Client, uri: str, reason: str) -> None:
    """The error says what there is; it is one of the request, not of the server."""
    with pytest.raises(MCPError, match=reason) as refused:
        await client.read_resource(uri)
    assert refused.value.code == -32602
    assert await read(client, "skills://index")


async def test_a_database_that_fails_is_an_error_of_the_reading(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says why, in text that can be sent; lists are shorter meanwhile, and completions empty."""

    async def fails(*_: object, **__: object) -> None:
        raise StoreUnavailable("/home/\udcff/promptbreeder.db cannot be read")

    with monkeypatch.context() as patched:
        patched.setattr(service, "skills", fails)
        with pytest.raises(MCPError, match=r"/home/\?/promptbreeder.db cannot be read") as refused:
            await client.read_resource("skills://index")
        assert refused.value.code == -32603
        assert [resource.uri for resource in (await client.list_resources()).resources] == ["skills://index"]
        assert (await client.list_prompts()).prompts == []
        assert await completed(client, "prompt://{skill}/production", "skill", "") == []
    assert await read(client, "skills://index")


async def completed(client: Client, template: str, name: str, value: str, **known: str) -> list[str]:
    """Return the completions of a template's argument."""
    reference = ResourceTemplateReference(type="ref/resource", uri=template)
    return (await client.complete(reference, {"name": name, "value": value}, known)).completion.values


async def test_skills_versions_and_runs_are_completed(client: Client, call: Call) -> None:
    """By what was typed so far; newest version first; nothing for what is not known."""
    await call(client, "define_skill", name="tiny", description="d", prompt=GOOD)
    await call(client, "define_skill", name="tickets", description="d", prompt=GOOD)
    run = await call(client, "evolve_prompt", **SMALL)
    one, versions = "prompt://{skill}/versions/{n}", "prompt://{skill}/versions{?after}"
    assert await completed(client, versions, "skill", "ti") == ["tickets", "tiny"]
    assert await completed(client, versions, "skill", "tin") == ["tiny"]
    assert await completed(client, versions, "skill", "x") == []
    assert await completed(client, one, "n", "", skill="tickets") == ["3", "2", "1"]
    assert await completed(client, one, "n", "2", skill="tickets") == ["2"]
    assert await completed(client, one, "n", "", skill="nobody") == []
    assert await completed(client, one, "n", "") == []
    assert await completed(client, "run://{run_id}", "run_id", "r-") == [run["run_id"]]
    assert await completed(client, "history://{skill}", "before", "") == []
    reference = PromptReference(type="ref/prompt", name="tickets")
    assert (await client.complete(reference, {"name": "input", "value": ""})).completion.values == []


async def test_no_more_completions_are_sent_than_the_protocol_allows(client: Client, call: Call) -> None:
    """It is said how many there are."""
    for number in range(101):
        await call(client, "define_skill", name=f"skill-{number}", description="d", prompt="p")
    reference = ResourceTemplateReference(type="ref/resource", uri="prompt://{skill}/production")
    found = (await client.complete(reference, {"name": "skill", "value": "skill-"})).completion
    assert (len(found.values), found.total, found.has_more) == (100, 101, True)


async def test_every_skill_is_a_prompt_that_follows_production(client: Client, call: Call) -> None:
    """Filled in with the input; a system turn opens the first user turn, since MCP has none."""
    await call(client, "define_skill", name="tickets", description="d", prompt=GOOD)
    (prompt,) = (await client.list_prompts()).prompts
    assert (prompt.name, prompt.description) == ("tickets", "The prompt in production, filled in")
    assert [(argument.name, argument.required) for argument in prompt.arguments or ()] == [("input", True)]
    await call(client, "promote", skill="tickets", version=2, reason="equal", force=True)
    filled = await client.get_prompt("tickets", {"input": "My parcel"})
    assert [(message.role, getattr(message.content, "text", "")) for message in filled.messages] == [
        ("user", f"{GOOD}\n\nMy parcel")
    ]
    assert filled.description == "Version 2 of 'tickets'"


async def test_the_demonstrations_of_a_prompt_are_turns_of_it(client: Client, call: Call) -> None:
    """As the executor reads them, in turn."""
    run = await call(client, "evolve_prompt", **SMALL)
    assert run["best"]["demonstrations"] > 0
    await call(client, "promote", skill="tickets", version=run["version"], reason="better")
    view = await call(client, "get_prompt", skill="tickets", input="a courier")
    messages = (await client.get_prompt("tickets", {"input": "a courier"})).messages
    assert {message.role for message in messages} <= {"user", "assistant"}
    assert [getattr(message.content, "text", "") for message in messages][-1].endswith(view["messages"][-1]["content"])
    assert sum(message.role == "assistant" for message in messages) in {0, run["best"]["demonstrations"]}


async def test_a_prompt_in_two_steps_is_not_filled_in_by_half(
    client: Client, service: Service, call: Call, evolved: Callable[..., Any]
) -> None:
    """It needs an answer in between; the error says who can give it."""
    version = await evolved(service, Prompt(instruction="Think.", second_instruction="So:"))
    await call(client, "promote", skill="tickets", version=version, reason="a test", force=True)
    with pytest.raises(MCPError, match=f"version {version} works in two steps.*call run_skill"):
        await client.get_prompt("tickets", {"input": "My parcel"})
    assert (await read(client, "prompt://tickets/production"))["messages"][-1] == {"role": "user", "content": "So:"}


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("nobody", {"input": "x"}, "no skill named 'nobody'"),
        ("tickets", {}, "give `input`"),
        ("tickets", {"input": " "}, "give"),
    ],
)
async def test_a_prompt_that_cannot_be_filled_in_is_an_error(
    client: Client, name: str, arguments: dict[str, str], reason: str
) -> None:
    """One of the request, which says what is missing."""
    with pytest.raises(MCPError, match=reason) as refused:
        await client.get_prompt(name, arguments)
    assert refused.value.code == -32602
    assert (await client.list_prompts()).prompts
