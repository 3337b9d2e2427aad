"""Bringing an older file up to date, and the backup that is made first."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlite_utils import Migrations

from promptbreeder.errors import StoreError, StoreTooNew, StoreUnavailable
from promptbreeder.prompt import Decoding
from promptbreeder.skill import Example, Skill, Split
from promptbreeder.store import backup, database, evaluations, examples, migrations
from promptbreeder.store.database import Database
from promptbreeder.store.tables import Tables

pytestmark = pytest.mark.anyio

Note = Callable[..., int]
Reasons = Callable[[Tables], list[str]]


@pytest.fixture
def upgrade(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes this the next release, with one more migration."""

    def upgrade(*, failing: bool = False) -> None:
        released = Migrations("promptbreeder")
        for step in migrations.MIGRATIONS._migrations:
            released(name=step.name)(step.fn)

        def add_column(db: Tables) -> None:
            db.execute("ALTER TABLE skills ADD COLUMN colour TEXT")
            if failing:
                db.execute("INSERT INTO no_such_table VALUES (1)")

        released(name="m_next")(add_column)
        monkeypatch.setattr(migrations, "MIGRATIONS", released)
        monkeypatch.setattr(migrations, "SCHEMA_VERSION", migrations.SCHEMA_VERSION + 1)

    return upgrade


