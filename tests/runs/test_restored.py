"""A backup is restored while a run is going on: the server lives, and what the backup holds of the run goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from promptbreeder.errors import NotFound
from promptbreeder.requests import Actor
from promptbreeder.runs import engine
from promptbreeder.service import Service
from promptbreeder.usecases import evolving

pytestmark = pytest.mark.anyio
DEADLINE = 30


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(evolving, "PROGRESS_SECONDS", 0.01)


async def test_a_backup_from_before_a_run_ends_that_run_and_not_the_server(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    actor: Actor,
) -> None:
    """Who drives the run stops driving it; everything else is answered as before, a new run included.

    Catches an error of the watcher that brings down the task group of all runs.
    """
    held = held_model(4)
    async with open_service(database, held) as server, open_service(database) as other:
        backup = await other.backup()
        run = await evolve(server, wait=0)
        await held.reached.wait()
        await other.restore(backup, actor)
        with anyio.fail_after(DEADLINE):
            await server.engine.wait(run.run_id)
        with pytest.raises(NotFound):
            await server.get_run(run.run_id)
        held.release.set()
        assert (await evolve(server)).status == "finished"


async def test_a_backup_from_within_a_run_lets_it_go_on_from_there(  # noqa: PLR0917  fixtures
    database: Path,
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    journal: Callable[[Path], list[Any]],
    winner: Callable[[Path], Any],
    actor: Actor,
) -> None:
    """Its journal is shorter than who drives it knows: that one stops, and another ends it as if nothing had been.

    Catches a run that is failed for good because its journal is not the one expected.
    """
    whole = copy_of("whole")
    async with open_service(whole) as service:
        await evolve(service)
    held = held_model(4)
    async with open_service(database, held) as server, open_service(database) as other:
        run = await evolve(server, wait=0)
        await held.reached.wait()
        backup = await other.backup()
        held.go_on_until(12)
        await held.reached.wait()
        await other.restore(backup, actor)
        held.release.set()
        with anyio.fail_after(DEADLINE):
            await server.engine.wait(run.run_id)
        assert (await server.get_run(run.run_id)).status == "running"
    async with open_service(database, hours=1) as service:
        assert (await evolve(service, run_id=run.run_id)).status == "finished"
    assert journal(database) == journal(whole)
    assert winner(database) == winner(whole) is not None
