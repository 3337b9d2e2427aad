"""The database: opening it safely, and running work in it.

Facts this file rests on (SQLite documentation, and measurements with several server processes):

- Rollback journal with `synchronous=FULL`: WAL has a corruption bug with several connections before 3.51.3, and most
  Pythons ship an affected library.
- Every write begins with `BEGIN IMMEDIATE`. A deferred transaction that reads and then writes fails at once with
  SQLITE_BUSY when another writer came between, whatever the busy timeout.
- Writes run in one thread, reads in another on a connection of their own.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

import anyio.to_thread

from promptbreeder.errors import InvalidInput, StoreCorrupt, StoreError, StoreTooNew, StoreUnavailable
from promptbreeder.store import backup

if TYPE_CHECKING:
    import sqlite_utils

    Tables: TypeAlias = sqlite_utils.Database

T = TypeVar("T")
APPLICATION_ID = 0x50424D43  # "PBMC"
BUSY_SECONDS = 20.0


class Database:
    """One database file, opened on first use. Thread-safe through its two limiters."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """Name the file; it is opened on first use, so that a server starts without waiting for it.

        One that is thrown away anyway need not be `durable`: then nothing waits for the disk.
        """
        self.path = path
        self._durable = durable
        self._opened: _Opened | None = None
        self._opening = threading.Lock()
        self._one_writer = anyio.CapacityLimiter(1)
        self._one_reader = anyio.CapacityLimiter(1)

    @property
    def exists(self) -> bool:
        """Whether there is a file yet: to look does not make one. Raises StoreUnavailable if that cannot be seen."""
        with translated(self.path):
            return self.path.exists()

    async def write(self, work: "Callable[[Tables], T]") -> T:
        """Run `work` in one transaction that is committed when it returns and rolled back when it raises.

        Not interrupted by cancellation: what was begun is committed or rolled back before the caller hears of it.

        Raises:
            StoreUnavailable: if the file cannot be reached, locked or written.
            StoreCorrupt: if it is not a sound database of ours.
            StoreTooNew: if a newer version of this program wrote it.
        """

        def call() -> T:
            writer = self._open().writer
            if writer is None:
                raise StoreUnavailable(
                    f"{self.path} is read-only: nothing can be stored. Make file and folder writable."
                )
            return _transact(writer, "BEGIN IMMEDIATE", work, self.path)

        return await anyio.to_thread.run_sync(call, limiter=self._one_writer)

    async def read(self, work: "Callable[[Tables], T]") -> T:
        """Run `work` over one consistent snapshot; raises as `write` does."""

        def call() -> T:
            return _transact(self._open().reader, "BEGIN", work, self.path)

        return await anyio.to_thread.run_sync(call, limiter=self._one_reader)

    async def foreign_commits(self) -> int:
        """Return a number that is another one when another connection than the writer has committed in between.

        SQLite's `data_version`; raises as `write` does.
        """

        def call() -> int:
            opened = self._open()
            with translated(self.path):
                return _pragma(opened.writer or opened.reader, "data_version")

        return await anyio.to_thread.run_sync(call, limiter=self._one_writer)

    async def backup(self) -> Path:
        """Copy the database as it is now, and return the copy; the oldest copies are pruned. Raises as `write` does."""
        return await self.write(lambda _: backup.make(self.path))

    async def while_closed(self, work: "Callable[[Path], T]") -> T:
        """Run `work` on the file while this process has it closed; opened anew on next use; raises as `write` does."""

        def call() -> T:
            self.close()
            with self._opening, translated(self.path):
                return work(self.path)

        async with self._one_reader:
            return await anyio.to_thread.run_sync(call, limiter=self._one_writer)

    def close(self) -> None:
        """Close both connections; the next use opens them anew. Idempotent."""
        with self._opening:
            if self._opened is not None:
                for tables in self._opened:
                    if tables is not None:
                        tables.close()
                self._opened = None

    def _open(self) -> "_Opened":
        """Open or create the file, private to the user, and bring its schema up to date.

        A file that can be read but not written is opened for reading.
        """
        with self._opening, translated(self.path):
            if self._opened is None:
                _prepare(self.path)
                self._opened = _connect_both(self.path)
                if not self._durable and self._opened.writer is not None:
                    self._opened.writer.conn.execute("PRAGMA synchronous = OFF")
            return self._opened


class _Opened(NamedTuple):
    writer: "Tables | None"
    reader: "Tables"


def _connect_both(path: Path) -> _Opened:
    with ExitStack() as closed_on_error:
        writer = None
        if os.access(path, os.W_OK):
            writer = closed_on_error.enter_context(closing(connect(path)))
            _migrate(writer, path)
        reader = closed_on_error.enter_context(closing(connect(path, read_only=True)))
        if writer is None:
            _require_schema(reader, path)
        closed_on_error.pop_all()
    return _Opened(writer, reader)


def connect(path: Path, *, read_only: bool = False) -> "Tables":
    """Return a connection of ours, wrapped."""
    # Imported here: it costs as much as all the rest of a server's start, and not every start needs the store.
    import sqlite_utils  # noqa: PLC0415

    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    with ExitStack() as closed_on_error:
        closed_on_error.enter_context(closing(connection))
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA synchronous = FULL")
        # What is deleted is overwritten: a deleted example must not be left in the file's free pages.
        connection.execute("PRAGMA secure_delete = ON")
        if read_only:
            # Not mode=ro: a killed writer's journal could then not be rolled back, and every read would fail.
            connection.execute("PRAGMA query_only = ON")
        closed_on_error.pop_all()
    return sqlite_utils.Database(connection, execute_plugins=False)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's and the file system's errors into ours, with what to do next."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise InvalidInput("the text holds characters that cannot be stored (lone surrogates); remove them") from error
    except OverflowError as error:
        raise InvalidInput("a number is too large to be stored; give one of at most 18 digits") from error
    except sqlite3.OperationalError as error:
        reason = str(error)
        if "locked" in reason or "busy" in reason:
            advice = "another process keeps it locked; try again, or stop that process"
        elif "full" in reason:
            advice = "the disk is full; free some space, nothing that was stored is lost"
        elif "readonly" in reason or "read-only" in reason:
            advice = "it is read-only; make the file and its folder writable"
        else:
            advice = "check that the folder exists and can be written; `promptbreeder-mcp doctor` says more"
        raise StoreUnavailable(f"{path}: {reason}: {advice}") from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise StoreError(f"{path}: {error}") from error
        raise StoreCorrupt(
            f"{path} is damaged or not a database ({error}). Backups are in {backup.folder(path)}; "
            "`promptbreeder-mcp doctor --restore FILE` puts one in its place, and keeps the damaged file."
        ) from error
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror or error}: check the folder and its permissions") from error


def _transact(tables: "Tables", begin: str, work: "Callable[[Tables], T]", path: Path) -> T:
    with translated(path):
        tables.conn.execute(begin)
        try:
            result = work(tables)
            tables.conn.execute("COMMIT")
        except BaseException:
            if tables.conn.in_transaction:
                tables.conn.execute("ROLLBACK")
            raise
    return result


def _prepare(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink():
        raise StoreUnavailable(f"{path} is a symbolic link, which is not followed; name the real file's folder instead")
    # Created by us, so that the file is private from its first byte on. A file that is there is not opened here:
    # closing it again would drop every POSIX lock that this process holds on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _migrate(tables: "Tables", path: Path) -> None:
    from promptbreeder.store import migrations  # noqa: PLC0415 - brings sqlite_utils with it

    def upgrade(tables: "Tables") -> None:
        found = _schema_of(tables, path)
        if found == migrations.SCHEMA_VERSION:
            return
        if found > 0:
            backup.make(path)
        migrations.MIGRATIONS.apply(tables)
        tables.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        tables.conn.execute(f"PRAGMA user_version = {migrations.SCHEMA_VERSION}")

    found = _transact(tables, "BEGIN", lambda tables: _schema_of(tables, path), path)
    if found != migrations.SCHEMA_VERSION:
        # IMMEDIATE: servers that start together queue up here; the later ones find nothing pending.
        _transact(tables, "BEGIN IMMEDIATE", upgrade, path)


def _require_schema(tables: "Tables", path: Path) -> None:
    from promptbreeder.store.migrations import SCHEMA_VERSION  # noqa: PLC0415 - brings sqlite_utils with it

    if _transact(tables, "BEGIN", lambda tables: _schema_of(tables, path), path) != SCHEMA_VERSION:
        raise StoreUnavailable(f"{path} has an old schema and is read-only; make file and folder writable once")


def _schema_of(tables: "Tables", path: Path) -> int:
    """Return the number of the schema, 0 for a new file; in one transaction, or another process may come between."""
    from promptbreeder.store.migrations import SCHEMA_VERSION  # noqa: PLC0415 - brings sqlite_utils with it

    found = _pragma(tables, "user_version")
    owner = _pragma(tables, "application_id")
    (filled,) = tables.conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != APPLICATION_ID and (owner or found or filled):
        raise StoreCorrupt(f"{path} belongs to another program; set PROMPTBREEDER_HOME to another folder")
    if found > SCHEMA_VERSION:
        raise StoreTooNew(
            f"{path} was written by a newer version of promptbreeder-mcp (schema {found}, this one knows "
            f"{SCHEMA_VERSION}); upgrade, or set PROMPTBREEDER_HOME to another folder"
        )
    return found


def _pragma(tables: "Tables", name: str) -> int:
    return int(tables.conn.execute(f"PRAGMA {name}").fetchone()[0])