def _columns(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(skills)")]


async def test_an_older_file_is_copied_and_then_migrated(
    store: Database, note: Note, reasons: Reasons, upgrade: Callable[..., None]
) -> None:
    """The data are all there afterwards, and the copy is a whole database of the older version."""
    await store.write(lambda db: note(db, "before"))
    store.close()
    upgrade()
    assert await store.read(reasons) == ["before"]
    assert "colour" in _columns(store.path)
    (copy,) = backup.listed(store.path)
    assert "colour" not in _columns(copy)
    assert (copy.stat().st_mode & 0o777, copy.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT reason FROM events").fetchall() == [("before",)]


async def test_nothing_is_copied_when_there_is_nothing_to_migrate(store: Database, path: Path) -> None:
    """Neither a new file nor one that is up to date needs a backup."""
    await store.write(lambda _: None)
    store.close()
    await store.write(lambda _: None)
    assert list(path.parent.iterdir()) == [path]


async def test_a_migration_that_fails_leaves_the_old_state_usable(
    store: Database, note: Note, reasons: Reasons, upgrade: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half-migrated file would be usable by no version."""
    await store.write(lambda db: note(db, "before"))
    store.close()
    with monkeypatch.context() as released:
        released.setattr(migrations, "SCHEMA_VERSION", migrations.SCHEMA_VERSION)
        released.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS)
        upgrade(failing=True)
        with pytest.raises(StoreUnavailable, match="no_such_table"):
            await store.read(reasons)
    monkeypatch.undo()
    assert "colour" not in _columns(store.path)
    assert await store.read(reasons) == ["before"]


async def test_the_older_version_refuses_the_migrated_file(
    path: Path, upgrade: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two versions of the server on one machine: the older one says what to do."""
    newer = Database(path)
    upgrade()
    await newer.write(lambda _: None)
    newer.close()
    monkeypatch.undo()
    with pytest.raises(StoreTooNew):
        await Database(path).read(lambda _: None)


async def test_servers_that_find_an_older_file_together_make_one_backup(
    store: Database, upgrade: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waited for the write lock looks again, and neither copies nor migrates a second time."""
    await store.write(lambda _: None)
    store.close()
    upgrade()
    second = Database(store.path)
    look, looks = database._schema_of, 0

    def slow_look(tables: Tables, path: Path) -> int:
        nonlocal looks
        looks += 1
        found = look(tables, path)
        if looks == 1:
            # The other server migrates after this one saw the old schema, and before it has the lock.
            tables.conn.execute("COMMIT")
            second._open()
            tables.conn.execute("BEGIN")
        return found

    monkeypatch.setattr(database, "_schema_of", slow_look)
    await store.write(lambda _: None)
    second.close()
    assert len(backup.listed(store.path)) == 1


async def test_only_the_newest_seven_copies_of_this_database_are_kept(store: Database, path: Path, note: Note) -> None:
    """Old copies go, in the order in which they were made; what the user put beside them stays."""
    folder = backup.folder(path)
    for number in range(1, 13):
        await store.write(partial(note, reason=str(number)))
        backup.make(path)
        for stranger in ("promptbreeder-mine.db", "promptbreeder-x-000001.db", "other-000001.db"):
            (folder / stranger).touch()
    kept = backup.listed(path)
    assert [copy.name for copy in kept] == [f"promptbreeder-{number:06d}.db" for number in range(6, 13)]
    assert len(list(folder.iterdir())) == backup.KEPT + 3
    with closing(sqlite3.connect(kept[-1])) as newest:
        assert newest.execute("SELECT count(*) FROM events").fetchone() == (12,)


async def test_what_a_process_killed_during_a_backup_left_is_cleared_away(
    store: Database, path: Path, note: Note
) -> None:
    """Half a copy is never taken for a copy, nor in the way of the next one."""
    await store.write(note)
    folder = backup.folder(path)
    folder.mkdir()
    for name in ("promptbreeder-000001.partial", "promptbreeder-000001.partial-journal"):
        (folder / name).write_bytes(b"half " * 2000)
    assert backup.listed(path) == []
    copy = backup.make(path)
    assert list(folder.iterdir()) == [copy]
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)


async def test_examples_of_the_first_schema_keep_their_ids_and_can_be_corrected(
    path: Path, stock: Callable[..., None], skill: Skill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measurements refer to the ids, so the table that is made anew must hold the same rows."""

    def insert(db: Tables, row: tuple[object, ...]) -> None:
        db.execute(
            "INSERT INTO examples (id, skill, input_hash, input, expected, split, created_at, retired_at) "
            "VALUES (?, ?, ?, ?, ?, ?, 1.0, ?)",
            [row[0], skill.name, *row[1:]],
        )

    with monkeypatch.context() as first:
        old = Migrations("promptbreeder")
        old(name="m001_first")(migrations.m001_first)
        first.setattr(migrations, "MIGRATIONS", old)
        first.setattr(migrations, "SCHEMA_VERSION", 1)
        store = Database(path)
        await store.write(stock)
        rows = [(7, "h7", "seven", "a", "gate", None), (9, "h9", "nine", None, "train", 5.0)]
        for row in rows:
            await store.write(partial(insert, row=row))
        store.close()
    store = Database(path)
    kept = await store.read(lambda db: [tuple(row.values()) for row in db.query("SELECT * FROM examples ORDER BY id")])
    assert kept == [(row[0], skill.name, *row[1:5], 1.0, row[5], None) for row in rows]
    number = await store.write(lambda db: examples.correct(db, skill.name, 7, "b", now=6.0))
    assert number == 10
    assert await store.read(lambda db: examples.in_use(db, skill.name, Split.GATE)) == {10}
    assert len(backup.listed(path)) == 1
    store.close()


async def test_an_evaluation_of_the_fifth_schema_is_found_as_it_was(
    path: Path, stock: Callable[..., None], skill: Skill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of its answers were unparsable is not known, and how many were is."""
    with monkeypatch.context() as fifth:
        old = Migrations("promptbreeder")
        for step in migrations.MIGRATIONS._migrations[:5]:
            old(name=step.name)(step.fn)
        fifth.setattr(migrations, "MIGRATIONS", old)
        fifth.setattr(migrations, "SCHEMA_VERSION", 5)
        store = Database(path)
        await store.write(stock)
        row = (skill.name, 1, "gate", "free", "model", "[1.0, 0.0]", "[7, 9]", 10, 2, 1, 5.0)
        await store.write(
            lambda db: db.execute("INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", list(row))
        )
        store.close()
    store = Database(path)
    found = await store.read(
        lambda db: evaluations.latest(db, skill.name, 1, Split.GATE, decoding=Decoding.FREE, fingerprint="model")
    )
    assert found is not None
    assert (found.example_ids, found.scores, found.unparsable, found.unparsable_ids) == ((7, 9), (1.0, 0.0), 1, None)
    store.close()


async def test_an_input_is_in_use_once_at_most(store: Database, stock: Callable[..., None], skill: Skill) -> None:
    """The database itself holds it, whatever the code does."""
    await store.write(stock)
    one = Example(input="a", expected="billing")
    await store.write(lambda db: examples.add(db, skill, [one], now=1.0))
    with pytest.raises(StoreError, match="UNIQUE"):
        await store.write(
            lambda db: db.execute(
                "INSERT INTO examples (skill, input_hash, input, split, created_at) "
                "SELECT skill, input_hash, input, split, created_at FROM examples"
            )
        )
