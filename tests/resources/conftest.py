"""A client of a server in this process, in either era, over the ticket skill, and what it is told meanwhile."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.session import IncomingMessage

from promptbreeder.service import Service
from promptbreeder_server.server import PromptServer


class Heard:
    """The notifications that a client of the old era got, by method and, for resources, address."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._more = anyio.Event()

    async def take(self, message: IncomingMessage) -> None:
        """Note a message, if it is a notification."""
        method, uri = getattr(message, "method", None), getattr(getattr(message, "params", None), "uri", "")
        if method is not None:
            self.notes.append(f"{method} {uri}".strip())
            self._more.set()
            self._more = anyio.Event()

    async def wait_for(self, *notes: str) -> None:
        """Return when all `notes` have come."""
        with anyio.fail_after(30):
            while not set(notes) <= set(self.notes):
                await self._more.wait()


@pytest.fixture(autouse=True)
def _quick(quick_store: None) -> None:
    pass


@pytest.fixture
def heard() -> Heard:
    """Return what a client of the old era is told."""
    return Heard()


@pytest.fixture
async def client(service: Service, mode: str, heard: Heard) -> AsyncIterator[Client]:
    """Return a client of the server."""
    async with Client(PromptServer(service), mode=mode, message_handler=heard.take, cache=None) as connected:
        yield connected


@pytest.fixture(scope="session")
def call() -> Callable[..., Any]:
    """Return a function that calls a tool which must succeed, and returns its data."""

    async def called(client: Client, tool: str, /, **arguments: Any) -> Any:  # noqa: ANN401
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    return called
