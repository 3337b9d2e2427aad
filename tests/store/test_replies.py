"""The reply cache: what is kept, and what goes first."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.store import replies
from promptbreeder.store.tables import Tables


def _kept(db: Tables) -> list[str]:
    return [row["key"] for row in db.query("SELECT key FROM reply_cache ORDER BY key")]


def test_a_reply_is_found_under_its_key_alone(db: Tables) -> None:
    """An empty reply is a reply and not a miss."""
    replies.put(db, "a", '{"x": "é"}', now=1.0)
    replies.put(db, "b", "", now=1.0)
    assert [replies.get(db, key) for key in ("a", "b", "A", "c")] == ['{"x": "é"}', "", None, None]


def test_the_first_reply_under_a_key_stays(db: Tables) -> None:
    """Two processes compute the same block: who reads it later gets what the first one was told."""
    replies.put(db, "a", "first", now=1.0)
    replies.put(db, "a", "second", now=2.0)
    assert replies.get(db, "a") == "first"


def test_the_least_recently_put_replies_are_dropped(db: Tables) -> None:
    """Putting one again counts, reading one does not; what is left fits."""
    for number, key in enumerate("abcd"):
        replies.put(db, key, "x" * 9, now=float(number))
    replies.put(db, "a", "x" * 9, now=9.0)
    assert replies.get(db, "b") is not None
    assert replies.evict(db, max_bytes=25) == 2
    assert _kept(db) == ["a", "d"]


@pytest.mark.parametrize(("most", "left"), [(20, 2), (19, 1), (9, 0), (0, 0)])
def test_exactly_what_fits_is_kept(db: Tables, most: int, left: int) -> None:
    """Keys count too, and so does the last byte."""
    for number, key in enumerate("ab"):
        replies.put(db, key, "x" * 9, now=float(number))
    replies.evict(db, max_bytes=most)
    assert len(_kept(db)) == left


def test_the_size_is_in_bytes_and_not_in_letters(db: Tables) -> None:
    """Chinese text takes three times its length on the disk; a NUL does not hide what comes after it."""
    replies.put(db, "a", "更" * 30, now=1.0)
    replies.put(db, "b", "\0" + "x" * 90, now=2.0)
    assert replies.evict(db, max_bytes=92) == 1
    assert _kept(db) == ["b"]
    assert replies.evict(db, max_bytes=91) == 1


def test_nothing_is_dropped_while_all_fits(db: Tables) -> None:
    """The bound of the product is far above a handful of replies."""
    assert replies.evict(db) == 0
    replies.put(db, "a", "x", now=1.0)
    assert replies.evict(db) == 0
    assert replies.get(db, "a") == "x"


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9)), max_size=12), st.integers(0, 40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_kept_is_the_longest_recent_part_that_fits(
    scratch: Callable[[], AbstractContextManager[Tables]], puts: list[tuple[str, int]], most: int
) -> None:
    """Compared with a plain list, for any order of puts and any bound."""
    order: dict[str, int] = {}
    with scratch() as db:
        for now, (key, size) in enumerate(puts):
            replies.put(db, key, "x" * size, now=float(now))
            size = order.pop(key, size)  # noqa: PLW2901  the first reply stays
            order[key] = size
        kept, total = [], 0
        for key, size in reversed(order.items()):
            total += 1 + size
            if total > most:
                break
            kept.append(key)
        assert replies.evict(db, max_bytes=most) == len(order) - len(kept)
        assert _kept(db) == sorted(kept)
