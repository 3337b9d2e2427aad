"""Going back to a backup: verified before, nothing lost, and seen by every process that has the file open."""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils

from promptbreeder.errors import InvalidInput, StoreCorrupt, StoreTooNew, StoreUnavailable
from promptbreeder.store import backup, database, restoring
from promptbreeder.store.database import Database
from promptbreeder.store.restoring import restore
from promptbreeder.store.tables import Tables

pytestmark = pytest.mark.anyio
Note = Callable[..., int]
Reasons = Callable[[Tables], list[str]]


@pytest.fixture
async def copy(store: Database, note: Note) -> Path:
    """Return a backup from before the latest note."""
    await store.write(lambda db: note(db, "before"))
    made = await store.backup()
    await store.write(lambda db: note(db, "after"))
    return made


async def test_a_backup_takes_the_place_and_what_was_there_is_kept(
    store: Database, copy: Path, reasons: Reasons
) -> None:
    """Another process that has the file open goes on with what was restored, also writing."""
    other = Database(store.path)
    assert await other.read(reasons) == ["before", "after"]
    kept = await restore(store, copy)
    assert await store.read(reasons) == ["before"]
    assert await other.read(reasons) == ["before"]
    assert kept is not None
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT reason FROM events").fetchall() == [("before",), ("after",)]
    await restore(other, kept)
    assert await store.read(reasons) == ["before", "after"]
    other.close()


async def test_a_damaged_file_is_moved_aside_and_no_journal_of_it_stays(
    store: Database, copy: Path, reasons: Reasons
) -> None:
    """A journal left beside the restored file would be played back into it."""
    store.close()
    store.path.write_bytes(b"no database" * 500)
    journal = store.path.with_name(f"{store.path.name}-journal")
    journal.write_bytes(b"remains")
    kept = await restore(store, copy)
    assert kept is not None
    assert kept == store.path.with_name("promptbreeder-damaged-1.db")
    assert kept.read_bytes() == b"no database" * 500
    assert not journal.exists()
    assert await store.read(reasons) == ["before"]
    assert store.path.stat().st_mode & 0o777 == 0o600
    store.close()
    store.path.write_bytes(b"again")
    assert await restore(store, copy) == store.path.with_name("promptbreeder-damaged-2.db")


async def test_where_there_is_no_database_the_backup_becomes_it(copy: Path, tmp_path: Path, reasons: Reasons) -> None:
    """On a new machine; the backup itself stays."""
    fresh = Database(tmp_path / "elsewhere" / "promptbreeder.db")
    assert await restore(fresh, copy) is None
    assert await fresh.read(reasons) == ["before"]
    assert await Database(copy).read(reasons) == ["before"]
    fresh.close()


def _as_text(path: Path) -> None:
    path.write_text("hello", encoding="utf-8")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _execute(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return change


@pytest.mark.parametrize(
    ("damage", "error", "reason"),
    [
        (_as_text, StoreCorrupt, "file is not a database"),
        (_cut, StoreCorrupt, "malformed|structure"),
        (_execute("PRAGMA application_id = 7"), StoreCorrupt, "belongs to another program"),
        (_execute("PRAGMA user_version = 99"), StoreTooNew, "newer version"),
        (
            _execute("DROP TRIGGER events_no_update", "UPDATE events SET reason = 'nicer'"),
            StoreCorrupt,
            "event chain: event 1 was altered",
        ),
        (Path.unlink, InvalidInput, "there is no backup"),
    ],
)
async def test_what_is_not_a_sound_backup_changes_nothing(  # noqa: PLR0917 - each is a part of the case
    store: Database,
    copy: Path,
    reasons: Reasons,
    damage: Callable[[Path], None],
    error: type[Exception],
    reason: str,
) -> None:
    """It is verified whole before anything is touched; the message says what is wrong with it."""
    damage(copy)
    with pytest.raises(error, match=reason):
        await restore(store, copy)
    assert await store.read(reasons) == ["before", "after"]
    assert len(backup.listed(store.path)) <= 1


async def test_the_database_is_no_backup_of_itself(store: Database, copy: Path) -> None:
    """Nor is a folder one."""
    assert copy
    with pytest.raises(InvalidInput, match="is the database itself"):
        await restore(store, store.path)
    with pytest.raises(InvalidInput, match="there is no backup"):
        await restore(store, store.path.parent)


async def test_the_backup_in_use_is_not_pruned_by_the_one_that_is_made(
    store: Database, copy: Path, reasons: Reasons
) -> None:
    """It is the oldest of seven, and making the eighth would remove it."""
    for _ in range(backup.KEPT - 1):
        await store.backup()
    assert len(backup.listed(store.path)) == backup.KEPT
    await restore(store, copy)
    assert await store.read(reasons) == ["before"]


async def test_a_restoration_that_has_to_wait_in_vain_makes_no_copy(
    store: Database, copy: Path, reasons: Reasons, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody reads all the while: nothing is changed, and no older copy is pushed out by one that is of no use."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    before = backup.listed(store.path)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        with pytest.raises(StoreUnavailable):
            await restore(store, copy)
    assert backup.listed(store.path) == before
    assert await store.read(reasons) == ["before", "after"]


async def test_what_others_write_meanwhile_is_kept_or_refused(
    store: Database, copy: Path, reasons: Reasons, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process writes whenever it can; what was acknowledged is never lost with what is overwritten."""
    real, told = sqlite3.connect, list[str]()

    def write() -> None:
        with closing(real(store.path, timeout=0, isolation_level=None)) as other, suppress(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE")
            note(sqlite_utils.Database(other), f"written {len(told)}")
            other.execute("COMMIT")
            told.append(f"written {len(told)}")

    def overtaken(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  as sqlite3.connect
        write()
        return real(*args, **kwargs)

    class Overtaken:
        """The backup that is restored: somebody writes right before its content is taken."""

        def __init__(self, source: Path) -> None:
            self._backup = reading(source)

        def backup(self, target: sqlite3.Connection) -> None:
            """Copy."""
            write()
            self._backup.backup(target)

        def close(self) -> None:
            """Close the file."""
            self._backup.close()

    reading = restoring._reading
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", overtaken)
        patched.setattr(restoring, "_reading", Overtaken)
        kept = await restore(store, copy)
    assert kept is not None
    assert told
    assert await Database(kept).read(reasons) == ["before", "after", *told]
    assert await store.read(reasons) == ["before"]
    write()
    assert (await store.read(reasons))[1:] == told[-1:]
