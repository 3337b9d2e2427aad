"""Leases: which process does something that one at a time should do."""

from promptbreeder.store.tables import Tables


def is_honoured(until: float, *, now: float, seconds: float) -> bool:
    """Tell whether a lease that was taken for `seconds` and ends at `until` still holds.

    One that ends much later than any lease taken now would is left from before the clock went back, and is not
    honoured; a clock that is corrected by seconds takes nothing from who holds it.
    So `now` must be read after the lease was: within the transaction, where that waits for the database.
    """
    return now < until <= now + 2 * seconds


def take(db: Tables, name: str, *, owner: str, now: float, seconds: float) -> bool:
    """Take the lease `name` if nobody holds it, and tell whether it was taken."""
    for row in db.query("SELECT owner, lease_until FROM leases WHERE name = ?", [name]):
        if row["owner"] != owner and is_honoured(row["lease_until"], now=now, seconds=seconds):
            return False
    db.execute(
        "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET owner = excluded.owner, "
        "lease_until = excluded.lease_until",
        [name, owner, now + seconds],
    )
    return True


def release(db: Tables, name: str, *, owner: str) -> None:
    """Let the lease go, if `owner` still holds it."""
    db.execute("DELETE FROM leases WHERE name = ? AND owner = ?", [name, owner])
