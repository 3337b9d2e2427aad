"""What a run can afford: shares of its budget, search examples, and how long a list of demonstrations."""

import math
from typing import Final

from promptbreeder.evolution.asks import MOST_LIST_CHARACTERS
from promptbreeder.runs.blocks import BLOCK_SIZE

FINAL_SHARE: Final = 0.12
"""Of the budget: kept from the strategy for measuring the finalists in full."""
GATE_SHARE: Final = 0.45
"""Of the budget, tokens and calls, at most: kept for the gate."""
_GATE_MARGIN: Final = 1.25
"""Times what two incumbents take: a winner with demonstrations costs more, and the last block's worst case must fit.

No promise: a winner that costs much more is measured on a part of the gate, and the run says on how much of it."""
_LEAST_MEASURED: Final = 1.5
"""Prompts on all search examples. What the search may spend must do for the baseline and half of another, by an
estimate that is a quarter too high for English."""
_MEASURED: Final = 3
"""The same where examples are left out: enough for the baseline, two others, and some that lose early."""
_LEAST_BLOCKS: Final = 2
"""Of search examples: on fewer, what is best is luck."""
_SHARE: Final = 0.25
"""Of the budget: what the lists of a first population may take on the first block."""
_POPULATION: Final = 20
_CHARACTERS_PER_TOKEN: Final = 4


def gate_tokens(token_limit: int, item_tokens: float, items: int) -> float:
    """Return what is kept of the budget for two prompts on the gate split, if an item takes so much."""
    return min(GATE_SHARE * token_limit, _GATE_MARGIN * 2 * item_tokens * items)


def search_examples(token_limit: int, item_tokens: float, *, search: int, gate: int) -> int:
    """Return on how many of the search examples a run measures: all, or as many blocks as its budget carries."""
    room = (1 - FINAL_SHARE) * token_limit - gate_tokens(token_limit, item_tokens, gate)
    if _LEAST_MEASURED * item_tokens * search <= room:
        return search
    blocks = int(room / _MEASURED / item_tokens) // BLOCK_SIZE
    return min(search, max(_LEAST_BLOCKS, blocks) * BLOCK_SIZE)


def enough_tokens(baseline: float) -> int:
    """Return about what budget carries a search whose baseline takes so much, whatever the gate takes; rounded up."""
    needed = _MEASURED * baseline / (1 - FINAL_SHARE - GATE_SHARE)
    return math.ceil(needed / 1_000) * 1_000


def list_characters(token_limit: int, *, shares_prefix: bool) -> int:
    """Return how many characters of demonstrations a prompt may have.

    A model that shares a block's prefix (`Limits.shares_prefix`) reads the list once a block, others once an item.
    """
    reads = _POPULATION * (1 if shares_prefix else BLOCK_SIZE)
    return min(MOST_LIST_CHARACTERS, int(_SHARE * token_limit / reads * _CHARACTERS_PER_TOKEN))
