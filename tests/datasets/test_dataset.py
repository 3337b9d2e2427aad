"""Columns and examples: what is taken, what was guessed, and what cannot be used."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.datasets import columns, dataset
from promptbreeder.datasets.columns import Columns
from promptbreeder.datasets.dataset import Dataset
from promptbreeder.datasets.rows import Row, Rows
from promptbreeder.errors import InvalidInput
from promptbreeder.skill import Split


def choose(*names: str, needs_expected: bool = True, **flags: str) -> Columns:
    """Return the columns that are taken of these."""
    given = {"input_column": None, "expected_column": None, **flags}
    return columns.choose(names, needs_expected=needs_expected, **given)


def read(
    *rows: tuple[str, ...], names: tuple[str, ...] = ("input", "expected"), needs_expected: bool = True
) -> Dataset:
    """Return the examples in these rows."""
    numbered = tuple(Row(f"line {n}", dict(zip(names, row, strict=True))) for n, row in enumerate(rows, 2))
    chosen = choose(*names, needs_expected=needs_expected)
    return dataset.read(Rows("CSV", names, numbered), chosen, needs_expected=needs_expected)


@pytest.mark.parametrize(
    ("names", "taken", "guessed"),
    [
        (("input", "expected"), ("input", "expected"), False),
        (("expected", "input"), ("input", "expected"), False),
        (("input", "expected", "split"), ("input", "expected"), False),
        (("id", "input", "expected"), ("input", "expected"), True),
        (("id", "Text", "Label"), ("Text", "Label"), True),
        (("label", "text"), ("text", "label"), True),
        (("queue", "message"), ("message", "queue"), True),
        (("answer", "stuff"), ("stuff", "answer"), True),
        (("this", "that"), ("this", "that"), True),
        (("this", "that", "split"), ("this", "that"), True),
        (("title", "question", "answer"), ("question", "answer"), True),
    ],
)
def test_columns_are_told_by_their_names_or_by_being_two(
    names: tuple[str, ...], taken: tuple[str, str], *, guessed: bool
) -> None:
    """Only `input` and `expected`, with nothing besides but `split`, are certain."""
    chosen = choose(*names)
    assert (chosen.input, chosen.expected) == taken
    assert chosen.guessed is guessed
    assert chosen.split == ("split" if "split" in names else None)


def test_columns_that_are_named_are_not_guessed() -> None:
    """One of two named is half a guess."""
    both = choose("a", "b", "c", input_column="c", expected_column="a")
    assert (both.input, both.expected, both.guessed) == ("c", "a", False)
    assert choose("a", "label", "c", input_column="c").guessed
    named = choose("text", "split", input_column="text", expected_column="split")
    assert (named.expected, named.split) == ("split", None)


def test_a_skill_of_taste_needs_an_input_only() -> None:
    """An expected answer is taken where a column is called so."""
    assert choose("input", needs_expected=False) == Columns("input", None, None, guessed=False)
    assert choose("text", "mood", needs_expected=False) == Columns("text", None, None, guessed=True)
    assert choose("text", "label", needs_expected=False).expected == "label"


@pytest.mark.parametrize(
    ("names", "flags", "reason"),
    [
        (("a", "b"), {"input_column": "c"}, "there is no column 'c'; the columns are a, b"),
        (("a", "b"), {"expected_column": "A"}, "there is no column 'A'; the columns are a, b"),
        (("a", "b"), {"input_column": "a", "expected_column": "a"}, "'a' cannot be both"),
        (("a", "b", "c"), {}, r"There are a, b, c; name the columns with --input-column and --expected-column"),
        (("a", "b", "label"), {}, "There are a, b, label"),
        (("text", "b", "c"), {}, "There are text, b, c"),
        (("text",), {}, "one column, text, .*--metric preference"),
        (tuple(f"c{n}" for n in range(30)), {}, "c19, and 10 more; name"),
    ],
)
def test_columns_that_cannot_be_told_are_an_error_that_lists_them(
    names: tuple[str, ...], flags: dict[str, Any], reason: str
) -> None:
    """And says which flags to give."""
    with pytest.raises(InvalidInput, match=reason):
        choose(*names, **flags)


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5, unique=True))
def test_what_is_taken_is_there_and_is_taken_once(names: list[str]) -> None:
    """Whatever the columns are called."""
    try:
        chosen = choose(*names)
    except InvalidInput:
        return
    taken = [chosen.input, chosen.expected, chosen.split]
    assert {column for column in taken if column is not None} <= set(names)
    assert chosen.input != chosen.expected


def test_rows_become_examples_in_their_order() -> None:
    """Spaces around an answer are not part of it; a split may be named."""
    found = read(("a", " x "), (" b ", "y"))
    assert [(e.input, e.expected, e.split) for e in found.examples] == [("a", "x", None), (" b ", "y", None)]
    placed = read(("a", "x", "gate"), ("b", "y", ""), names=("input", "expected", "split"))
    assert [e.split for e in placed.examples] == [Split.GATE, None]
    assert read(("a", "1", "x"), names=("id", "text", "label")).unused == ("id",)


def test_rows_without_input_or_answer_are_told_with_their_lines() -> None:
    """The first few; and how many more."""
    found = read(("a", "x"), ("", "x"), (" \t", "x"), ("b", ""), ("c", "  "), ("d" * 16_001, "x"), ("", ""))
    assert len(found.examples) == 1
    assert [bad.place for bad in found.bad] == [f"line {n}" for n in range(3, 9)]
    assert found.told_bad.startswith(
        "line 3: no input (column 'input'); line 4: no input (column 'input'); line 5: no "
    )
    assert found.told_bad.endswith("line 7: input: String should have at most 16000 characters; and 1 more")
    assert read(("a",), ("b",), names=("input",), needs_expected=False).bad == ()


def test_a_split_that_is_none_of_ours_is_told_with_its_line() -> None:
    """Other programs call theirs otherwise."""
    found = read(("a", "x", "gate"), ("b", "y", "test"), names=("input", "expected", "split"))
    assert found.told_bad == "line 3: split 'test'; take train, search, gate, or call the column something else"


def test_a_file_without_one_usable_row_is_refused() -> None:
    """With the reasons."""
    with pytest.raises(InvalidInput, match=r"no row can be used. line 2: no expected answer"):
        read(("a", ""), ("b", ""))


def test_few_answers_that_come_often_suggest_labels() -> None:
    """Spelt as they are most often; five rows a label at least."""
    rows = [(f"t{n}", ("Spam", "spam", "Spam", "ham")[n % 4]) for n in range(12)]
    found = read(*rows)
    assert found.answers == (("Spam", 9), ("ham", 3))
    assert found.labels == ("Spam", "ham")
    assert read(*rows[:9]).labels == ()
    assert read(*[(f"t{n}", "spam") for n in range(50)]).labels == ()
    assert read(*[(f"t{n}", f"answer {n}") for n in range(50)]).labels == ()
    assert read(*[(f"t{n}", "xy"[n % 2] * 300) for n in range(50)]).labels == ()


@given(st.lists(st.sampled_from(["a", "A", " a", "b", "c c", "c  C"]), min_size=1, max_size=40))
def test_the_answers_add_up_to_the_rows(answers: list[str]) -> None:
    """Each row is counted under one spelling, and no two spellings are the same answer."""
    found = read(*[(f"t{n}", answer) for n, answer in enumerate(answers)])
    assert sum(count for _, count in found.answers) == len(answers)
    same = {" ".join(answer.casefold().split()) for answer, _ in found.answers}
    assert len(same) == len(found.answers)
