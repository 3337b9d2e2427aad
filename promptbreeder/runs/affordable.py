"""How long a list of demonstrations a run can afford: it is read again with every block, or with every item."""

from typing import Final

from promptbreeder.evolution.asks import MOST_LIST_CHARACTERS
from promptbreeder.runs.blocks import BLOCK_SIZE

_SHARE: Final = 0.25
"""Of the budget: what the lists of a first population may take on the first block."""
_POPULATION: Final = 20
_CHARACTERS_PER_TOKEN: Final = 4


def list_characters(token_limit: int, *, shares_prefix: bool) -> int:
    """Return how many characters of demonstrations a prompt may have.

    A model that shares a block's prefix (`Limits.shares_prefix`) reads the list once a block, others once an item.
    """
    reads = _POPULATION * (1 if shares_prefix else BLOCK_SIZE)
    return min(MOST_LIST_CHARACTERS, int(_SHARE * token_limit / reads * _CHARACTERS_PER_TOKEN))
