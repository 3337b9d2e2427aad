"""Blocks: the fixed groups of items that are measured together."""

from collections.abc import Sequence
from typing import Final, TypeVar

BLOCK_SIZE: Final = 16
"""Items that are measured together; small enough to stop early, large enough to fill a batch."""
_LEAST: Final = 5
"""Fewer items are no block of their own: their prompt's beginning would be read for next to nothing."""
T = TypeVar("T")


def in_blocks(items: Sequence[T]) -> tuple[tuple[T, ...], ...]:
    """Cut `items` into the fixed blocks in which they are measured; the last takes what would be too little for one."""
    starts = range(0, max(1, len(items) - _LEAST + 1), BLOCK_SIZE) if items else ()
    ends = (*starts[1:], len(items))
    return tuple(tuple(items[start:end]) for start, end in zip(starts, ends, strict=False))
