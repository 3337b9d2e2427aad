"""Dataset: the examples in a file, what was understood of it, and what of it cannot be used."""

from collections import Counter
from dataclasses import dataclass

from pydantic import ValidationError

from promptbreeder.datasets.columns import Columns
from promptbreeder.datasets.rows import Row, Rows
from promptbreeder.errors import InvalidInput
from promptbreeder.skill import MAX_LABEL_CHARACTERS, MAX_LABELS, Example, Split
from promptbreeder.text import normalise, scrub, shortened

ROWS_PER_LABEL = 5
"""Answers that come up at least so often on average are taken for a closed set of labels."""
_SHOWN_BAD = 5


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no example, and why."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a file holds, as it was understood."""

    format: str
    columns: Columns
    unused: tuple[str, ...]
    """Columns that were not taken."""
    examples: tuple[Example, ...]
    bad: tuple[BadRow, ...]

    @property
    def answers(self) -> tuple[tuple[str, int], ...]:
        """The distinct expected answers, by their commonest spelling, with how often each comes; commonest first."""
        spellings = Counter(example.expected for example in self.examples if example.expected)
        grouped: dict[str, tuple[str, int]] = {}
        for spelling, count in spellings.most_common():
            first, total = grouped.get(normalise(spelling), (spelling, 0))
            grouped[normalise(spelling)] = (first, total + count)
        return tuple(sorted(grouped.values(), key=lambda answer: (-answer[1], answer[0])))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the answers suggest, in alphabetical order; empty where they look like free text."""
        answers = [answer for answer, _ in self.answers]
        few = 1 < len(answers) <= min(MAX_LABELS, len(self.examples) // ROWS_PER_LABEL)
        return tuple(sorted(answers)) if few and all(len(a) <= MAX_LABEL_CHARACTERS for a in answers) else ()

    @property
    def told_bad(self) -> str:
        """The first bad rows, and how many more there are."""
        more = f"; and {len(self.bad) - _SHOWN_BAD} more" if len(self.bad) > _SHOWN_BAD else ""
        return "; ".join(map(str, self.bad[:_SHOWN_BAD])) + more


def read(rows: Rows, columns: Columns, *, needs_expected: bool) -> Dataset:
    """Return the examples in `rows`.

    Raises:
        InvalidInput: if no row is one.
    """
    examples: list[Example] = []
    bad: list[BadRow] = []
    for row in rows.rows:
        found = _example(row, columns, needs_expected=needs_expected)
        if isinstance(found, Example):
            examples.append(found)
        else:
            bad.append(BadRow(row.place, found))
    taken = {columns.input, columns.expected, columns.split}
    dataset = Dataset(
        format=rows.format,
        columns=columns,
        unused=tuple(column for column in rows.columns if column not in taken),
        examples=tuple(examples),
        bad=tuple(bad),
    )
    if not examples:
        raise InvalidInput(f"no row can be used. {dataset.told_bad}")
    return dataset


def _example(row: Row, columns: Columns, *, needs_expected: bool) -> Example | str:
    """Return the example in a row, or why there is none."""
    if row.problem is not None:
        return row.problem
    # Spaces around an answer are the file's, not the answer's.
    text, expected = row.values.get(columns.input, ""), _value(row, columns.expected)
    if not scrub(text).strip():
        return f"no input (column {columns.input!r})"
    if needs_expected and not expected:
        return f"no expected answer (column {columns.expected!r})"
    split = _value(row, columns.split)
    if split and split not in [*Split]:
        return f"split {shortened(split)!r}; take {', '.join(Split)}, or call the column something else"
    try:
        return Example(input=text, expected=expected or None, split=Split(split) if split else None)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        return f"{problem['loc'][0]}: {problem['msg']}"


def _value(row: Row, column: str | None) -> str:
    return "" if column is None else scrub(row.values.get(column, "")).strip()
