"""The server watches for drift by itself, never in the way of anybody."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from promptbreeder.errors import StoreUnavailable
from promptbreeder.requests import SkillDefinition
from promptbreeder.service import Change, Mark, Service
from promptbreeder_server.server import PromptServer
from promptbreeder_server.watching import Watch

pytestmark = pytest.mark.anyio
NEVER = 1e9


class Checks:
    """Counts checks, and lets a test wait for them."""

    def __init__(self, *failures: Exception) -> None:
        """Fail the first times."""
        self.done = 0
        self._failures = list(failures)
        self._more = anyio.Event()

    async def __call__(self) -> None:
        """Check."""
        self.done += 1
        self._more.set()
        self._more = anyio.Event()
        if self._failures:
            raise self._failures.pop(0)

    async def reach(self, count: int) -> None:
        """Return when there were so many."""
        with anyio.fail_after(30):
            while self.done < count:
                await self._more.wait()


async def test_nothing_is_checked_before_it_is_time_or_something_was_done() -> None:
    """The handshake and the first lists are not delayed."""
    checks = Checks()
    watch = Watch(checks, first=NEVER, every=NEVER)
    async with anyio.create_task_group() as group:
        group.start_soon(watch.run)
        await anyio.wait_all_tasks_blocked()
        assert checks.done == 0
        watch.tell()
        watch.tell()
        await checks.reach(1)
        await anyio.wait_all_tasks_blocked()
        assert checks.done == 1
        group.cancel_scope.cancel()


async def test_it_is_checked_after_the_start_and_then_again_and_again() -> None:
    """Without anybody doing anything."""
    checks = Checks()
    async with anyio.create_task_group() as group:
        group.start_soon(Watch(checks, first=0, every=0).run)
        await checks.reach(3)
        group.cancel_scope.cancel()


@pytest.mark.parametrize("failure", [StoreUnavailable("the disk is full"), RuntimeError("a defect")])
async def test_a_check_that_fails_is_logged_and_the_next_one_comes(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """What went wrong is said on stderr; the server goes on."""
    checks = Checks(failure)
    watch = Watch(checks, first=0, every=NEVER)
    async with anyio.create_task_group() as group:
        group.start_soon(watch.run)
        await checks.reach(1)
        await anyio.wait_all_tasks_blocked()
        watch.tell()
        await checks.reach(2)
        group.cancel_scope.cancel()
    assert "could not look for drift" in caplog.text


@pytest.mark.parametrize("begun", [True, False])
async def test_how_far_other_processes_are_is_looked_up_when_the_server_starts(
    database: Path, open_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch, *, begun: bool
) -> None:
    """What they do before the next look is told then; where there is no database, the start makes none."""
    path = database if begun else database.with_name("none.db")
    service, looked = open_service(path), anyio.Event()
    look = service.changes_of_others

    async def noted(since: Mark | None) -> tuple[Mark, tuple[Change, ...]]:
        found = await look(since)
        looked.set()
        return found

    monkeypatch.setattr(service, "changes_of_others", noted)
    async with Client(PromptServer(service, follow_every=NEVER)):
        with anyio.fail_after(30):
            await looked.wait()
    assert path.exists() == begun


@pytest.mark.usefixtures("quick_store")
async def test_a_server_rolls_back_by_itself_after_the_outcome_that_says_so(
    database: Path,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
) -> None:
    """For a skill that opted in; nobody called anything but run_skill and record_outcome."""
    service = open_service(database)
    settings = {"opt_in_drift_actions": True}
    given = ticket_skill(prompt="Other words.", examples=[], settings=settings).model_dump(mode="json")
    async with Client(PromptServer(service)) as client:

        async def call(tool: str, **arguments: Any) -> Any:  # noqa: ANN401
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result.content
            return result.structured_content

        asked = {name: given[name] for name in ("name", "description", "prompt", "settings")}
        asked["settings"] = settings
        await call("define_skill", **asked)
        await call("promote", skill="tickets", version=2, reason="equal", force=True)
        moved = anyio.Event()
        announce = service.on_change

        def hear(change: Change) -> None:
            if announce is not None:
                announce(change)
            if change.kind == "production":
                moved.set()

        service.on_change = hear
        for _ in range(20):
            answer = await call("run_skill", skill="tickets", input="x")
            await call("record_outcome", call_id=answer["call_id"], correct=False)
        with anyio.fail_after(30):
            await moved.wait()
        assert (await call("get_fitness"))["skills"][0]["production"] == 1
        line = (await service.history("tickets", limit=1))[0]
        assert (line.kind, line.actor) == ("rollback", "system")
