"""Rows: what stands in the text of a CSV, TSV, JSONL or JSON file, each with the place where it stands.

A row that cannot be used is a row all the same, with the reason; whoever reads on decides whether to leave it out.
This file does not say what the columns mean.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from promptbreeder.errors import InvalidInput
from promptbreeder.text import shortened

_DELIMITERS = ",;\t|"
_NAMED_DELIMITER = re.compile(r'sep=([^\w\s"]|\t)(?=[\r\n])', re.IGNORECASE)
"""A first line by which Excel is told the delimiter."""
_FORMATS = {
    ".csv": "CSV",
    ".tsv": "TSV",
    ".tab": "TSV",
    ".jsonl": "JSONL",
    ".ndjson": "JSONL",
    ".json": "JSON",
}
_SHOWN_COLUMNS = 20
_OF_A_SKILL = frozenset({"prompt", "examples", "versions"})
"""A whole skill has a prompt; whoever left it out of a file with examples is to hear just that."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its values by column, or why it has none."""

    place: str
    """`line 7`, counted from 1 and from the top of the file; `item 7` in a JSON list."""
    values: Mapping[str, str]
    """An empty text where the row has no value."""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A file as rows."""

    format: str
    """As it is told to the user."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def parse(name: str, text: str) -> Rows | Mapping[str, object]:
    """Return the rows in `text`, or the JSON object that it is: a whole skill, and no row.

    The ending of the file's `name` decides how it is read, and where that says nothing, how the text begins.

    Raises:
        InvalidInput: if it cannot be read so, with the line.
    """
    if not text.strip():
        raise InvalidInput(f"{name} is empty")
    if (at := text.find("\0")) >= 0:
        raise InvalidInput(
            f"{name} has a NUL byte on line {text.count(chr(10), 0, at) + 1}, so it is not plain text; save it as UTF-8"
        )
    begins = text.lstrip()[0]
    format_ = _FORMATS.get(PurePath(name).suffix.lower()) or ("JSON" if begins in "[{" else "CSV")
    if format_ in {"CSV", "TSV"}:
        return _delimited(name, text, is_tsv=format_ == "TSV")
    if format_ == "JSONL":
        return _json_lines(name, text)
    return _json(name, text)


def _json(name: str, text: str) -> Rows | Mapping[str, object]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        # One object a line is often saved as `.json`, too.
        if text.lstrip()[0] == "{" and _object(text.lstrip().partition("\n")[0]) is not None:
            return _json_lines(name, text)
        raise InvalidInput(f"not a JSON file: {error}") from error
    if isinstance(data, list):
        if not data:
            raise InvalidInput(f"{name} is an empty list")
        return _objects(name, "a JSON list", [(f"item {number}", entry) for number, entry in enumerate(data, 1)])
    if isinstance(data, dict):
        if not data or _OF_A_SKILL & data.keys():
            return data
        return _objects(name, "a JSON object", [("item 1", data)])
    raise InvalidInput(f"{name} holds neither a skill (a JSON object) nor examples (a list of objects)")


def _delimited(name: str, text: str, *, is_tsv: bool) -> Rows:
    # No field may be too long to be read: whoever uses the rows refuses the one, and not the file.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    if named := _NAMED_DELIMITER.match(text):
        # What is left of the line is empty, so that lines are counted as they are.
        text = text[named.end() :]
    delimiter = named[1] if named else "\t" if is_tsv else _delimiter(text.lstrip("\r\n"))
    records = iter(_of_tsv(name, text, delimiter) if is_tsv else _records(name, text, delimiter))
    header = next(records, None)
    if header is None:
        raise InvalidInput(f"{name} has no header; its first line must name the columns, for example: input,expected")
    columns = _checked_columns(name, [column.strip() for column in header[1]])
    rows = []
    for line, fields in records:
        problem = None
        if len(fields) != len(columns):
            problem = f"{_fields(len(fields))} where the header has {len(columns)}"
        rows.append(Row(f"line {line}", dict(zip(columns, fields, strict=False)), problem))
    if not rows:
        raise InvalidInput(f"{name} has a header ({listed(columns)}) and no rows below it")
    told = {",": "CSV", "\t": "TSV"}.get(delimiter, f"CSV with {delimiter!r}")
    return Rows(told, columns, tuple(rows))


def _delimiter(text: str) -> str:
    """Return the delimiter under which the header has the most columns: names of columns seldom hold one."""
    widths = {}
    for mark in _DELIMITERS:
        try:
            widths[mark] = len(next(csv.reader(io.StringIO(text, newline=""), delimiter=mark), ()))
        except csv.Error:
            widths[mark] = 0
    return max(widths, key=widths.__getitem__)


def _records(
    name: str, text: str, delimiter: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
) -> Iterator[tuple[int, list[str]]]:
    """Yield the records, each with the line that it begins on; lines without any text are none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    begin = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield begin, fields
            begin = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(
            f"{name}: the row that begins on line {begin} cannot be read ({error}); is a quotation mark left open?"
        ) from error


def _of_tsv(name: str, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the records of a file whose writer quoted nothing, as most do: a quotation mark may stand anywhere.

    Unless the lines only make a table when quotation marks hold tabs and line ends together.
    """
    plain = [
        (line, [_bare(field) for field in fields]) for line, fields in _records(name, text, delimiter, csv.QUOTE_NONE)
    ]
    if len({len(fields) for _, fields in plain}) > 1:
        try:
            return [*_records(name, text, delimiter)]
        except InvalidInput:
            return plain
    return plain


def _bare(field: str) -> str:
    """Return a field without the quotation marks that it begins and ends with, if all between them are doubled."""
    inner = field[1:-1]
    if len(field) > 1 and field[0] == field[-1] == '"' and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return field


def _checked_columns(name: str, header: list[str]) -> tuple[str, ...]:
    columns = tuple(column or f"column {number}" for number, column in enumerate(header, 1))
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise InvalidInput(f"{name} has two columns named {shortened(twice)!r}; rename or remove one")
    return columns


def _json_lines(name: str, text: str) -> Rows:
    lines = ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    return _objects(name, "JSONL", [(f"line {number}", _object(line)) for number, line in lines])


def _objects(name: str, told: str, entries: list[tuple[str, object]]) -> Rows:
    rows = []
    for place, entry in entries:
        if isinstance(entry, dict):
            rows.append(Row(place, {column: _text(value) for column, value in entry.items()}))
        else:
            rows.append(Row(place, {}, "not a JSON object"))
    columns = tuple(dict.fromkeys(column for row in rows for column in row.values))
    if not columns:
        raise InvalidInput(f"{name}: {rows[0].place}: not a JSON object; each example is one: {{input, expected}}")
    return Rows(told, columns, tuple(rows))


def _object(line: str) -> object:
    """Return the JSON object in a line; None where there is none."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _text(value: object) -> str:
    """Return a JSON value as text: what is no text as its JSON, so that the label 1 is `1`."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def listed(columns: Sequence[str]) -> str:
    """Return the names of columns for a message."""
    more = f", and {len(columns) - _SHOWN_COLUMNS} more" if len(columns) > _SHOWN_COLUMNS else ""
    return ", ".join(shortened(column) for column in columns[:_SHOWN_COLUMNS]) + more
