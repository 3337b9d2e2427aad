"""Where prompts and examples are sent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from promptbreeder.errors import InvalidInput
from promptbreeder.models.ollama.wire import Wire
from promptbreeder_server.compose import compose
from promptbreeder_server.settings import Settings

pytestmark = pytest.mark.anyio


def words(schema: Any) -> Iterator[str]:  # noqa: ANN401  whatever JSON holds
    """Yield every name and text in a schema."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            yield name
            yield from words(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from words(value)
    elif isinstance(schema, str):
        yield schema


async def test_no_schema_of_a_tool_has_an_address(client: Client) -> None:
    """Neither by name nor by format, and none takes fields that are not named; so an assistant cannot redirect it."""
    for tool in (await client.list_tools()).tools:
        arguments = tool.input_schema["properties"]
        for forbidden in ("url", "uri", "host", "address", "endpoint", "server", "port", "model", "proxy", "base"):
            assert forbidden not in {part for name in arguments for part in name.split("_")}, tool.name
        told = json.dumps(list(words(tool.input_schema))).lower()
        assert "http" not in told
        assert '"uri"' not in told


async def test_a_definition_cannot_name_a_model_or_an_address(client: Client) -> None:
    """Also not among the settings, which are an object."""
    skill = {"name": "new", "description": "d", "prompt": "p"}
    for name in ("model", "ollama_host", "host", "base_url", "writer", "home"):
        result = await client.call_tool("define_skill", {**skill, "settings": {name: "http://evil.example"}})
        assert result.is_error, name
    await client.call_tool("define_skill", {**skill, "model": "ollama:evil:1b", "ollama_host": "http://evil.example"})
    index = await client.read_resource("skills://index")
    assert "evil" not in index.model_dump_json()


@pytest.mark.parametrize("host", [None, "", "0.0.0.0", "0.0.0.0:11434"])  # noqa: S104  named, not bound to
def test_the_backend_is_on_this_machine_unless_said_otherwise(host: str | None) -> None:
    """Said is OLLAMA_HOST, in the environment, by the user."""
    assert Wire(host).address == "http://127.0.0.1:11434"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("::1", "http://[::1]:11434"),
        ("[::]:9", "http://[::1]:9"),
        ("::", "http://[::1]:11434"),
        ("10.0.0.0", "http://10.0.0.0:11434"),
        ("https://0.0.0.0/ollama", "https://127.0.0.1:443/ollama"),
        ("ollama.example:80", "http://ollama.example:80"),
    ],
)
def test_an_address_is_read_as_ollama_reads_it(host: str, address: str) -> None:
    """Bare IPv6 addresses too; all addresses of a machine mean this one, and only those."""
    assert Wire(host).address == address


@pytest.mark.parametrize("host", ["http://x:99999", "http://[::1", "x:port"])
def test_what_is_no_address_is_an_error_that_names_the_setting(host: str) -> None:
    """It is a user's typing error, not a crash."""
    with pytest.raises(InvalidInput, match=r"OLLAMA_HOST is .*127\.0\.0\.1:11434"):
        Wire(host)


def test_only_the_environment_says_otherwise(tmp_path: Path) -> None:
    """There is one place, and it is read once, at the start."""
    settings = Settings.read({"PROMPTBREEDER_HOME": str(tmp_path), "OLLAMA_HOST": "http://192.0.2.1:1"})
    assert settings.ollama_host == "http://192.0.2.1:1"
    assert Settings.read({"PROMPTBREEDER_HOME": str(tmp_path)}).ollama_host is None
    assert Settings.model_config.get("frozen")
    assert compose(settings) is not None


@pytest.mark.parametrize("host", [None, "localhost", "127.0.0.1:9", "[::1]:9", "::1", "[::]", "::", "0.0.0.0"])  # noqa: S104
def test_what_is_for_this_machine_goes_through_no_proxy_and_follows_no_redirect(host: str | None) -> None:
    """A proxy in the environment, or a backend that points elsewhere, must not carry examples away."""
    client = Wire(host)._client._client
    assert client.trust_env is False
    assert client.follow_redirects is False
