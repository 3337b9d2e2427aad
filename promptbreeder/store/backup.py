"""Backups: whole copies beside the database, made by SQLite's own backup API, the newest seven kept."""

import contextlib
import glob
import os
import sqlite3
from contextlib import closing
from pathlib import Path

KEPT = 7


def folder(path: Path) -> Path:
    """Return where the backups of the database at `path` are."""
    return path.parent / "backups"


def listed(path: Path) -> list[Path]:
    """Return the backups of the database at `path`, oldest first."""
    return sorted(file for file in folder(path).glob("*.db") if _is_copy(file, path))


def make(path: Path, *, through: sqlite3.Connection | None = None, spared: Path | None = None) -> Path:
    """Copy the database at `path` and prune old copies, except `spared`.

    The caller holds the write lock: one backup at a time. Where it lets nobody else read, the copy is made `through`
    its own connection.
    """
    home = folder(path)
    home.mkdir(mode=0o700, exist_ok=True)
    last = listed(path)
    number = int(last[-1].stem.rpartition("-")[2]) + 1 if last else 1
    target = home / f"{path.stem}-{number:06d}.db"
    partial = target.with_suffix(".partial")
    for left_by_a_killed_process in home.glob(f"{glob.escape(path.stem)}-*.partial*"):
        left_by_a_killed_process.unlink()
    make_private(partial)
    with (
        contextlib.nullcontext(through) if through is not None else closing(sqlite3.connect(path)) as source,
        closing(sqlite3.connect(partial)) as copy,
    ):
        source.backup(copy)
    partial.replace(target)
    for old in listed(path)[:-KEPT]:
        if spared is None or not old.samefile(spared):
            old.unlink()
    return target


def make_private(path: Path) -> None:
    """Make an empty file that nobody else can read, from its first byte on; a link of that name is not followed."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _is_copy(file: Path, path: Path) -> bool:
    # A copy that the user made and put here is neither counted nor pruned.
    stem, _, number = file.stem.rpartition("-")
    return stem == path.stem and number.isdecimal()
