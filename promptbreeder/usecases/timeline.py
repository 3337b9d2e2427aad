"""Production at a time that has passed."""

import math
from datetime import UTC, datetime

from promptbreeder.errors import InvalidInput
from promptbreeder.results import PastProduction
from promptbreeder.store import events, skills
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.workbench import Workbench, iso


async def production_at(bench: Workbench, name: str, at: str) -> PastProduction:
    """Return which version was in production at a time in ISO 8601; without an offset it is UTC, as shown elsewhere.

    A time without a fraction is all of that second: at the time that an event shows, what it did is done.

    Raises:
        NotFound: if there is no such skill.
        InvalidInput: if it is no time.
    """
    timestamp = _timestamp(at)
    shown = iso(timestamp)
    until = math.nextafter(timestamp + 1, timestamp) if timestamp.is_integer() else timestamp

    def look(db: Tables) -> PastProduction:
        skills.get(db, name)
        moved = events.production_at(db, name, until)
        if moved is None or moved.after is None:
            sentence = f"'{name}' was not there yet at {shown}."
            return PastProduction(skill=name, at=shown, version=None, since=None, client=None, sentence=sentence)
        since = iso(moved.ts)
        return PastProduction(
            skill=name,
            at=shown,
            version=moved.after,
            since=since,
            client=moved.client,
            sentence=(
                f"At {shown} version {moved.after} of '{name}' was in production, since {since} "
                f"({moved.kind} by {moved.client}: {moved.reason})."
            ),
        )

    return await bench.store.read(look)


def _timestamp(at: str) -> float:
    try:
        given = datetime.fromisoformat(at.strip())
        # Told in UTC later: what has no UTC time (in year 1, an hour east) is refused here.
        return (given if given.tzinfo is not None else given.replace(tzinfo=UTC)).astimezone(UTC).timestamp()
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{at[:40]!r} is no time; write one like 2026-01-31 or 2026-01-31T12:00:00Z (UTC where nothing is said)"
        ) from error
