"""The reply cache: raw answers of a model to whole blocks, the least recently written dropped first."""

import json

from promptbreeder.store.tables import Tables

MAX_BYTES = 50_000_000


def get(db: Tables, key: str) -> str | None:
    """Return what was put under `key`, or None."""
    for row in db.query("SELECT reply FROM reply_cache WHERE key = ?", [key]):
        return str(row["reply"])
    return None


def put(db: Tables, key: str, reply: str, *, now: float) -> None:
    """Keep `reply` under `key`."""
    db.execute(
        "INSERT INTO reply_cache (key, reply, last_used) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET last_used = excluded.last_used",
        [key, reply, now],
    )


def drop_quoting(db: Tables, text: str) -> None:
    """Drop the replies that hold `text`."""
    # They are stored as JSON, and the text in them is written as JSON writes it.
    db.execute("DELETE FROM reply_cache WHERE instr(reply, ?)", [json.dumps(text, ensure_ascii=False)[1:-1]])


def evict(db: Tables, *, max_bytes: int = MAX_BYTES) -> int:
    """Drop the oldest replies until the rest fits into `max_bytes`; return how many were dropped."""
    dropped = db.execute(
        "DELETE FROM reply_cache WHERE key IN (SELECT key FROM ("
        "SELECT key, sum(length(CAST(key AS BLOB)) + length(CAST(reply AS BLOB))) "
        "OVER (ORDER BY last_used DESC, key) AS size FROM reply_cache"
        ") WHERE size > ?)",
        [max_bytes],
    )
    return int(dropped.rowcount)
