"""Engine: runs in the background of this process, each under a lease that another process can take over.

A run is a durable row. The engine claims it, keeps the lease alive, looks for cancellation, and writes how it ended.
It lives in the task group of whoever opened it: when that is closed, runs are paused where they stand and their leases
released, so that any other process can go on from the journal at once.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from promptbreeder.errors import (
    InvalidInput,
    LeaseLost,
    ModelError,
    PromptBreederError,
    ReplayMismatch,
    RunError,
    StoreError,
)
from promptbreeder.evolution.asks import Strategy
from promptbreeder.runs.driver import Driver
from promptbreeder.runs.outcome import Outcome

HEARTBEAT_SECONDS = 10.0
"""A third of a lease: a beat that is late or fails costs nothing."""
POLL_SECONDS = 0.5
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One run, wired: what the engine needs to drive it and to write how it ended."""

    run_id: str
    driver: Driver
    strategy: Strategy


class Desk(Protocol):
    """The engine's view of the store and of what is done with an outcome."""

    async def claim(self, run_id: str) -> int:
        """Take the lease and return the fence. Raises Conflict while another process holds it."""
        ...

    async def beat(self, run_id: str, fence: int) -> None:
        """Extend the lease. Raises LeaseLost."""
        ...

    async def cancel_requested(self, run_id: str, fence: int) -> bool:
        """Whether somebody, in any process, asked for the run to be cancelled. Raises LeaseLost."""
        ...

    async def wire(self, run_id: str, fence: int, *, replays_only: bool = False) -> Job:
        """Build driver and strategy from the run's plan and journal. Raises ReplayMismatch, ModelError.

        A driver that only replays needs no model.
        """
        ...

    async def conclude(self, run_id: str, fence: int, outcome: Outcome | None) -> None:
        """Make the version if there is one, and write the result; None: cancelled, and impossible to replay."""
        ...

    async def pause(self, run_id: str, fence: int, reason: str) -> None:
        """Write why the run stopped for now, and release the lease."""
        ...

    async def fail(self, run_id: str, fence: int, reason: str) -> None:
        """Write why the run cannot go on, and release the lease."""
        ...


@dataclass
class _Watched:
    """A run that this process drives."""

    scope: anyio.CancelScope
    ended: anyio.Event


class Engine:
    """Drives runs in a task group."""

    def __init__(self, desk: Desk, group: TaskGroup) -> None:
        """Run jobs in `group`; cancelling it pauses them."""
        self._desk = desk
        self._group = group
        self._running: dict[str, _Watched] = {}

    @property
    def is_idle(self) -> bool:
        """Whether this process drives no run."""
        return not self._running

    def is_running(self, run_id: str) -> bool:
        """Whether this process drives the run."""
        return run_id in self._running

    async def start(self, run_id: str) -> None:
        """Claim the run and drive it in the background; nothing happens if this process drives it already.

        Raises:
            Conflict: while another process holds the lease.
        """
        if run_id in self._running:
            return
        # A lease that was taken must be driven or let go, also when the caller goes away at this moment.
        with anyio.CancelScope(shield=True):
            fence = await self._desk.claim(run_id)
            watched = self._running[run_id] = _Watched(anyio.CancelScope(), anyio.Event())
            self._group.start_soon(self._keep, run_id, fence, watched, name=f"run {run_id}")
            self._group.start_soon(self._watch, run_id, fence, watched, name=f"watch {run_id}")

    async def wait(self, run_id: str) -> None:
        """Return when this process no longer drives the run."""
        watched = self._running.get(run_id)
        if watched is not None:
            await watched.ended.wait()

    async def _keep(self, run_id: str, fence: int, watched: _Watched) -> None:
        try:
            await self._drive(run_id, fence, watched)
        except LeaseLost as error:
            # Somebody else goes on with it; whatever this process still holds must not be written.
            log.warning("run %s: %s", run_id, error)
        except (ModelError, StoreError, ReplayMismatch) as error:
            # All of these can be put right: also a run whose model or program changed goes on under the old one.
            await self._put_down(self._desk.pause, run_id, fence, str(error))
        except PromptBreederError as error:
            await self._put_down(self._desk.fail, run_id, fence, str(error))
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._put_down(
                    self._desk.pause, run_id, fence, "the server that drove it stopped; resume it with its run_id"
                )
            raise
        except Exception:  # a defect of ours must end one run, not the server and all other runs in its task group
            log.exception("run %s failed", run_id)
            await self._put_down(
                self._desk.fail, run_id, fence, "an unexpected error; see the log, and run `promptbreeder-mcp doctor`"
            )
        finally:
            del self._running[run_id]
            watched.ended.set()

    async def _drive(self, run_id: str, fence: int, watched: _Watched) -> None:
        outcome: Outcome | None = None
        # Asked here too: a run that is driven only to be cancelled asks no model anything.
        if not await self._desk.cancel_requested(run_id, fence):
            with watched.scope:
                job = await self._desk.wire(run_id, fence)
                outcome = await job.driver.run(job.strategy)
        with anyio.CancelScope(shield=True):
            if outcome is None:
                # Only the watcher cancels this scope. A lost lease shows when the conclusion is written.
                outcome = await self._cut_short(run_id, fence)
            await self._desk.conclude(run_id, fence, outcome)

    async def _cut_short(self, run_id: str, fence: int) -> Outcome | None:
        """Return what the journal holds, whoever reads it: what a driver was just measuring is in no journal."""
        try:
            job = await self._desk.wire(run_id, fence, replays_only=True)
            return await job.driver.replay(job.strategy)
        except (RunError, InvalidInput) as error:
            log.warning("run %s was cancelled and cannot be replayed: %s", run_id, error)
            return None

    async def _put_down(
        self, how: Callable[[str, int, str], Awaitable[None]], run_id: str, fence: int, reason: str
    ) -> None:
        log.warning("run %s stopped: %s", run_id, reason)
        try:
            await how(run_id, fence, reason)
        except PromptBreederError as error:
            # The row keeps saying `running`; its lease runs out and the next process takes it over.
            log.warning("run %s: could not write that it stopped: %s", run_id, error)

    async def _watch(self, run_id: str, fence: int, watched: _Watched) -> None:
        beaten = time.monotonic()
        while not watched.ended.is_set():
            with anyio.move_on_after(POLL_SECONDS):
                await watched.ended.wait()
            try:
                if await self._desk.cancel_requested(run_id, fence):
                    watched.scope.cancel()
                if time.monotonic() - beaten >= HEARTBEAT_SECONDS:
                    await self._desk.beat(run_id, fence)
                    beaten = time.monotonic()
            except LeaseLost:
                watched.scope.cancel()
            except PromptBreederError as error:
                # A store that is busy for a moment costs nothing; one that stays away costs the lease.
                log.warning("run %s: %s", run_id, error)
