"""A real database file for each test, and what the tests of the store have in common."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.prompt import Prompt
from promptbreeder.skill import Skill
from promptbreeder.store import events, skills, versions
from promptbreeder.store.database import Database
from promptbreeder.store.tables import Tables

_NOBODY = 65534


@pytest.fixture
def anyio_backend() -> str:
    """Return the event loop that the server uses."""
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the name of a database that is not there yet, in a folder that is not there yet."""
    return tmp_path / "home" / "promptbreeder.db"


@pytest.fixture
def store(path: Path) -> Iterator[Database]:
    """Return a database that is opened on first use."""
    store = Database(path)
    yield store
    store.close()


@pytest.fixture
def db(store: Database) -> Iterator[Tables]:
    """Return an open transaction on a new file, as the functions of the store get it; rolled back at the end."""
    tables = store._open().writer
    assert tables is not None
    tables.conn.execute("BEGIN IMMEDIATE")
    yield tables
    tables.conn.execute("ROLLBACK")


@pytest.fixture
def scratch(db: Tables) -> Callable[[], AbstractContextManager[Tables]]:
    """Return a block whose changes are undone: one for each example of a property test."""

    @contextmanager
    def undone() -> Generator[Tables]:
        db.conn.execute("SAVEPOINT scratch")
        try:
            yield db
        finally:
            db.conn.execute("ROLLBACK TO scratch")
            db.conn.execute("RELEASE scratch")

    return undone


@pytest.fixture
def skill() -> Skill:
    """Return a skill with three labels."""
    return Skill(
        name="ticket-route",
        description="Route a ticket.",
        labels=("billing", "delivery", "technical"),
        metric="label",
        model="scripted",
        salt="pepper",
    )


@pytest.fixture
def stock(skill: Skill) -> Callable[..., None]:
    """Return a function that stores a skill with some versions, of which the first is in production."""

    def stock(db: Tables, name: str = skill.name, *, count: int = 4) -> None:
        skills.add(db, skill.model_copy(update={"name": name}), now=0.0)
        for number in range(1, count + 1):
            versions.add(
                db,
                name,
                Prompt(instruction=f"Instruction {number}."),
                origin="human",
                parents=(),
                operator="written",
                run_id=None,
                calibration=None,
                now=float(number),
            )
        events.create(db, ts=0.0, skill=name, version=1, actor="human", client="test", data={})

    return stock


@pytest.fixture
def stocked(db: Tables, stock: Callable[..., None]) -> Tables:
    """Return an open transaction on a database with one skill of four versions."""
    stock(db)
    return db


@pytest.fixture
def note() -> Callable[..., int]:
    """Return a function that appends an event without meaning: the smallest write there is."""

    def note(db: Tables, reason: str = "", *, ts: float = 1.0, **data: Any) -> int:  # noqa: ANN401  JSON
        return events.append(db, ts=ts, skill=None, kind="note", actor="human", client="test", reason=reason, data=data)

    return note


@pytest.fixture
def reasons() -> Callable[[Tables], list[str]]:
    """Return a function that reads back what was noted, in order."""

    def reasons(db: Tables) -> list[str]:
        return [event.reason for event in reversed(events.history(db, None, before_id=None, limit=1000))]

    return reasons


@pytest.fixture
def processes() -> Callable[..., Any]:
    """Return a function that runs `processes.py` and returns what it found."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")

    def run(*arguments: object) -> Any:  # noqa: ANN401  JSON
        program = Path(__file__).with_name("processes.py")
        done = subprocess.run(
            [sys.executable, program, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def plain_user() -> Iterator[Path]:
    """Return an empty folder, for a user to whom file permissions apply: they do not for root."""
    if not hasattr(os, "getuid"):
        pytest.skip("needs POSIX permissions")
    with tempfile.TemporaryDirectory() as folder:
        if os.getuid() != 0:
            yield Path(folder)
            return
        os.chown(folder, _NOBODY, -1)
        os.setresuid(_NOBODY, _NOBODY, 0)
        try:
            yield Path(folder)
        finally:
            os.setresuid(0, 0, 0)
