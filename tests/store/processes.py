"""Several processes on one database: a program that tests run as `python processes.py WHAT PATH ...`.

It prints what it found as JSON. Everything is imported once; the processes are forks, so that forty cost little.
"""

import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import anyio
import sqlite_utils

from promptbreeder.errors import PromptBreederError
from promptbreeder.store import duels, events
from promptbreeder.store.database import Database, connect
from promptbreeder.store.tables import Tables

_AT_ONCE = 3
_LONGEST_WAIT = 0.03
_STATEMENTS = (1, 2, 9, 20)


def together(path: Path, processes: int, writes: int) -> dict[str, Any]:
    """Let all begin at the same moment, each opening the file, then reading and writing in each transaction."""
    gate, opener = os.pipe()
    children = [_fork(lambda out: _read_then_write(path, gate, opener, writes, out)) for _ in range(processes)]
    os.close(gate)
    os.close(opener)
    errors = [line for _, out in children for line in _rest(out)]
    for pid, _ in children:
        os.waitpid(pid, 0)
    return {"errors": errors}


def kill(path: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill, at random moments, processes that record votes; return the votes that were acknowledged."""
    rng = random.Random(seed)
    names = count()

    def start() -> tuple[int, int]:
        name = next(names)
        return _fork(lambda out: _vote_forever(path, name, out))

    children = [start() for _ in range(_AT_ONCE)]
    acknowledged: list[str] = []
    for _ in range(kills):
        # At least one new vote, then any moment: while opening, waiting for the lock, writing or committing.
        acknowledged += _said(children, None)
        until = time.monotonic() + rng.uniform(0, _LONGEST_WAIT)
        while (left := until - time.monotonic()) > 0:
            acknowledged += _said(children, left)
        acknowledged += _kill(*children.pop(rng.randrange(len(children))))
        children.append(start())
    for pid, out in children:
        acknowledged += _kill(pid, out)
    return {"acknowledged": acknowledged}


def _said(children: list[tuple[int, int]], seconds: float | None) -> list[str]:
    ready, _, _ = select.select([out for _, out in children], [], [], seconds)
    return [line for out in ready for line in os.read(out, 1 << 16).decode().split()]


def migrating(path: Path) -> dict[str, Any]:
    """Die at several statements of the first migration, with part of it in the file already; return the files."""
    files = [path.with_name(f"{number}.db") for number in _STATEMENTS]
    for file, number in zip(files, _STATEMENTS, strict=True):
        pid, out = _fork(partial(_die_migrating, file, number))
        os.waitpid(pid, 0)
        os.close(out)
    return {"files": [str(file) for file in files]}


def spill(path: Path) -> dict[str, Any]:
    """Die in a transaction that has outgrown the page cache, so that half of it is in the file already."""
    pid, out = _fork(lambda _: _die_spilling(path))
    os.waitpid(pid, 0)
    os.close(out)
    return {"journal": path.with_name(f"{path.name}-journal").exists()}


def lock(path: Path) -> dict[str, Any]:
    """Tell whether another process can begin a write now."""
    tables = connect(path)
    tables.conn.execute("PRAGMA busy_timeout = 0")
    try:
        tables.conn.execute("BEGIN IMMEDIATE")
    except Exception as error:  # noqa: BLE001  the answer, whatever it is
        return {"error": str(error)}
    return {"error": None}


def _read_then_write(path: Path, gate: int, opener: int, writes: int, out: int) -> None:
    os.close(opener)
    os.read(gate, 1)  # ends when the parent closes its side

    def work(db: Tables) -> None:
        (seen,) = db.execute("SELECT count(*) FROM events").fetchone()
        events.append(db, ts=1.0, skill=None, kind="note", actor="a", client="c", reason="", data={"seen": seen})

    async def main() -> None:
        store = Database(path)
        for _ in range(writes):
            try:
                await store.write(work)
                await store.read(events.broken_link)
            except PromptBreederError as error:
                os.write(out, f"{error!r}\n".encode())
        store.close()

    anyio.run(main)


def _vote_forever(path: Path, name: int, out: int) -> None:
    async def main() -> None:
        store = Database(path)
        for number in count():
            duel_id = f"{name}.{number}"
            await store.write(partial(_vote, duel_id=duel_id))
            os.write(out, f"{duel_id}\n".encode())

    anyio.run(main)


def _vote(db: Tables, duel_id: str) -> None:
    long = "some pages " * 300
    duels.create(db, duels.Duel(duel_id, "ticket-route", 1, 2, long, "billing", "delivery", 0.0, 1.0))
    duels.vote(db, duel_id, "A", voter="human", client="test", comment=long, now=0.0)
    events.append(
        db,
        ts=0.0,
        skill="ticket-route",
        kind="vote",
        actor="human",
        client="test",
        reason=long,
        data={"duel": duel_id},
    )


def _die_migrating(path: Path, statement: int, _: int) -> None:
    execute = sqlite_utils.Database.execute
    done = 0

    def counting(self: sqlite_utils.Database, sql: str, *arguments: Any) -> Any:  # noqa: ANN401
        nonlocal done
        if not sql.startswith(("CREATE TABLE ", "CREATE UNIQUE", "CREATE INDEX", "CREATE TRIGGER")):
            return execute(self, sql, *arguments)
        self.conn.execute("PRAGMA cache_size = 1")
        done += 1
        if done == statement:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(self, sql, *arguments)

    with mock.patch.object(sqlite_utils.Database, "execute", counting):
        Database(path)._open()


def _die_spilling(path: Path) -> None:
    tables = connect(path)
    tables.conn.execute("PRAGMA cache_size = 5")
    tables.conn.execute("BEGIN IMMEDIATE")
    for _ in range(100):
        events.append(tables, ts=1.0, skill=None, kind="note", actor="a", client="c", reason="lost" * 1000)
    os.kill(os.getpid(), signal.SIGKILL)


def _fork(work: Callable[[int], None]) -> tuple[int, int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _run(work, writing)
    os.close(writing)
    return pid, reading


def _run(work: Callable[[int], None], out: int) -> NoReturn:
    try:
        work(out)
    except BaseException as error:  # noqa: BLE001  a fork must not go on as its parent
        os.write(out, f"{error!r}\n".encode())
    os._exit(0)


def _kill(pid: int, out: int) -> list[str]:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return _rest(out)


def _rest(out: int) -> list[str]:
    with os.fdopen(out) as lines:
        return lines.read().splitlines()


def main() -> None:
    """Do what the command line says."""
    what, path, *numbers = sys.argv[1:]
    known: dict[str, Callable[..., dict[str, Any]]] = {
        "together": together,
        "kill": kill,
        "migrating": migrating,
        "spill": spill,
        "lock": lock,
    }
    print(json.dumps(known[what](Path(path), *map(int, numbers))))  # noqa: T201  its result


if __name__ == "__main__":
    main()
