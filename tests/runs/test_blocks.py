"""How items are cut into what is measured together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.runs.affordable import list_characters
from promptbreeder.runs.blocks import in_blocks


@pytest.mark.parametrize(
    ("items", "sizes"),
    [(0, []), (3, [3]), (16, [16]), (20, [20]), (21, [16, 5]), (22, [16, 6]), (100, [16, 16, 16, 16, 16, 20])],
)
def test_a_short_rest_joins_the_block_before(items: int, sizes: list[int]) -> None:
    """Reading a prompt anew for four items is dear; more are a block of their own, before which a race can stop."""
    assert [len(block) for block in in_blocks(range(items))] == sizes


@given(st.integers(0, 300))
def test_blocks_hold_every_item_once_in_order(items: int) -> None:
    """None has more than twenty."""
    blocks = in_blocks(range(items))
    assert [item for block in blocks for item in block] == list(range(items))
    assert all(1 <= len(block) <= 20 for block in blocks)


@pytest.mark.parametrize(
    ("tokens", "shared", "characters"), [(120_000, True, 2_400), (12_000, True, 600), (75_000, False, 234)]
)
def test_a_list_is_as_long_as_the_run_can_afford(tokens: int, characters: int, *, shared: bool) -> None:
    """Where each item reads it anew, as over Ollama, it is a sixteenth."""
    assert list_characters(tokens, shares_prefix=shared) == characters
