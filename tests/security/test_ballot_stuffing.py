"""An agent votes for its user, as often as it can."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from promptbreeder.errors import Conflict, NotFound
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
REPLAYS = 1_000


async def test_a_thousand_replayed_votes_change_nothing(
    client: Client, call: Callable[..., Any], stored: Callable[[], list[str]]
) -> None:
    """Whatever the choice, the comment, the case of the id: after the first not a byte of the database changes."""
    await call(client, "define_skill", name="tickets", description="d", prompt="Name the queue.")
    _, _, duel = await call(client, "compare_prompts", skill="tickets", input="a parcel", b=2)
    failed, _, first = await call(client, "record_vote", duel_id=duel["duel_id"], choice="A")
    assert not failed
    before = stored()
    for number in range(REPLAYS):
        choice = ("A", "B", "tie")[number % 3]
        failed, told, _ = await call(client, "record_vote", duel_id=duel["duel_id"], choice=choice, comment=f"{number}")
        assert failed
        assert "has its vote already (A)" in told
    assert stored() == before
    _, _, after = await call(client, "get_fitness", skill="tickets", version=2)
    counted = after["version"]["evidence"]["votes"]
    assert {name: counted[name] for name in ("wins", "losses", "ties")} == {
        name: first[name] for name in ("wins", "losses", "ties")
    }


@pytest.mark.parametrize("change", [str.upper, lambda i: f"{i} ", lambda i: i[:-1], lambda _: "d-0123456789abcdef"])
async def test_only_the_server_makes_ballots(service: Service, actor: Actor, change: Callable[[str], str]) -> None:
    """An id that was not handed out is none, however alike."""
    await _second(service, actor)
    duel = await service.compare("tickets", text="a parcel", b=2)
    with pytest.raises(NotFound, match="no duel"):
        await service.vote(change(duel.duel_id), "A", actor)


async def test_ids_cannot_be_guessed(service: Service, actor: Actor) -> None:
    """They are drawn, not counted: 64 bits each."""
    await _second(service, actor)
    ids = [(await service.compare("tickets", text="a parcel", b=2)).duel_id for _ in range(20)]
    assert len(set(ids)) == 20
    assert all(len(one) == len("d-") + 16 for one in ids)
    assert len({one[2:6] for one in ids}) > 10


async def test_a_ballot_expires(
    service: Service, database: Path, open_service: Callable[..., Service], actor: Actor
) -> None:
    """A day later it is no vote any more."""
    await _second(service, actor)
    duel = await service.compare("tickets", text="a parcel", b=2)
    async with open_service(database, hours=25) as later:
        with pytest.raises(Conflict, match="has expired"):
            await later.vote(duel.duel_id, "A", actor)


async def test_what_an_assistant_passes_on_is_counted_apart(service: Service, actor: Actor) -> None:
    """It cannot pass for its user: who voted is taken from the way the vote came, not from an argument."""
    await _second(service, actor)
    reports = []
    for number, voter in enumerate((actor, Actor("assistant", "agent 1"), Actor("assistant", "agent 1"))):
        duel = await service.compare("tickets", text=f"parcel {number}", b=2)
        reports.append(await service.vote(duel.duel_id, "tie", voter))
    report = reports[-1]
    assert (report.human.ties, report.relayed.ties) == (1, 2)


async def test_no_argument_says_who_votes(client: Client) -> None:
    """Neither the voter nor the client is named by whoever calls."""
    tool = next(tool for tool in (await client.list_tools()).tools if tool.name == "record_vote")
    assert set(tool.input_schema["properties"]) == {"duel_id", "choice", "comment"}


async def test_which_answer_came_from_which_version_is_not_told(client: Client, call: Callable[..., Any]) -> None:
    """Before the vote, whoever votes does not know for what."""
    await call(client, "define_skill", name="tickets", description="d", prompt="Name the queue.")
    _, _, duel = await call(client, "compare_prompts", skill="tickets", input="a parcel", b=2)
    assert not {"a_version", "b_version", "version"} & set(duel)


async def _second(service: Service, actor: Actor) -> None:
    definition = {"name": "tickets", "description": "d", "prompt": "Name the queue."}
    await service.define_skill(SkillDefinition.parse(definition), actor)
