"""The wire: nothing but the protocol on stdout, nothing on stdin that ends the server but its end."""

import json
import os
import random
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Lines = Any
"""A server as `conftest.py` makes it."""
LONG = {"skill": "ticket-route", "generations": 200, "budget_tokens": 2_000_000, "wait_seconds": 0}
PRINTING = """
import os, sys, atexit
from promptbreeder.service import Service
from promptbreeder_server import main
fitness = Service.fitness
async def printing(self, *args, **kwargs):
    print("printed")
    sys.stdout.write("buffered")
    os.write(1, b"by native code\\n")
    os.system("echo by a child")
    return await fitness(self, *args, **kwargs)
Service.fitness = printing
atexit.register(print, "at exit")
main.main()
"""


def is_protocol(line: bytes) -> bool:
    """Tell whether a line is a JSON-RPC message."""
    return bool(json.loads(line).get("jsonrpc") == "2.0")


@pytest.mark.parametrize("modern", [False, True])
def test_whatever_prints_misses_the_wire(lines: Callable[..., Lines], tmp_path: Path, *, modern: bool) -> None:
    """A handler, native code, a child process, and what is printed at exit: stderr at most."""
    program = tmp_path / "printing.py"
    program.write_text(PRINTING, encoding="utf-8")
    with lines(sys.executable, str(program)) as server:
        if not modern:
            server.greet()
        for _ in range(2):
            assert not server.call("get_fitness", modern=modern)["isError"]
        assert server.end() == 0
        assert all(map(is_protocol, server.said))
    assert (tmp_path / "stderr").read_text(encoding="utf-8").count("by native code") == 2


def runs(home: Path) -> list[tuple[str, str, float | None]]:
    """Return all runs: id, status, and until when somebody drives them."""
    with closing(sqlite3.connect(home / "promptbreeder.db")) as db:
        return db.execute("SELECT run_id, status, lease_until FROM runs").fetchall()


@pytest.mark.parametrize("ending", ["eof", "SIGTERM", "SIGINT"])
def test_a_server_that_is_told_to_stop_pauses_its_run_and_another_goes_on_with_it(
    lines: Callable[..., Lines], home: Path, ticket_route: dict[str, Any], ending: str
) -> None:
    """Whether stdin ends or a signal comes: it exits, the run is let go, and nothing but messages was said."""
    with lines() as first:
        first.greet()
        first.call("define_skill", **ticket_route)
        run = first.call("evolve_prompt", **LONG)["structuredContent"]
        assert run["status"] == "running"
        if ending == "eof":
            assert first.end() == 0
        else:
            first.process.send_signal(getattr(signal, ending))
            assert first.wait() in {0, 130}
        assert all(map(is_protocol, first.said))
    ((run_id, status, lease),) = runs(home)
    assert (run_id, status) == (run["run_id"], "paused")
    assert not lease
    with lines() as second:
        second.greet()
        resumed = second.call("evolve_prompt", **LONG)["structuredContent"]
        assert (resumed["run_id"], resumed["status"]) == (run_id, "running")
        assert second.call("cancel_run", run_id=run_id)["structuredContent"]["status"] == "cancelled"


def garbage(rng: random.Random) -> bytes:
    """Return one line that is no request."""
    valid = b'{"jsonrpc":"2.0","id":7000,"method":"tools/list","params":{}}'
    kinds: list[Callable[[], bytes]] = [
        lambda: rng.randbytes(rng.randrange(1, 200)).replace(b"\n", b" "),
        lambda: valid[: rng.randrange(1, len(valid) - 1)],
        lambda: b"[" * 5_000,
        lambda: b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
        lambda: b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}',
        lambda: b'{"jsonrpc":"2.0","id":Infinity,"method":"ping","params":{"x":1e999}}',
        lambda: rb'{"jsonrpc":"2.0","id":"\ud800","method":"tools/list"}',
        lambda: rb'{"jsonrpc":"2.0","method":"\udc00","params":{"\ud800":"\ud800"}}',
        lambda: b'{"jsonrpc":"2.0","id":"\xed\xa0\x80","method":"tools/list"}',
        lambda: b"\0" * rng.randrange(1, 50),
        lambda: b'{"jsonrpc":"1.0","id":1.5,"method":[]}',
        lambda: b'{"jsonrpc":"2.0","id":null,"method":"tools/list"}',
        lambda: b'{"jsonrpc":"2.0","id":-1,"result":{}}',
        lambda: b'{"jsonrpc":"2.0","id":12345,"error":{"code":1,"message":"x"}}',
        lambda: b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never"}}',
        lambda: b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":[]}}',
        lambda: b"[" + valid + b"]",
        lambda: b"\xef\xbb\xbf" + rng.choice([b"null", b"true", b'""', b"{}", b"[]", b"-"]),
        lambda: b"",
    ]
    return rng.choice(kinds)()


REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("tools/list", {}),
    ("tools/call", {"name": "get_fitness", "arguments": {}}),
    ("tools/call", {"name": "get_fitness", "arguments": {"skill": "\0" * 9}}),
    ("tools/call", {"name": "run_skill", "arguments": {"skill": "x", "input": "x" * 2_000_000}}),
    ("tools/call", {"name": "promote", "arguments": {"skill": [], "version": {}, "reason": None}}),
    ("tools/call", {"name": "nothing", "arguments": {}}),
    ("tools/call", {"name": 1}),
    ("tools/call", {}),
    ("resources/read", {"uri": "prompt://%00%ff/production"}),
    ("resources/read", {"uri": "history://x?before=' OR 1=1 --"}),
    ("resources/read", {"uri": "://"}),
    ("prompts/get", {"name": "x", "arguments": {"input": "\u202e"}}),
    ("prompts/get", {"name": "x"}),
    (
        "completion/complete",
        {"ref": {"type": "ref/resource", "uri": "x"}, "argument": {"name": "skill", "value": "\0"}},
    ),
    ("no/such/method", {"deep": [[[[{}]]]]}),
]


@pytest.mark.parametrize("modern", [False, True])
def test_garbage_between_requests_costs_no_answer(lines: Callable[..., Lines], *, modern: bool) -> None:
    """Every valid id gets exactly one answer, and the process and its stdout stay sound."""
    rng = random.Random(8 + modern)
    with lines() as server:
        if modern:
            server.ask("tools/list", modern=True)
        else:
            server.greet()
        for round_number in range(30):
            for _ in range(10):
                server.write(garbage(rng))
            method, params = REQUESTS[round_number % len(REQUESTS)]
            answer = server.ask(method, params, modern=modern)
            assert ("result" in answer) != ("error" in answer)
        assert server.call("get_fitness", modern=modern)["structuredContent"]["skills"] == []
        assert server.end() == 0
        messages = [json.loads(line) for line in server.said]
        answered = [message["id"] for message in messages if isinstance(message.get("id"), int)]
        assert all(message["jsonrpc"] == "2.0" for message in messages)
        assert [answered.count(number) for number in range(1, 30)] == [1] * 29


def test_requests_that_come_all_at_once_are_all_answered(lines: Callable[..., Lines]) -> None:
    """Nobody waits for an answer before asking on."""
    with lines() as server:
        server.greet()
        asked = [server.send("tools/call", {"name": "get_fitness", "arguments": {}}) for _ in range(50)]
        answered = [server.read()["id"] for _ in asked]
        assert sorted(answered) == asked
        assert server.end() == 0


def test_stdin_that_ends_at_once_ends_the_server(lines: Callable[..., Lines], home: Path) -> None:
    """Before any request, and without having made a file."""
    with lines() as server:
        assert server.end() == 0
        assert server.said == []
    assert not home.exists()


def test_two_servers_work_on_one_folder(lines: Callable[..., Lines], ticket_route: dict[str, Any]) -> None:
    """Each sees at once what the other wrote, also a run that the other drives."""
    with lines() as one, lines() as two:
        one.greet()
        one.call("define_skill", **ticket_route)
        second = {**ticket_route, "prompt": "Which queue?", "examples": []}
        assert two.call("define_skill", modern=True, **second)["structuredContent"]["version"] == 2
        run = one.call("evolve_prompt", **LONG)["structuredContent"]
        followed = two.call("get_run", modern=True, run_id=run["run_id"], wait_seconds=0)["structuredContent"]
        assert followed["status"] == "running"
        stopped = two.call("cancel_run", modern=True, run_id=run["run_id"])["structuredContent"]
        ended = one.call("get_run", run_id=run["run_id"], wait_seconds=60)["structuredContent"]
        assert (stopped["run_id"], ended["status"]) == (run["run_id"], "cancelled")


