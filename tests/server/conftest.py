"""Real server processes on a folder of their own: with the SDK's client, or spoken to line by line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TextIO

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

COMMAND = (sys.executable, "-m", "promptbreeder_server")
PATIENCE = 120
"""Seconds after which a process that should answer or end is called hung, however loaded the machine."""
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "lines", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Lines:
    """A server process that is spoken to in lines of JSON, or of anything else."""

    def __init__(self, environment: dict[str, str], log: TextIO, command: tuple[str, ...] = COMMAND) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment
        )
        self.said: list[bytes] = []
        """All lines that came on stdout, whatever they hold."""
        self._ids = iter(range(1, 1_000_000))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                # What could not be written to a process that has ended is lost.
                with suppress(BrokenPipeError):
                    pipe.close()

    def write(self, line: bytes) -> None:
        """Send one line of bytes."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def send(self, method: str, params: dict[str, Any] | None = None, *, modern: bool = False) -> int:
        """Send a request and return its id."""
        number = next(self._ids)
        params = {**(params or {}), **({"_meta": {**MODERN, **(params or {}).get("_meta", {})}} if modern else {})}
        self.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode())
        return number

    def read(self) -> dict[str, Any]:
        """Return the next message."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the server ended"
        self.said.append(line)
        message: dict[str, Any] = json.loads(line)
        return message

    def answer(self, number: int) -> dict[str, Any]:
        """Return the answer to a request, passing over whatever comes before it."""
        while (message := self.read()).get("id") != number:
            pass
        return message

    def ask(self, method: str, params: dict[str, Any] | None = None, *, modern: bool = False) -> dict[str, Any]:
        """Send a request and return its answer."""
        return self.answer(self.send(method, params, modern=modern))

    def greet(self) -> None:
        """Shake hands, in the old era."""
        client = {"name": "lines", "version": "1"}
        self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
        self.write(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode())

    def call(self, tool: str, *, modern: bool = False, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Call a tool and return its result."""
        answer = self.ask("tools/call", {"name": tool, "arguments": arguments}, modern=modern)
        result: dict[str, Any] = answer["result"]
        return result

    def end(self) -> int:
        """Close stdin, wait for the process to end, and return its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.wait()

    def wait(self) -> int:
        """Wait for the process to end, read what it said last, and return its exit status."""
        status = self.process.wait(timeout=PATIENCE)
        assert self.process.stdout is not None
        self.said.extend(self.process.stdout)
        return status


async def call_tool(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    """Call a tool that must succeed, and return its data; the text must be there, too."""
    result = await client.call_tool(tool, arguments)
    return data_of(result)


def data_of(result: CallToolResult) -> dict[str, Any]:
    """Return the data of a result that must be no error."""
    text = result.content[0]
    assert isinstance(text, TextContent)
    assert not result.is_error, text.text
    assert text.text
    assert result.structured_content is not None
    data: dict[str, Any] = result.structured_content
    return data


@pytest.fixture(scope="session")
def call() -> Callable[..., Any]:
    """Return `call_tool`."""
    return call_tool


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the data folder; a server makes it when it needs it."""
    return tmp_path / "home"


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """Return the environment of a server on the scripted model."""
    return {**os.environ, "PROMPTBREEDER_HOME": str(home), "PROMPTBREEDER_MODEL": "scripted"}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[TextIO]:
    """Return the file that servers write their stderr to."""
    with (tmp_path / "stderr").open("a", encoding="utf-8") as file:
        yield file


@pytest.fixture
def connect(environment: dict[str, str], log: TextIO) -> Callable[..., Client]:
    """Return a maker of clients, each with a server process of its own."""

    def make(*, mode: str = "auto", env: dict[str, str] | None = None, **settings: Any) -> Client:  # noqa: ANN401
        parameters = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:]], env={**environment, **(env or {})})
        return Client(stdio_client(parameters, errlog=log), mode=mode, **settings)

    return make


@pytest.fixture
def lines(environment: dict[str, str], log: TextIO) -> Callable[..., Lines]:
    """Return a maker of servers that are spoken to line by line."""

    def make(*command: str, **changes: str) -> Lines:
        return Lines({**environment, **changes}, log, command or COMMAND)

    return make


@pytest.fixture(scope="session")
def ticket_route() -> dict[str, Any]:
    """Return the example skill as arguments of define_skill."""
    path = Path(__file__).parents[2] / "examples" / "ticket-route.json"
    definition = json.loads(path.read_text(encoding="utf-8"))
    return {name: value for name, value in definition.items() if name != "salt"}
