"""Options as a tree of tokens: nothing is lost, nothing is read twice."""

from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.models.option_tree import OptionTree

END = 9
options = st.lists(st.lists(st.integers(0, 2), max_size=4).map(tuple), min_size=1, max_size=8)


def test_options_that_part_at_once_need_nothing_more() -> None:
    """Where no option is the beginning of another, the end of the turn is not scored."""
    tree = OptionTree.of([(1, 2), (3,), (1, 4)], END)
    assert tree.paths == ((1, 2), (3,), (1, 4))
    assert tree.inner_nodes() == ((), (1,))
    assert tree.stems() == ((1,),)
    assert tree.forks() == ((), (1,))
    assert tree.nexts(()) == (1, 3)
    assert tree.nexts((1,)) == (2, 4)


def test_the_end_of_turn_tells_an_option_from_a_longer_one() -> None:
    """Where an option is the beginning of another, all are scored as whole turns."""
    tree = OptionTree.of([(1,), (1, 2)], END)
    assert tree.paths == ((1, END), (1, 2, END))
    assert tree.nexts((1,)) == (END, 2)


def test_an_empty_option_is_a_turn_that_ends_at_once() -> None:
    """It has a token to be scored by."""
    assert OptionTree.of([()], END).paths == ((END,),)


@given(options)
def test_no_option_is_the_beginning_of_another_one(tokens: list[tuple[int, ...]]) -> None:
    """So that no option is favoured by being short."""
    paths = set(OptionTree.of(tokens, END).paths)
    assert not any(a != b and b[: len(a)] == a for a in paths for b in paths)


@given(options)
def test_every_token_of_every_option_is_scored_at_an_inner_node(tokens: list[tuple[int, ...]]) -> None:
    """Each path leads through inner nodes only, which are distinct and come after their parents."""
    tree = OptionTree.of(tokens, END)
    nodes = tree.inner_nodes()
    assert len(set(nodes)) == len(nodes)
    for path in tree.paths:
        assert all(path[:depth] in nodes and path[depth] in tree.nexts(path[:depth]) for depth in range(len(path)))
    assert [len(node) for node in nodes] == sorted(len(node) for node in nodes)


@given(options)
def test_reading_the_stems_reads_every_inner_node(tokens: list[tuple[int, ...]]) -> None:
    """Each inner node lies on a stem, and no stem on another."""
    tree = OptionTree.of(tokens, END)
    stems = tree.stems()
    assert all(any(stem[: len(node)] == node for stem in stems) for node in tree.inner_nodes())
    assert not any(a != b and b[: len(a)] == a for a in stems for b in stems)


@given(options, st.integers(1, 3), st.integers(1, 12))
def test_the_parts_of_a_tree_have_all_its_paths(tokens: list[tuple[int, ...]], most: int, cells: int) -> None:
    """Cut to size, a tree loses no option, and no part has more stems or nodes than allowed, but for a single stem."""
    tree = OptionTree.of(tokens, END)
    parts = list(tree.parts(most, cells))
    assert {path for part in parts for path in part.paths} == set(tree.paths)
    assert all(len(part.stems()) <= most for part in parts)
    assert all(len(part.inner_nodes()) <= cells or len(part.stems()) == 1 for part in parts)


@given(options)
def test_two_different_options_part_at_a_fork(tokens: list[tuple[int, ...]]) -> None:
    """A choice among options is made at the forks."""
    tree = OptionTree.of(tokens, END)
    assert bool(tree.forks()) is (len(set(tree.paths)) > 1)
