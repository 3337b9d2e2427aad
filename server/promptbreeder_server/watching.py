"""What a server looks for while it is alive: drift, soon after its start, after tool calls and hourly; and more."""

import logging
from collections.abc import Awaitable, Callable

import anyio

from promptbreeder.errors import PromptBreederError

log = logging.getLogger(__name__)
FIRST_SECONDS = 30.0
"""A client that has just started the server waits for the handshake and the first lists: nothing is opened before."""
EVERY_SECONDS = 3_600.0


class Watch:
    """Calls `check` in the background, and again when it is told that something was done."""

    def __init__(
        self,
        check: Callable[[], Awaitable[object]],
        *,
        first: float = FIRST_SECONDS,
        every: float = EVERY_SECONDS,
        purpose: str = "look for drift",
    ) -> None:
        """Call `check` for the first time after `first` seconds, then `every` so many; it decides whether it is due.

        `purpose` says in the log what could not be done.
        """
        self._check = check
        self._purpose = purpose
        self._first = first
        self._every = every
        self._told = anyio.Event()

    def tell(self) -> None:
        """Let it be checked soon; what was told before the last check is over has been heard."""
        self._told.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        patience = self._first
        while True:
            with anyio.move_on_after(patience):
                await self._told.wait()
            self._told, patience = anyio.Event(), self._every
            try:
                await self._check()
            except PromptBreederError as error:
                # The tools say it to whoever can put it right.
                log.warning("could not %s: %s", self._purpose, error)
            except Exception:  # a defect of ours here must not end the server
                log.exception("could not %s", self._purpose)
