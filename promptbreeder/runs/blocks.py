"""Blocks: the fixed groups of items that are measured together."""

from collections.abc import Sequence
from typing import Final, TypeVar

BLOCK_SIZE: Final = 16
"""Items that are measured together; small enough to stop early, large enough to fill a batch."""
T = TypeVar("T")


def in_blocks(items: Sequence[T]) -> tuple[tuple[T, ...], ...]:
    """Cut `items` into the fixed blocks in which they are measured; the last may be shorter."""
    return tuple(tuple(items[start : start + BLOCK_SIZE]) for start in range(0, len(items), BLOCK_SIZE))
