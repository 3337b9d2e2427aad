"""Hostile text, and what it is let loose on: a service on the scripted model, a server in this process, a terminal."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mcp import Client
from mcp_types import TextContent

from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Prompt
from promptbreeder.service import Service
from promptbreeder_server.commands import cli
from promptbreeder_server.server import PromptServer

ON_TOPIC = "Decide which queue the ticket belongs to."
_NAMES = {"invoice": "billing", "refund": "billing", "charge": "billing"}
_NAMES |= {"parcel": "delivery", "courier": "delivery", "doorstep": "delivery"}


@pytest.fixture(autouse=True)
def _quick(quick_store: None) -> None:
    pass


def right_on_topic(request: Any) -> str:  # noqa: ANN401  a Generate
    """Answer right under every prompt that begins with `ON_TOPIC`, and `billing` under any other."""
    if not request.messages[0].content.startswith(ON_TOPIC):
        return "billing"
    item = request.messages[-1].content
    return next((_NAMES[word] for word in _NAMES if word in item), "technical")


@pytest.fixture
def gullible() -> ScriptedModel:
    """Return an executor under which whatever the writer offers on the topic is better than production."""
    return ScriptedModel(right_on_topic)


@pytest.fixture
async def service(
    database: Path, open_service: Callable[..., Service], gullible: ScriptedModel
) -> AsyncIterator[Service]:
    """Return a service over the ticket skill, on that executor."""
    async with open_service(database, gullible) as opened:
        yield opened


@pytest.fixture
def keep(service: Service, evolved: Callable[..., Any]) -> Callable[[Prompt], Any]:
    """Return a function that stores a prompt as a version, as a run does, and returns its number."""
    return partial(evolved, service)


@pytest.fixture
def mode() -> str:
    """Return one way to connect: where the eras may differ, a test says so."""
    return "auto"


@pytest.fixture
async def client(database: Path, open_service: Callable[..., Service], mode: str) -> AsyncIterator[Client]:
    """Return a client of a server over the ticket skill."""
    async with Client(PromptServer(open_service(database)), mode=mode, cache=None) as connected:
        yield connected


@pytest.fixture(scope="session")
def call() -> Callable[..., Any]:
    """Return a function that calls a tool, and returns whether it failed, its text and its data."""

    async def called(client: Client, tool: str, /, **arguments: Any) -> tuple[bool, str, Any]:  # noqa: ANN401
        result = await client.call_tool(tool, arguments)
        block = result.content[0]
        assert isinstance(block, TextContent)
        return bool(result.is_error), block.text, result.structured_content

    return called


@pytest.fixture
def stored(database: Path) -> Callable[[], list[str]]:
    """Return a function that reads all that the database holds, but for what the monitor notes of its own looks."""
    own = ('INSERT INTO "monitor"', 'INSERT INTO "leases"')

    def read() -> list[str]:
        with closing(sqlite3.connect(database)) as db:
            return [line for line in db.iterdump() if not line.startswith(own)]

    return read


@pytest.fixture
def terminal(database: Path) -> Callable[..., Result]:
    """Return a function that runs a command on the folder of the ticket skill, and never ends with a traceback."""
    runner = CliRunner(env={"PROMPTBREEDER_HOME": str(database.parent), "PROMPTBREEDER_MODEL": "scripted"})

    def ran(*arguments: object, stdin: str = "") -> Result:
        result = runner.invoke(cli, [str(argument) for argument in arguments], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return ran
