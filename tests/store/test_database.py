"""Opening the file safely, and running work in it."""

# ruff: noqa: ASYNC240 - nothing else runs in these event loops

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.errors import InvalidInput, StoreCorrupt, StoreError, StoreTooNew, StoreUnavailable
from promptbreeder.store import database, events, health, replies
from promptbreeder.store.database import APPLICATION_ID, Database
from promptbreeder.store.migrations import SCHEMA_VERSION
from promptbreeder.store.tables import Tables

pytestmark = pytest.mark.anyio

Note = Callable[..., int]
Reasons = Callable[[Tables], list[str]]


def _sqlite(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# --- Opening


def test_naming_a_database_touches_nothing(path: Path) -> None:
    """A server starts without waiting for its database."""
    Database(path).close()
    assert not path.parent.exists()


async def test_file_folder_and_journal_are_private_whatever_the_umask(store: Database, path: Path, note: Note) -> None:
    """Nobody else on the machine reads a user's examples."""

    def work(db: Tables) -> int:
        note(db)
        return _mode(path.with_name(f"{path.name}-journal"))

    previous = os.umask(0)
    try:
        assert await store.write(work) == 0o600
    finally:
        os.umask(previous)
    assert (_mode(path), _mode(path.parent)) == (0o600, 0o700)


@pytest.mark.parametrize("target_exists", [True, False])
async def test_a_symbolic_link_is_refused(store: Database, path: Path, *, target_exists: bool) -> None:
    """A link planted in the folder must not make us write to, or create, the file that it names."""
    path.parent.mkdir()
    target = path.parent / "elsewhere"
    if target_exists:
        target.write_text("precious")
    path.symlink_to(target)
    with pytest.raises(StoreUnavailable, match="symbolic link"):
        await store.write(lambda _: None)
    assert (target.read_text() == "precious") if target_exists else not target.exists()


_FOREIGN: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("Dear diary, " * 1000),
    "a few bytes": lambda path: path.write_bytes(b"xyz"),
    "another program's id": lambda path: _sqlite(path, "PRAGMA application_id = 7"),
    "tables without an id": lambda path: _sqlite(path, "CREATE TABLE recipes (cake)"),
    "a version without an id": lambda path: _sqlite(path, f"PRAGMA user_version = {SCHEMA_VERSION}"),
}


@pytest.mark.parametrize("make", _FOREIGN.values(), ids=_FOREIGN)
async def test_a_file_that_is_not_ours_is_refused_and_left_alone(
    store: Database, path: Path, make: Callable[[Path], object]
) -> None:
    """Whatever lies at the configured path by mistake, our tables are not put into it."""
    path.parent.mkdir()
    make(path)
    before = path.read_bytes()
    for use in (store.read, store.write):
        with pytest.raises(StoreCorrupt, match=path.name):
            await use(lambda db: db.table_names())
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_newer_schema_is_refused_and_left_alone(store: Database, path: Path) -> None:
    """An old program does not work on data whose meaning it cannot know."""
    await store.write(lambda _: None)
    store.close()
    _sqlite(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    for use in (store.read, store.write):
        with pytest.raises(StoreTooNew, match="upgrade"):
            await use(lambda _: None)
    assert path.read_bytes() == before


async def test_a_damaged_header_is_refused_and_left_alone(store: Database, path: Path) -> None:
    """The error names the backups, and nothing is repaired or overwritten behind the user's back."""
    await store.write(lambda _: None)
    store.close()
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="backups"):
        await store.write(lambda _: None)
    assert path.read_bytes() == before


async def test_a_damaged_page_is_an_error_and_not_an_answer(store: Database, path: Path, note: Note) -> None:
    """Damage beyond the header shows when it is read, as the same kind of error."""
    await store.write(lambda db: note(db, "x" * 100_000))
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(StoreCorrupt, match="damaged"):
        await store.read(events.broken_link)


