"""The example configuration, as a desktop client reads it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from promptbreeder_server.settings import Settings

FILE = Path(__file__).parents[2] / "claude_desktop_config.example.json"


@pytest.fixture(scope="session")
def entry() -> dict[str, Any]:
    """Return the one server in the file."""
    configuration = json.loads(FILE.read_text(encoding="utf-8"))
    assert list(configuration) == ["mcpServers"]
    assert list(configuration["mcpServers"]) == ["promptbreeder"]
    entry: dict[str, Any] = configuration["mcpServers"]["promptbreeder"]
    return entry


def test_the_example_names_the_program_in_the_checkout_and_settings_that_exist(entry: dict[str, Any]) -> None:
    """A client needs command, args and env; every variable is one of ours, with a value that is accepted."""
    assert set(entry) == {"command", "args", "env"}
    # Absolute, since programs with a window do not have the shell's PATH.
    assert entry["command"].startswith("/")
    assert entry["command"].endswith("/.venv/bin/promptbreeder-mcp")
    assert {name.removeprefix("PROMPTBREEDER_").lower() for name in entry["env"]} <= set(Settings.model_fields)
    assert Settings.read(entry["env"])


@pytest.mark.anyio
async def test_the_server_of_the_example_answers(
    entry: dict[str, Any], call: Callable[..., Any], home: Path, log: TextIO
) -> None:
    """With this checkout's program at the place that the example names, and a folder of the test's own."""
    program = {"promptbreeder-mcp": ["-m", "promptbreeder_server"]}
    parameters = StdioServerParameters(
        command=sys.executable,
        args=[*program[Path(entry["command"]).name], *entry["args"]],
        env={**entry["env"], "PROMPTBREEDER_HOME": str(home)},
    )
    async with Client(stdio_client(parameters, errlog=log)) as client:
        assert client.server_info is not None
        assert client.server_info.name == "promptbreeder-mcp"
        assert await call(client, "get_fitness") == {"skills": [], "more": 0, "version": None}
