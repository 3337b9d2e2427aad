"""kill -9 at any moment: what was acknowledged is there, and nothing is there by half."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.store import events, health
from promptbreeder.store.database import Database
from promptbreeder.store.tables import Tables

pytestmark = pytest.mark.anyio

_KILLS = 40


async def test_killed_processes_lose_no_acknowledged_vote_and_leave_no_half_of_one(
    store: Database, stock: Callable[..., None], processes: Callable[..., Any]
) -> None:
    """A vote is a duel's row, the vote's row and an event: all three or none, and all three once acknowledged."""
    await store.write(stock)
    store.close()
    acknowledged = processes("kill", store.path, _KILLS, 11)["acknowledged"]
    assert len(set(acknowledged)) == len(acknowledged) >= _KILLS

    def stored(db: Tables) -> list[set[str]]:
        return [
            {row["duel_id"] for row in db.query("SELECT duel_id FROM duels")},
            {row["duel_id"] for row in db.query("SELECT duel_id FROM votes")},
            {json.loads(row["data"])["duel"] for row in db.query("SELECT data FROM events WHERE kind = 'vote'")},
        ]

    made, voted, told = await store.read(stored)
    assert set(acknowledged) - voted == set()
    assert made == voted == told
    assert [check for check in await store.read(health.checks) if not check.ok] == []


async def test_a_server_killed_in_its_first_migration_leaves_a_file_that_opens(
    processes: Callable[..., Any], path: Path
) -> None:
    """At whatever statement it died, the next server finds the old state and migrates from there."""
    path.parent.mkdir()
    for file in processes("migrating", path)["files"]:
        assert Path(file).exists()  # noqa: ASYNC240  nothing else runs in this loop
        store = Database(Path(file))
        assert [check for check in await store.read(health.checks) if not check.ok] == []
        store.close()


async def test_readers_go_on_after_another_process_died_in_a_large_write(
    store: Database, note: Callable[..., int], reasons: Callable[[Tables], list[str]], processes: Callable[..., Any]
) -> None:
    """Half of it is in the file: a server that only reads must be able to roll it back."""
    await store.write(lambda db: note(db, "before"))
    assert await store.read(reasons) == ["before"]
    assert processes("spill", store.path)["journal"]
    assert await store.read(reasons) == ["before"]
    assert await store.read(events.broken_link) is None
