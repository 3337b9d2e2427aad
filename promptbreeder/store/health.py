"""Health: what can be verified about the file and the history in it."""

from typing import NamedTuple, NoReturn

from promptbreeder.store import events, skills, versions
from promptbreeder.store.tables import Tables


class Check(NamedTuple):
    """One thing that was verified."""

    ok: bool
    what: str
    detail: str


class Attempted(Exception):
    """Something could be written; raised so that it is rolled back."""


def attempt(db: Tables) -> NoReturn:
    """Write something, for which SQLite needs the file, its folder and a lock, and raise Attempted to undo it."""
    db.execute("CREATE TABLE attempt (n)")
    raise Attempted


def checks(db: Tables) -> tuple[Check, ...]:
    """Verify the file's structure, its references, the contents of versions, the event chain and the projection."""
    quick = next(iter(db.query("PRAGMA quick_check")))["quick_check"]
    orphans = list(db.query("PRAGMA foreign_key_check"))
    altered = versions.altered(db)
    unreadable = skills.unreadable_skills(db)
    broken = events.broken_link(db)
    replayed, projected = events.replayed(db), events.projected(db)
    differing = sorted(name for name in {*replayed, *projected} if replayed.get(name) != projected.get(name))
    return (
        Check(quick == "ok", "database structure", quick),
        Check(not orphans, "references", "whole" if not orphans else f"{len(orphans)} rows refer to nothing"),
        Check(not unreadable, "skills", "readable" if not unreadable else f"unreadable: {', '.join(unreadable)}"),
        Check(not altered, "version contents", "as hashed" if not altered else f"altered: {', '.join(altered)}"),
        Check(broken is None, "event chain", "whole" if broken is None else f"event {broken} was altered"),
        Check(
            not differing,
            "production versions",
            "as the events tell" if not differing else f"not as the events tell: {', '.join(differing)}",
        ),
    )
