"""Columns: which of a file's columns hold the input and the expected answer, as named by the user or guessed."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptbreeder.datasets.rows import listed
from promptbreeder.errors import InvalidInput

INPUT_NAMES = ("input", "text", "question", "message", "title", "subject", "sentence", "content", "body", "query")
EXPECTED_NAMES = ("expected", "label", "answer", "output", "category", "target", "class", "response", "intent")
"""Names that data sets commonly use, the commonest first."""
_FLAGS = "name the columns with --input-column and --expected-column"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that are taken."""

    input: str
    expected: str | None
    split: str | None
    """Column `split`, where there is one."""
    guessed: bool
    """Neither named by the user, nor called `input` and `expected` and nothing else there."""


def choose(
    columns: Sequence[str], *, input_column: str | None, expected_column: str | None, needs_expected: bool
) -> Columns:
    """Return the columns to take.

    Raises:
        InvalidInput: if they are not there or cannot be told, listing the columns.
    """
    for name in (input_column, expected_column):
        if name is not None and name not in columns:
            raise InvalidInput(f"there is no column {name!r}; the columns are {listed(columns)}")
    if input_column is not None and input_column == expected_column:
        raise InvalidInput(f"column {input_column!r} cannot be both input and expected; the columns: {listed(columns)}")
    split = "split" if "split" in columns and "split" not in {input_column, expected_column} else None
    free = [column for column in columns if column not in {split, input_column, expected_column}]
    taken_input = input_column or _named(free, INPUT_NAMES)
    taken_expected = expected_column or _named([column for column in free if column != taken_input], EXPECTED_NAMES)
    left = [column for column in free if column not in {taken_input, taken_expected}]
    if len(columns) - (split is not None) == 2:  # noqa: PLR2004 - a pair
        taken_input = taken_input or left.pop(0)
        if needs_expected:
            taken_expected = taken_expected or left.pop(0)
    if taken_input is None or (needs_expected and taken_expected is None):
        raise InvalidInput(_untold(columns))
    plain = {"input", "expected"} if taken_expected is not None else {"input"}
    named = input_column is not None and (expected_column is not None or not needs_expected)
    return Columns(
        input=taken_input,
        expected=taken_expected,
        split=split,
        guessed=not named and {*columns} - {"split"} != plain,
    )


def _named(columns: Sequence[str], names: Sequence[str]) -> str | None:
    known = {column.casefold(): column for column in reversed(columns)}
    return next((known[name] for name in names if name in known), None)


def _untold(columns: Sequence[str]) -> str:
    if len(columns) == 1:
        return (
            f"there is one column, {listed(columns)}, and an example needs an input and an expected answer (without: "
            "--metric preference, for a skill that is judged by votes alone). Fields are separated by comma, "
            "semicolon, tab or |."
        )
    return f"which columns hold the input and the expected answer? There are {listed(columns)}; {_FLAGS}"
