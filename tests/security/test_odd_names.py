"""A name that is a path, or anything else than a name."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import Result
from mcp import Client, MCPError

from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
_DOTS = ("..", "%2e%2e", "%252e%252e", "..%c0%af", "\uff0e\uff0e", "..;", ".\u200b.", "%c0%ae%c0%ae", "\u2025", ". .")
_SLASHES = ("/", "\\", "%2f", "%5c", "%252f", "\u2215", "\u2044", "\uff0f", "//", "/./")
_PATHS = [dots + slash + target for dots, slash in itertools.product(_DOTS, _SLASHES) for target in ("x", "etc/passwd")]
NAMES = list(
    dict.fromkeys(
        [
            *_PATHS,
            *("/etc/passwd", "~root", "C:\\x", "C:x", "\\\\host\\share", "file:///etc/passwd", "//host/x", "./x", "x/"),
            *("promptbreeder.db", "x.db", "backups/x", "..", ".", "~", "", " ", "-x", "--help", "x y", "x\ty", "x\n"),
            *("x\0", "\0", "x%00", "con.", "nul:", "aux.txt", "x:y", "X", "Tickets", "TICKETS", "tickets ", " tickets"),
            *("tickets\u200b", "t\u0131ckets", "ticket\u017f", "\uff54ickets", "tick\u0435ts", "ticket's", 'tick"ets'),
            *("$HOME", "${x}", "$(id)", "`id`", "|id", "x;id", "x&y", "*", "?", "[x]", "{x}", "<x>", "#x", "%", "@x"),
            *("x" * 65, "x" * 10_000, "\U0001f600", "\u65e5\u672c", "x\u202ey", "x_y", "x.y", "1/2", "null\x1b[31m"),
        ]
    )
)
BY_NAME: dict[str, dict[str, Any]] = {
    "define_skill": {"name": ..., "description": "d", "prompt": "p"},
    "evolve_prompt": {"skill": ...},
    "run_skill": {"skill": ..., "input": "x"},
    "compare_prompts": {"skill": ..., "input": "x"},
    "get_fitness": {"skill": ...},
    "get_prompt": {"skill": ...},
    "promote": {"skill": ..., "version": 1, "reason": "r", "force": True},
    "rollback": {"skill": ..., "reason": "r"},
}
ADDRESSES = (
    "prompt://{}/production",
    "prompt://{}/versions",
    "prompt://{}/versions/1",
    "prompt://tickets/versions/{}",
    "history://{}",
    "history://{}/production/2026-01-31T12:00:00Z",
    "history://tickets/production/{}",
    "run://{}",
)
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("create", "{}", "--prompt", "p"),
    ("run", "{}"),
    ("evolve", "{}"),
    ("fitness", "{}"),
    ("examples", "{}"),
    ("export", "{}"),
    ("history", "{}"),
    ("status", "{}"),
    ("vote", "{}"),
    ("promote", "{}", "1", "--reason", "r", "--force"),
    ("rollback", "{}", "--reason", "r"),
    ("cancel", "{}"),
)


def files(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_there_are_two_hundred_of_them() -> None:
    """As many as the promise says, no two alike."""
    assert len(NAMES) >= 200


@pytest.fixture
def around(tmp_path: Path, stored: Callable[[], list[str]]) -> Callable[[], Any]:
    """Return a function that reads the database and all files around it."""
    return lambda: (stored(), sorted(files(tmp_path)))


async def test_every_tool_refuses_every_odd_name(
    client: Client, call: Callable[..., Any], around: Callable[[], Any]
) -> None:
    """With an error that is fit to be read, and nothing stored or made; and no tool that takes a name is left out."""
    tools = (await client.list_tools()).tools
    taking = {t.name for t in tools if {"skill", "name"} & set(t.input_schema["properties"])}
    assert taking == set(BY_NAME)
    before = around()
    for name, (tool, arguments) in itertools.product(NAMES, BY_NAME.items()):
        given = {key: name if value is ... else value for key, value in arguments.items()}
        failed, told, _ = await call(client, tool, **given)
        assert failed, (tool, name)
        assert len(told) < 1_000
        assert "unexpected" not in told, (tool, name)
        assert told.isprintable(), (tool, name, told)
    assert around() == before


@pytest.mark.parametrize("encode", [lambda name: quote(name, safe=""), quote, str])
async def test_no_address_reaches_what_it_should_not(
    client: Client, around: Callable[[], Any], encode: Callable[[str], str]
) -> None:
    """Percent-encoded, half encoded or as it is, as skill, number, time or run: not found, or no address at all."""
    before = around()
    for name, address in itertools.product(NAMES, ADDRESSES):
        if not name:
            continue
        with pytest.raises((MCPError, ValueError)) as refused:
            await client.read_resource(address.format(encode(name)))
        assert len(str(refused.value)) < 12_000
    assert around() == before


async def test_no_prompt_and_no_completion_is_found_by_an_odd_name(client: Client, around: Callable[[], Any]) -> None:
    """They take names as the tools do."""
    before = around()
    for name in NAMES:
        with pytest.raises(MCPError):
            await client.get_prompt(name, {"input": "x"})
    assert around() == before


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_refuses_every_odd_name(
    terminal: Callable[..., Result], around: Callable[[], Any], command: tuple[str, ...]
) -> None:
    """A sample of each kind for each command: whoever types has the rights already, so this is about mistakes."""
    before = around()
    for name in NAMES[::9]:
        if "\0" in name or not name:
            continue
        result = terminal(*(part.format(name) if part == "{}" else part for part in command), stdin="{}")
        assert result.exit_code != 0 or "--help" in name, (command, name, result.output)
    assert around() == before


def test_an_import_under_an_odd_name_is_refused(
    terminal: Callable[..., Result], around: Callable[[], Any], tmp_path: Path
) -> None:
    """From a skill file as from rows."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"input": "x", "expected": "y"}\n', encoding="utf-8")
    before = around()
    for name in NAMES[::9]:
        if "\0" not in name:
            assert terminal("import", rows, "--skill", name, "--prompt", "p", "--yes").exit_code != 0
    assert around() == before


async def test_no_tool_takes_a_file(client: Client) -> None:
    """Import and export are for the command line: no argument is a path, and none is called so."""
    for tool in (await client.list_tools()).tools:
        assert not {"path", "file", "folder", "directory", "filename", "dir"} & set(tool.input_schema["properties"])
        assert not {"import", "export"} & set(tool.name.split("_"))


@pytest.mark.parametrize(
    "model", ["embedded:x\nimport os", "ollama:x:1b\nFROM evil", "embedded:\u202ex", "embedded:a\rb"]
)
async def test_a_model_in_a_bundle_cannot_break_out_of_its_line(
    service: Service,
    database: Path,
    open_service: Callable[..., Service],
    model: str,
    actor: Any,  # noqa: ANN401
) -> None:
    """It is written into Modelfiles and programs, where a line of its own would be obeyed."""
    from promptbreeder.prompt import content_hash  # noqa: PLC0415

    bundle = {**await service.export("tickets"), "model": model}
    bundle["hash"] = content_hash({name: value for name, value in bundle.items() if name != "hash"})
    async with open_service(database.with_name("other.db"), ScriptedModel()) as other:
        with pytest.raises(Exception, match="the model's name holds line breaks"):
            await other.import_bundle(bundle, actor)
