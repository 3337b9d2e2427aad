"""Who listens is told what changed: by subscriptions/listen in the new era, by resources/subscribe in the old."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPDeprecationWarning, MCPError
from mcp.client.subscriptions import PromptsListChanged, ResourcesListChanged, ResourceUpdated, Subscription

from promptbreeder.errors import ModelCrashed, RunError
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Change, Service
from promptbreeder_server.announcing import MAX_SUBSCRIPTIONS, resources_of
from promptbreeder_server.server import PromptServer

pytestmark = pytest.mark.anyio
Call = Callable[..., Any]
NEW = ("auto",)
OLD = ("legacy",)
LISTS = ("notifications/resources/list_changed", "notifications/prompts/list_changed")
SECOND = {"name": "tickets", "description": "d", "prompt": "Answer with the queue."}


class Broken(ScriptedModel):
    """Fails each time that it is asked, in other ways."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__()
        self._failures = list(failures)

    def _begin(self, requests: object) -> None:
        del requests
        raise self._failures.pop(0)


@contextmanager
def old_methods() -> Iterator[None]:
    """Allow the SDK's methods for the old era, which it calls deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        yield


async def events(subscription: Subscription, *expected: object) -> None:
    """Return when all `expected` events have come."""
    missing = set(expected)
    with anyio.fail_after(30):
        while missing:
            missing.discard(await anext(subscription))


@pytest.mark.parametrize("mode", NEW)
async def test_a_listener_hears_of_lists_and_of_the_resources_that_it_named(client: Client, call: Call) -> None:
    """A new skill changes the lists, a promotion what is in production."""
    named = ["skills://index", "prompt://tickets/production", "history://tickets", "prompt://tickets/versions"]
    async with client.listen(
        resources_list_changed=True, prompts_list_changed=True, resource_subscriptions=named
    ) as heard:
        assert set(heard.honored.resource_subscriptions or ()) == set(named)
        await call(client, "define_skill", **SECOND)
        await events(heard, ResourcesListChanged(), PromptsListChanged(), *map(ResourceUpdated, named))
        await call(client, "promote", skill="tickets", version=2, reason="why", force=True)
        await events(heard, PromptsListChanged(), *map(ResourceUpdated, named))


@pytest.mark.parametrize("mode", NEW)
async def test_a_listener_hears_that_a_version_came_into_production(client: Client, call: Call) -> None:
    """Each version says whether it is; of those that nobody named nothing is told."""
    await call(client, "define_skill", **SECOND)
    named = ["prompt://tickets/versions/1", "prompt://tickets/versions/2"]
    async with client.listen(resource_subscriptions=[*named, "prompt://other/versions/1"]) as heard:
        await call(client, "promote", skill="tickets", version=2, reason="why", force=True)
        with anyio.fail_after(30):
            assert [await anext(heard) for _ in named] == [*map(ResourceUpdated, named)]


@pytest.mark.parametrize("mode", OLD)
async def test_a_subscriber_of_a_version_hears_that_it_came_into_production(
    client: Client,
    call: Call,
    heard: Any,  # noqa: ANN401
) -> None:
    """As in the new era: of the other version, which nobody named, nothing is told."""
    await call(client, "define_skill", **SECOND)
    with old_methods():
        await client.subscribe_resource("prompt://tickets/versions/2")
    await call(client, "promote", skill="tickets", version=2, reason="why", force=True)
    told = "notifications/resources/updated prompt://tickets/versions/2"
    await heard.wait_for(told)
    assert [note for note in heard.notes if "/versions/" in note] == [told]


@pytest.mark.parametrize("mode", NEW)
async def test_a_listener_hears_of_a_vote(client: Client, call: Call) -> None:
    """It is a line of the history."""
    await call(client, "define_skill", **SECOND)
    duel = await call(client, "compare_prompts", skill="tickets", input="Where is my parcel?")
    async with client.listen(resource_subscriptions=["history://tickets"]) as heard:
        voted = await call(client, "record_vote", duel_id=duel["duel_id"], choice="tie")
        assert voted["ties"] == 1
        await events(heard, ResourceUpdated("history://tickets"))


@pytest.mark.parametrize("mode", NEW)
async def test_a_listener_hears_of_a_run_until_its_end(client: Client, call: Call) -> None:
    """Every step of it; the version that it makes is announced before its end."""
    arguments = {"skill": "tickets", "generations": 15, "budget_tokens": 600_000, "wait_seconds": 0}
    run = await call(client, "evolve_prompt", **arguments)
    updated = ResourceUpdated(f"run://{run['run_id']}")
    async with client.listen(resource_subscriptions=[updated.uri, "prompt://tickets/versions"]) as heard:
        await events(heard, updated)
        await events(heard, ResourceUpdated("prompt://tickets/versions"))
        assert (await call(client, "get_run", run_id=run["run_id"]))["status"] == "finished"


@pytest.mark.parametrize("mode", NEW)
@pytest.mark.parametrize(("failure", "status"), [(ModelCrashed("gone"), "paused"), (RunError("lost"), "failed")])
async def test_a_listener_hears_that_a_run_stopped(  # noqa: PLR0917  fixtures
    database: Path, open_service: Callable[..., Service], call: Call, mode: str, failure: Exception, status: str
) -> None:
    """Paused or failed is news as well as finished, for the run and for the index, where it is no longer going on."""
    server = PromptServer(open_service(database, Broken(ModelCrashed("gone"), failure)))
    async with Client(server, mode=mode, cache=None) as client:
        run = await call(client, "evolve_prompt", skill="tickets")
        assert run["status"] == "paused"
        updated = ResourceUpdated(f"run://{run['run_id']}")
        async with client.listen(resource_subscriptions=[updated.uri, "skills://index"]) as heard:
            again = await call(client, "evolve_prompt", skill="tickets", run_id=run["run_id"])
            assert again["status"] == status
            await events(heard, updated, ResourceUpdated("skills://index"))


@pytest.mark.parametrize("mode", NEW)
async def test_a_listener_of_the_index_hears_that_a_version_was_measured(client: Client, call: Call) -> None:
    """The index shows the accuracy on the gate split; the lists stay as they are."""
    async with client.listen(resources_list_changed=True, resource_subscriptions=["skills://index"]) as heard:
        await call(client, "get_fitness", skill="tickets")
        with anyio.fail_after(30):
            assert await anext(heard) == ResourceUpdated("skills://index")
        assert (await call(client, "get_fitness"))["skills"][0]["gate"] is not None


@pytest.mark.parametrize("mode", OLD)
async def test_a_subscriber_of_the_old_era_hears_until_it_unsubscribes(client: Client, call: Call, heard: Any) -> None:  # noqa: ANN401
    """Subscribing twice is subscribing once; lists are announced to everybody."""
    uri = "prompt://tickets/production"
    with old_methods():
        await client.subscribe_resource(uri)
        await client.subscribe_resource(uri)
        await call(client, "define_skill", **SECOND)
        await heard.wait_for(*LISTS, f"notifications/resources/updated {uri}")
        await client.unsubscribe_resource(uri)
    heard.notes.clear()
    await call(client, "define_skill", name="new", description="d", prompt="p")
    await heard.wait_for(*LISTS)
    await call(client, "promote", skill="tickets", version=2, reason="why", force=True)
    await call(client, "define_skill", name="newer", description="d", prompt="p")
    with anyio.fail_after(30):
        while heard.notes.count(LISTS[0]) < 2:
            await anyio.lowlevel.checkpoint()
    assert not [note for note in heard.notes if uri in note]


@pytest.mark.parametrize("mode", OLD)
async def test_an_update_is_told_once_to_a_subscriber(client: Client, call: Call, heard: Any) -> None:  # noqa: ANN401
    """Messages come in order, so what comes after the second list change was not sent before it."""
    with old_methods():
        for _ in range(3):
            await client.subscribe_resource("history://tickets")
    for number in (1, 2):
        await call(client, "define_skill", **{**SECOND, "prompt": f"p{number}"})
        with anyio.fail_after(30):
            while heard.notes.count("notifications/resources/updated history://tickets") < number:
                await anyio.lowlevel.checkpoint()
    assert heard.notes.count("notifications/resources/updated history://tickets") == 2


@pytest.mark.parametrize("mode", OLD)
async def test_subscriptions_are_bounded(client: Client, call: Call) -> None:
    """A client that subscribes without end is refused, and served all the same."""
    with old_methods():
        for number in range(MAX_SUBSCRIPTIONS):
            await client.subscribe_resource(f"run://r-{number}")
        with pytest.raises(MCPError, match="at most"):
            await client.subscribe_resource("run://one-more")
        await client.unsubscribe_resource("run://r-0")
        await client.subscribe_resource("run://one-more")
        with pytest.raises(MCPError, match="at most"):
            await client.subscribe_resource("run://" + "x" * 1_000)
    assert await call(client, "get_fitness")


async def test_a_subscriber_hears_of_what_another_process_does(
    service: Service,
    database: Path,
    open_service: Callable[..., Service],
    actor: Actor,
    heard: Any,  # noqa: ANN401
) -> None:
    """A command line defines skills while a client has its list."""
    async with open_service(database) as other, anyio.create_task_group() as group:

        async def define() -> None:
            # The server follows from when it looks first.
            for number in range(1_000):
                definition = SkillDefinition(name=f"s-{number}", description="d", prompt="p")
                await other.define_skill(definition, actor)

        async with Client(PromptServer(service, follow_every=0), mode="legacy", message_handler=heard.take, cache=None):
            group.start_soon(define)
            await heard.wait_for(*LISTS)
            assert set(LISTS) <= set(heard.notes)
        group.cancel_scope.cancel()


async def test_a_subscriber_that_left_is_forgotten(service: Service, call: Call) -> None:
    """The next client of the same server is told, and nothing breaks."""
    server = PromptServer(service)
    for name in ("one", "two"):
        async with Client(server, mode="legacy") as client:
            with old_methods():
                await client.subscribe_resource("skills://index")
            await call(client, "define_skill", name=name, description="d", prompt="p")
            assert len(server._announcer._subscribed) == 1
    assert server._announcer._subscribed == {}


@pytest.mark.parametrize("kind", ["skills", "version", "production", "run", "history"])
def test_every_change_but_a_measurement_touches_the_history(kind: str) -> None:
    """And every resource that is announced has a form that can be read."""
    assert resources_of(Change("measured", "s")) == ("skills://index",)
    uris = resources_of(Change(kind, "s", "r-1"))
    assert "history://s" in uris
    assert all(uri.startswith(("skills://", "prompt://s/", "history://s", "run://r-1")) for uri in uris)
