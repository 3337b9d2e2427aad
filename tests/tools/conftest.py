"""A client of a server in this process, in either era, over the ticket skill."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent

from promptbreeder.service import Service
from promptbreeder_server.server import PromptServer


@pytest.fixture(autouse=True)
def _quick(quick_store: None) -> None:
    pass


@pytest.fixture
async def client(service: Service, mode: str) -> AsyncIterator[Client]:
    """Return a client of the server."""
    async with Client(PromptServer(service), mode=mode) as connected:
        yield connected


def text_of(result: CallToolResult) -> str:
    """Return the text of a result."""
    block = result.content[0]
    assert isinstance(block, TextContent)
    return block.text


@pytest.fixture(scope="session")
def text() -> Callable[[CallToolResult], str]:
    """Return `text_of`."""
    return text_of


@pytest.fixture(scope="session")
def call() -> Callable[..., Any]:
    """Return a function that calls a tool which must succeed, and returns its data."""

    async def called(client: Client, tool: str, /, **arguments: Any) -> Any:  # noqa: ANN401
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        return result.structured_content

    return called