def corrupt(file: Path) -> None:
    """Make a file that is no database."""
    file.write_bytes(b"this is no database" * 400)


def newer(file: Path) -> None:
    """Make a database of a later version of the program."""
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE things (n)")
        db.execute(f"PRAGMA application_id = {0x50424D43}")
        db.execute("PRAGMA user_version = 9999")


@pytest.mark.parametrize(("spoil", "reason"), [(corrupt, "not a"), (newer, "newer")])
def test_a_database_that_cannot_be_used_is_an_error_of_the_tools_only(
    lines: Callable[..., Lines], home: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    """The server lives, lists its tools, says what is wrong, and works as soon as the file is out of the way."""
    home.mkdir()
    spoil(home / "promptbreeder.db")
    before = (home / "promptbreeder.db").read_bytes()
    with lines() as server:
        server.greet()
        for tool, arguments in [
            ("get_fitness", {}),
            ("run_skill", {"skill": "x", "input": "y"}),
            ("get_run", {"run_id": "r"}),
        ]:
            result = server.call(tool, **arguments)
            assert result["isError"]
            assert reason in result["content"][0]["text"]
        assert len(server.ask("tools/list")["result"]["tools"]) == 12
        assert server.ask("prompts/list")["result"]["prompts"] == []
        assert [r["uri"] for r in server.ask("resources/list")["result"]["resources"]] == ["skills://index"]
        assert reason in server.ask("resources/read", {"uri": "skills://index"})["error"]["message"]
        assert (home / "promptbreeder.db").read_bytes() == before
        (home / "promptbreeder.db").unlink()
        assert server.call("get_fitness")["structuredContent"]["skills"] == []


def test_a_folder_that_cannot_be_made_is_an_error_of_the_tools_only(
    lines: Callable[..., Lines], tmp_path: Path
) -> None:
    """Here because a file is in its way, with a name that is not UTF-8."""
    in_the_way = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    Path(in_the_way).write_text("a file", encoding="utf-8")
    with lines(PROMPTBREEDER_HOME=f"{in_the_way}/home") as server:
        server.greet()
        assert server.call("get_fitness")["isError"]
        assert "error" in server.ask("resources/read", {"uri": "skills://index"})
        assert len(server.ask("tools/list")["result"]["tools"]) == 12


def test_a_read_only_folder_can_be_read(lines: Callable[..., Lines], home: Path, ticket_route: dict[str, Any]) -> None:
    """What is stored is served; what would be stored is an error that says so."""
    if os.getuid() == 0:
        pytest.skip("root may write anywhere")
    with lines() as server:
        server.greet()
        server.call("define_skill", **ticket_route)
    (home / "promptbreeder.db").chmod(0o400)
    home.chmod(0o500)
    try:
        with lines() as server:
            server.greet()
            assert server.call("get_prompt", skill="ticket-route")["structuredContent"]["version"] == 1
            refused = server.call("rollback", skill="ticket-route", reason="why")
            assert refused["isError"]
            assert "writable" in refused["content"][0]["text"]
            assert len(server.ask("tools/list")["result"]["tools"]) == 12
    finally:
        home.chmod(0o700)


def test_a_wrong_setting_is_said_before_anything_is_served(lines: Callable[..., Lines], tmp_path: Path) -> None:
    """On stderr, naming the variable, with a status that a client shows as a failure."""
    with lines(PROMPTBREEDER_ENGINE="steam") as server:
        assert server.wait() == 2
        assert server.said == []
    said = (tmp_path / "stderr").read_text(encoding="utf-8")
    assert said.startswith("promptbreeder-mcp: settings (flags, or PROMPTBREEDER_... in the environment): engine: ")
    assert "Traceback" not in said
