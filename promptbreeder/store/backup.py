"""Backups: whole copies beside the database, made by SQLite's own backup API, the newest seven kept."""

import sqlite3
from pathlib import Path

KEPT = 7


def folder(path: Path) -> Path:
    """Return where the backups of the database at `path` are."""
    return path.parent / "backups"


def listed(path: Path) -> list[Path]:
    """Return the backups of the database at `path`, oldest first."""
    return sorted(folder(path).glob(f"{path.stem}-*.db"))


def make(path: Path) -> Path:
    """Copy the database at `path`, consistently even while others write, and prune old copies."""
    home = folder(path)
    home.mkdir(mode=0o700, exist_ok=True)
    last = listed(path)
    number = int(last[-1].stem.rpartition("-")[2]) + 1 if last else 1
    target = home / f"{path.stem}-{number:06d}.db"
    partial = target.with_suffix(".partial")
    source, copy = sqlite3.connect(path), sqlite3.connect(partial)
    try:
        source.backup(copy)
    finally:
        source.close()
        copy.close()
    partial.chmod(0o600)
    partial.replace(target)
    for old in listed(path)[:-KEPT]:
        old.unlink()
    return target
