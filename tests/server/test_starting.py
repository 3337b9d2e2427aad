"""A client waits for a server to start: what is heavy is loaded when it is first needed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEAVY = ["numpy", "sqlite_utils", "xllamacpp", "llama_cpp", "gguf", "tabulate", "ollama", "platformdirs"]
"""Not click, which the SDK loads."""
WATCHING = f"""
import os, sys, threading
exit_now = os._exit
def leave(status):
    sys.stderr.write("loaded: " + " ".join(name for name in {HEAVY!r} if name in sys.modules))
    sys.stderr.flush()
    exit_now(status)
os._exit = leave
from promptbreeder_server.main import main
main()
"""


def test_nothing_heavy_is_loaded_until_it_is_needed(lines: Callable[..., Any], tmp_path: Path) -> None:
    """After the handshake and tools/list no database, engine or command line is in the process."""
    with lines(sys.executable, "-c", WATCHING) as server:
        server.greet()
        assert server.ask("tools/list")["result"]["tools"]
        assert server.end() == 0
    assert (tmp_path / "stderr").read_text(encoding="utf-8").endswith("loaded: ")


@pytest.mark.parametrize(("modern", "version"), [(False, "2025-11-25"), (True, "2026-07-28")])
def test_both_eras_are_told_what_is_announced(lines: Callable[..., Any], *, modern: bool, version: str) -> None:
    """Lists that change, resources that can be subscribed to, and completions, as the SDK does not say by itself."""
    with lines() as server:
        if modern:
            result = server.ask("server/discover", modern=True)["result"]
            assert version in result["supportedVersions"]
        else:
            params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
            result = server.ask("initialize", params)["result"]
            assert result["protocolVersion"] == version
        capabilities = result["capabilities"]
        assert capabilities["resources"] == {"listChanged": True, "subscribe": True}
        assert capabilities["prompts"] == {"listChanged": True}
        assert capabilities["completions"] == {}
        assert server.end() == 0


def test_a_subscriber_of_the_old_era_is_told_over_stdio(lines: Callable[..., Any]) -> None:
    """Of the lists, and of what it subscribed to."""
    with lines() as server:
        server.greet()
        server.ask("resources/subscribe", {"uri": "skills://index"})
        server.call("define_skill", name="new", description="d", prompt="p")
        wanted = {"notifications/resources/list_changed", "notifications/prompts/list_changed"}
        wanted.add("notifications/resources/updated")
        told = [line for line in map(bytes.decode, server.said) if '"method"' in line]
        while wanted - {method for method in wanted if any(method in line for line in told)}:
            message = server.read()
            told.append(str(message))
        assert server.end() == 0
