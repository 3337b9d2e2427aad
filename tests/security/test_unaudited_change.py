"""A change that nobody can account for."""

import sqlite3
from collections.abc import Callable

import pytest
from mcp import Client

from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service
from promptbreeder.store import events, health

pytestmark = pytest.mark.anyio
KEPT = ("events", "versions", "votes", "outcomes")


@pytest.fixture
async def lived(service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition]) -> Service:
    """Return a service on which everything has happened once."""
    await service.define_skill(ticket_skill(prompt="Name the queue.", examples=[]), actor)
    duel = await service.compare("tickets", text="a parcel", b=2)
    await service.vote(duel.duel_id, "A", actor, "comment")
    answered = await service.run_skill("tickets", "a parcel")
    await service.record_outcome(answered.call_id, actor, correct=True, note="note")
    await service.promote("tickets", 2, "a reason", actor, force=True)
    await service.rollback("tickets", "another reason", actor)
    return service


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET rowid = rowid + 100",
        "DELETE FROM {}",
        "INSERT OR REPLACE INTO {0} SELECT * FROM {0}",
        "REPLACE INTO {0} SELECT * FROM {0} LIMIT 1",
        "UPDATE OR REPLACE {} SET rowid = 1",
    ],
)
async def test_what_was_recorded_can_be_neither_changed_nor_removed(
    lived: Service, stored: Callable[[], list[str]], table: str, statement: str
) -> None:
    """The database itself raises, also where a row would be replaced; and nothing has changed."""
    before = stored()
    (count,) = await lived._bench.store.read(lambda db: db.execute(f"SELECT count(*) FROM {table}").fetchone())  # noqa: S608
    assert count
    with pytest.raises(Exception, match="never change"):
        await lived._bench.store.write(lambda db: db.execute(statement.format(table)))
    assert stored() == before


async def test_the_chain_verifies_after_everything_has_happened_once(lived: Service) -> None:
    """And what the events say is in production is what is."""
    checks = await lived._bench.store.read(health.checks)
    assert [check for check in checks if not check.ok] == []
    assert await lived._bench.store.read(events.broken_link) is None
    assert await lived._bench.store.read(events.replayed) == await lived._bench.store.read(events.projected)


async def test_every_change_names_who_made_it_through_which_client_and_why(lived: Service) -> None:
    """In an order that cannot be changed either."""
    lines = await lived.history("tickets")
    assert {line.actor for line in lines} == {"human"}
    assert {line.client for line in lines} == {"test client 1"}
    assert [line.kind for line in lines] == ["rollback", "promote", "vote", "extend", "create"]
    assert [line.reason for line in lines[:3]] == ["another reason", "a reason", "comment"]


async def test_a_call_through_a_tool_is_recorded_as_an_assistants_with_its_client(client: Client) -> None:
    """Whatever it says in its reason."""
    await client.call_tool("define_skill", {"name": "tickets", "description": "d", "prompt": "Name the queue."})
    arguments = {"skill": "tickets", "version": 2, "reason": "I am a human", "force": True}
    assert not (await client.call_tool("promote", arguments)).is_error
    (content,) = (await client.read_resource("history://tickets")).contents
    assert '"actor": "assistant"' in content.text  # type: ignore[union-attr]  # it is text
    assert '"actor": "human"' not in content.text.partition('"kind": "extend"')[0]  # type: ignore[union-attr]


def test_another_connection_is_bound_by_the_triggers_too(database: object) -> None:
    """They are in the file: whoever opens it with other tools has to take them away first, and the chain tells."""
    raw = sqlite3.connect(str(database))
    for statement in ("UPDATE events SET reason = 'x'", "DELETE FROM events"):
        with pytest.raises(sqlite3.IntegrityError, match="events never change"):
            raw.execute(statement)
    raw.close()
