"""Restoring: put a verified backup in the place of the database; what was there is kept.

A sound database is overwritten through SQLite's own backup API, under its locks, so that other processes that have it
open go on with the restored content. A damaged one is moved aside with its journal: left beside the new file, SQLite
would play it back into it.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from promptbreeder.errors import InvalidInput, StoreCorrupt, StoreTooNew
from promptbreeder.store import backup, health
from promptbreeder.store.database import APPLICATION_ID, Database, connect, translated


async def restore(store: Database, source: Path) -> Path | None:
    """Put the backup `source` in the place of the store's file and return where what was there is; None: nothing was.

    Raises:
        InvalidInput: if there is no such file, or it is the database itself.
        StoreCorrupt, StoreTooNew: if it is not a sound database of ours; nothing is changed then.
        StoreUnavailable: if the files cannot be read or written.
    """

    def replace(path: Path) -> Path | None:
        _verify(source, path)
        if not path.exists():
            _copy(source, path)
            return None
        if _is_sound(path):
            return _overwrite(source, path)
        aside = _free_name(path)
        path.rename(aside)
        journal = path.with_name(f"{path.name}-journal")
        if journal.exists():
            journal.rename(aside.with_name(f"{aside.name}-journal"))
        _copy(source, path)
        return aside

    return await store.while_closed(replace)


def _verify(source: Path, path: Path) -> None:
    if not source.is_file():
        raise InvalidInput(f"there is no backup {source}; those made here are in {backup.folder(path)}")
    if path.exists() and source.samefile(path):
        raise InvalidInput(f"{source} is the database itself; name a backup, they are in {backup.folder(path)}")
    wrong = [f"{check.what}: {check.detail}" for check in _checked(source) if not check.ok]
    if wrong:
        raise StoreCorrupt(f"{source} is not a sound backup ({'; '.join(wrong)}). Nothing was changed; take another.")


def _checked(source: Path) -> tuple[health.Check, ...]:
    from promptbreeder.store.migrations import SCHEMA_VERSION  # noqa: PLC0415 - brings sqlite_utils with it

    try:
        with translated(source), closing(connect(source, read_only=True)) as tables:
            (owner,) = tables.conn.execute("PRAGMA application_id").fetchone()
            (schema,) = tables.conn.execute("PRAGMA user_version").fetchone()
            if schema > SCHEMA_VERSION and owner == APPLICATION_ID:
                raise StoreTooNew(f"{source} was written by a newer version of promptbreeder-mcp; upgrade first")
            if owner != APPLICATION_ID:
                return (health.Check(ok=False, what="database", detail="it belongs to another program"),)
            return health.checks(tables)
    except StoreCorrupt as error:
        # Says how to restore a backup, which is what is going on.
        return (health.Check(ok=False, what="database", detail=str(error.__cause__)),)


def _is_sound(path: Path) -> bool:
    return all(check.ok for check in _checked(path) if check.what in {"database", "database structure"})


def _overwrite(source: Path, path: Path) -> Path:
    with closing(connect(path)) as live, closing(_reading(source)) as copy:
        # What is copied or overwritten may not be in a transaction. In this mode the lock outlives the transaction that
        # took it, until the connection is closed: nobody writes what would be neither in the kept copy nor in the
        # restored file. Who reads is waited for first: a copy that is made for nothing pushes an older one out.
        live.conn.execute("PRAGMA locking_mode = EXCLUSIVE")
        live.conn.execute("BEGIN EXCLUSIVE")
        live.conn.execute("COMMIT")
        kept = backup.make(path, through=live.conn, spared=source)
        copy.backup(live.conn)
    return kept


def _copy(source: Path, path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    backup.make_private(partial)
    with closing(_reading(source)) as copy, closing(sqlite3.connect(partial)) as target:
        copy.backup(target)
    partial.replace(path)


def _reading(source: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.stem}-damaged-{number}.db")).exists():
        number += 1
    return aside