async def test_a_database_that_could_not_be_opened_is_tried_again(store: Database, path: Path, note: Note) -> None:
    """The server outlives a bad file: once that is moved away, the next call works."""
    path.parent.mkdir()
    path.write_text("not a database")
    with pytest.raises(StoreCorrupt):
        await store.write(note)
    path.unlink()
    assert await store.write(note) == 1


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see what is open")
async def test_a_refused_file_is_not_kept_open(store: Database, path: Path) -> None:
    """A server that is asked again and again does not run out of file descriptors."""
    path.parent.mkdir()
    _sqlite(path, "CREATE TABLE recipes (cake)")
    for use in (store.read, store.write):
        with pytest.raises(StoreCorrupt):
            await use(lambda _: None)
    held = [fd.resolve() for fd in Path("/proc/self/fd").iterdir()]
    assert path.resolve() not in held


async def test_a_folder_that_cannot_be_made_is_our_error(tmp_path: Path) -> None:
    """The operating system's errors do not leak."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="check the folder"):
        await Database(tmp_path / "file" / "promptbreeder.db").write(lambda _: None)


async def test_closing_is_idempotent_and_the_next_use_opens_anew(store: Database, note: Note, reasons: Reasons) -> None:
    """A closed database is as one never used."""
    store.close()
    await store.write(lambda db: note(db, "kept"))
    store.close()
    store.close()
    assert await store.read(reasons) == ["kept"]


def test_opening_does_not_drop_a_lock_that_this_process_holds(store: Database, db: Tables, processes: Any) -> None:  # noqa: ANN401
    """POSIX locks go when any descriptor of the file is closed: a second opening must not close one behind SQLite."""
    assert db.conn.in_transaction
    second = Database(store.path)
    second._open()
    second.close()
    assert processes("lock", store.path)["error"] == "database is locked"


# --- Permissions


async def test_a_read_only_file_is_read_and_a_write_says_so(plain_user: Path, note: Note, reasons: Reasons) -> None:
    """History and prompts stay available on a read-only file."""
    path = plain_user / "promptbreeder.db"
    store = Database(path)
    await store.write(lambda db: note(db, "kept"))
    store.close()
    path.chmod(0o400)
    assert await store.read(reasons) == ["kept"]
    with pytest.raises(StoreUnavailable, match="read-only"):
        await store.write(note)
    assert await store.read(reasons) == ["kept"]
    store.close()


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (f"PRAGMA user_version = {SCHEMA_VERSION + 1}", StoreTooNew),
        ("PRAGMA user_version = 0", StoreUnavailable),
        ("PRAGMA application_id = 7", StoreCorrupt),
    ],
)
async def test_a_read_only_file_is_checked_like_any_other(
    plain_user: Path, statement: str, error: type[StoreError]
) -> None:
    """Reading what another version or program wrote would give wrong answers."""
    path = plain_user / "promptbreeder.db"
    store = Database(path)
    await store.write(lambda _: None)
    store.close()
    _sqlite(path, statement)
    path.chmod(0o400)
    with pytest.raises(error):
        await store.read(lambda db: db.table_names())


async def test_a_read_only_folder_is_read_and_writes_work_once_it_is_writable(
    plain_user: Path, note: Note, reasons: Reasons
) -> None:
    """The journal needs the folder; a refused write leaves nothing behind and the connection usable."""
    home = plain_user / "home"
    store = Database(home / "promptbreeder.db")
    await store.write(lambda db: note(db, "first"))
    home.chmod(0o500)
    with pytest.raises(StoreUnavailable):
        await store.write(lambda db: note(db, "refused"))
    assert await store.read(reasons) == ["first"]
    home.chmod(0o700)
    await store.write(lambda db: note(db, "second"))
    assert await store.read(reasons) == ["first", "second"]
    store.close()


async def test_a_file_that_cannot_be_read_is_unavailable_and_not_corrupt(plain_user: Path) -> None:
    """Nobody is told to replace a sound file by a backup."""
    path = plain_user / "promptbreeder.db"
    path.touch(0o000)
    with pytest.raises(StoreUnavailable):
        await Database(path).read(lambda _: None)


# --- Transactions


async def test_an_exception_undoes_the_whole_transaction(store: Database, note: Note, reasons: Reasons) -> None:
    """A use case that fails half-way leaves no half, and its own error comes out as it is."""

    def work(db: Tables) -> None:
        note(db, "one")
        note(db, "two")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await store.write(work)
    assert await store.read(reasons) == []
    assert await store.write(note) == 1


async def test_a_violated_constraint_undoes_the_whole_transaction(
    store: Database, note: Note, reasons: Reasons
) -> None:
    """Foreign keys are enforced, and what SQLite refuses comes out as our error."""

    def work(db: Tables) -> None:
        note(db, "one")
        db.execute("INSERT INTO skill_state VALUES ('nobody', 1)")

    with pytest.raises(StoreError, match="FOREIGN KEY"):
        await store.write(work)
    assert await store.read(reasons) == []


async def test_a_cancelled_write_is_finished_before_the_caller_goes_on(
    store: Database, note: Note, reasons: Reasons
) -> None:
    """Cancellation never leaves a transaction open behind the caller's back."""
    begun, go_on = threading.Event(), threading.Event()

    def work(db: Tables) -> None:
        begun.set()
        go_on.wait()
        note(db, "finished")

    async with anyio.create_task_group() as group:
        group.start_soon(store.write, work)
        await anyio.to_thread.run_sync(begun.wait)
        group.cancel_scope.cancel()
        go_on.set()
    assert await store.read(reasons) == ["finished"]
    with closing(sqlite3.connect(store.path, timeout=0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")


async def test_a_read_does_not_wait_for_a_write_that_is_going_on(store: Database, note: Note, reasons: Reasons) -> None:
    """Reads have a connection and a thread of their own, and never see what is not committed."""

    def work(db: Tables) -> list[str]:
        note(db, "not yet")
        return anyio.from_thread.run(store.read, reasons)

    await store.write(lambda db: note(db, "committed"))
    assert await store.write(work) == ["committed"]


async def test_a_read_sees_one_state_from_beginning_to_end(store: Database, note: Note, reasons: Reasons) -> None:
    """No other process commits between two queries of one read."""
    await store.write(lambda db: note(db, "first"))

    def work(db: Tables) -> tuple[list[str], list[str]]:
        before = reasons(db)
        with closing(sqlite3.connect(store.path, timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO reply_cache VALUES ('k', 'v', 0)")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("COMMIT")
            other.execute("ROLLBACK")
        return before, reasons(db)

    assert await store.read(work) == (["first"], ["first"])


async def test_a_read_cannot_write(store: Database, note: Note, reasons: Reasons) -> None:
    """Work given to the wrong method fails and does not slip past the write lock."""
    with pytest.raises(StoreUnavailable, match="readonly"):
        await store.read(note)
    assert await store.read(reasons) == []


async def test_writes_that_come_together_are_done_one_after_another(
    store: Database, note: Note, reasons: Reasons
) -> None:
    """One writer thread: two transactions never mix on its connection."""

    def work(db: Tables, number: int) -> None:
        note(db, f"{number} begins")
        note(db, f"{number} ends")

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(store.write, lambda db, number=number: work(db, number))
    stored = await store.read(reasons)
    begun = [line.split()[0] for line in stored[::2]]
    assert stored == [f"{number} {what}" for number in begun for what in ("begins", "ends")]
    assert len(stored) == 20


async def test_a_lock_held_for_too_long_is_our_error_and_passes(
    store: Database, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client hears that another process is in the way; afterwards all is well."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    await store.write(note)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another process keeps it locked"):
            await store.write(note)
    assert await store.write(note) == 2


async def test_a_full_disk_is_our_error_and_loses_nothing(store: Database, note: Note, reasons: Reasons) -> None:
    """What was stored before stays readable, and writing goes on once there is space."""
    await store.write(lambda db: note(db, "before"))

    def fill(db: Tables) -> None:
        (pages,) = db.conn.execute("PRAGMA page_count").fetchone()
        db.conn.execute(f"PRAGMA max_page_count = {pages}")
        note(db, "small")
        note(db, "x" * 100_000)

    with pytest.raises(StoreUnavailable, match="disk is full"):
        await store.write(fill)
    assert await store.read(reasons) == ["before"]
    await store.write(lambda db: db.conn.execute("PRAGMA max_page_count = 1000000").fetchone())
    await store.write(lambda db: note(db, "after"))
    assert await store.read(reasons) == ["before", "after"]


# --- What can be stored


@pytest.mark.parametrize("reason", ["\ud800", "fine \udfff not", "\udc00" * 3])
@pytest.mark.parametrize("where", ["text", "data", "reply"])
async def test_lone_surrogates_are_refused_and_nothing_is_lost(
    store: Database, note: Note, reasons: Reasons, reason: str, where: str
) -> None:
    """A text that has no UTF-8 is the caller's error, undoes its transaction and nothing else."""

    def work(db: Tables) -> None:
        note(db, "same transaction")
        if where == "text":
            note(db, reason)
        elif where == "data":
            note(db, data=reason)
        else:
            replies.put(db, "key", reason, now=0.0)

    await store.write(lambda db: note(db, "before"))
    with pytest.raises(InvalidInput, match="lone surrogates"):
        await store.write(work)
    await store.write(lambda db: note(db, "after"))
    assert await store.read(reasons) == ["before", "after"]


async def test_a_number_beyond_64_bits_is_the_callers_error(store: Database) -> None:
    """A version number from a URI may have any number of digits."""
    with pytest.raises(InvalidInput, match="too large"):
        await store.read(lambda db: list(db.query("SELECT * FROM versions WHERE n = ?", [10**30])))


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_other_text_comes_back_as_it_was(scratch: Any, text: str) -> None:  # noqa: ANN401
    """Neither NUL nor an unusual script is cut or changed by SQLite."""
    with scratch() as db:
        replies.put(db, text, text, now=0.0)
        assert replies.get(db, text) == text


def test_every_table_of_ours_checks_types(db: Tables) -> None:
    """SQLite alone would store a text in a number's column."""
    loose = [row["name"] for row in db.query("PRAGMA table_list") if row["type"] == "table" and not row["strict"]]
    assert [name for name in loose if not name.startswith(("sqlite_", "_sqlite_"))] == []


# --- Several processes


async def test_four_processes_starting_together_share_a_new_file(processes: Callable[..., Any], tmp_path: Path) -> None:
    """Four clients start a server each at the same moment: one migrates, none fails, none starts anew."""
    for attempt in range(4):
        path = tmp_path / str(attempt) / "promptbreeder.db"
        assert processes("together", path, 4, 1) == {"errors": []}
        store = Database(path)
        assert len(await store.read(lambda db: events.history(db, None, before_id=None, limit=10))) == 4
        assert [file.name for file in path.parent.iterdir()] == [path.name]
        store.close()


async def test_reading_and_then_writing_in_several_processes_gives_no_lock_error(
    processes: Callable[..., Any], store: Database
) -> None:
    """A deferred transaction would fail here at once, or two would decide on the same state."""
    await store.write(lambda _: None)
    assert processes("together", store.path, 4, 25) == {"errors": []}
    found = await store.read(lambda db: events.history(db, None, before_id=None, limit=1000))
    assert [event.data["seen"] for event in reversed(found)] == list(range(100))
    assert all(check.ok for check in await store.read(health.checks))


async def test_the_file_is_marked_as_ours(store: Database) -> None:
    """The marks are what later versions, and other programs, go by."""
    await store.write(lambda _: None)
    with closing(sqlite3.connect(store.path)) as other:
        marks = [other.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        assert marks == [APPLICATION_ID, SCHEMA_VERSION]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("delete",)
