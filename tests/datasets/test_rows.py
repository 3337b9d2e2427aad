"""Files as rows: every format, the places that are told, and files that are none."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.datasets.rows import Row, Rows, parse
from promptbreeder.errors import InvalidInput


def rows_of(name: str, text: str) -> Rows:
    """Return a text as rows, which it must be."""
    found = parse(name, text)
    assert isinstance(found, Rows)
    return found


def values_of(found: Rows) -> list[list[str]]:
    """Return the values, row by row, in the order of the columns."""
    return [[row.values.get(column, "") for column in found.columns] for row in found.rows]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "text,label\nhello,1\n", "CSV"),
        ("a.csv", "text;label\r\nhello;1\r\n", "CSV with ';'"),
        ("a.tsv", "text\tlabel\nhello\t1", "TSV"),
        ("a.csv", "text|label\nhello|1\n", "CSV with '|'"),
        ("a.csv", '\n\n"text","label"\n\n"hello","1"\n\n', "CSV"),
        ("a.csv", '"text";"label"\n"hello";"1"\n', "CSV with ';'"),
        ("stdin", "text,label\nhello,1\n", "CSV"),
        ("a.txt", "text\tlabel\rhello\t1\r", "TSV"),
        ("a.tab", "text\tlabel\nhello\t1\n", "TSV"),
        ("a.csv", "sep=;\r\ntext;label\r\nhello;1\r\n", "CSV with ';'"),
        ("a.csv", "SEP=^\ntext^label\nhello^1\n", "CSV with '^'"),
        ("a.tsv", "sep=\t\ntext\tlabel\nhello\t1\n", "TSV"),
        ("a.jsonl", '{"text": "hello", "label": 1}\n', "JSONL"),
        ("a.ndjson", '\n{"text": "hello", "label": "1"}\r\n\r\n', "JSONL"),
        ("a.json", '{"text": "hello", "label": "1"}\n{"label": "2", "text": "ho"}\n', "JSONL"),
        ("stdin", '{"text": "hello", "label": "1"}\n{"label": "2", "text": "ho"}', "JSONL"),
        ("a.json", '[{"text": "hello", "label": 1}]', "a JSON list"),
        ("stdin", ' [{"text": "hello",\n "label": "1"}]', "a JSON list"),
        ("a.json", '{"text": "hello",\n "label": 1}', "a JSON object"),
        ("stdin", '{"text": "hello", "label": "1"}\n', "a JSON object"),
    ],
)
def test_each_format_gives_the_same_rows(name: str, text: str, told: str) -> None:
    """By the ending of its name, or by how it begins where that says nothing."""
    found = rows_of(name, text)
    assert (found.format, found.columns) == (told, ("text", "label"))
    assert values_of(found)[0] == ["hello", "1"]
    assert {row.problem for row in found.rows} == {None}


@pytest.mark.parametrize(
    "skill", [{"name": "x", "examples": []}, {"name": "x", "prompt": "p"}, {"name": "x", "versions": []}, {}]
)
def test_an_object_that_may_be_a_skill_is_no_row(skill: dict[str, object]) -> None:
    """It is handed on as it is, also where something is missing: whoever takes it says what."""
    assert parse("a.json", json.dumps(skill, indent=1)) == skill


def test_quoted_newlines_and_quotes_belong_to_their_field_and_lines_are_counted() -> None:
    """A row is told by the line that it begins on, as an editor counts them."""
    found = rows_of("a.csv", 'text,label\n"two\nlines, and ""quotes""",1\n\nnext,2\n')
    assert values_of(found) == [['two\nlines, and "quotes"', "1"], ["next", "2"]]
    assert [row.place for row in found.rows] == ["line 2", "line 5"]


_FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)


@given(
    st.lists(st.tuples(_FIELD.filter(str.strip), _FIELD), min_size=1, max_size=6),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_csv_writer_writes_is_read_back(table: list[tuple[str, str]], mark: str, end: str) -> None:
    """Whatever the fields hold: delimiters, quotes, newlines, any script."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=mark, lineterminator=end).writerows([("text", "label"), *table])
    assert values_of(rows_of("a.csv", out.getvalue())) == [list(fields) for fields in table]


def test_the_delimiter_of_a_tsv_file_is_a_tab_whatever_its_header_holds() -> None:
    """As its name says; elsewhere the delimiter is the one that gives the header the most columns."""
    found = rows_of("a.tsv", "text, raw, whole\tlabel, final\nhello, you\tbilling\n")
    assert (found.format, found.columns) == ("TSV", ("text, raw, whole", "label, final"))
    assert values_of(found) == [["hello, you", "billing"]]
    assert rows_of("a.csv", "text, raw, whole\tlabel, final\nhello, you\tbilling\n").format == "CSV"


def test_quotation_marks_in_a_tsv_file_are_text_but_around_a_whole_field() -> None:
    """Few programs quote a field there, and people begin a text with a quotation."""
    lines = ('"Quoted" start\tbilling', '"left open\tdelivery', '"a, ""b"""\t"billing"', '"one" "two"\t"')
    found = rows_of("a.tsv", "\n".join(["text\tlabel", *lines]))
    assert values_of(found) == [
        ['"Quoted" start', "billing"],
        ['"left open', "delivery"],
        ['a, "b"', "billing"],
        ['"one" "two"', '"'],
    ]
    assert [row.place for row in found.rows] == ["line 2", "line 3", "line 4", "line 5"]
    # Marks that happen to pair up across lines hold nothing together.
    assert len(rows_of("a.tsv", 'text\tlabel\n"Hello there\tspam\nfine\tham\nBye now"\tham\n').rows) == 3
    # Where every field is quoted as in CSV, it may hold tabs and line breaks.
    assert values_of(rows_of("a.tsv", 'text\tlabel\n"two\nlines,\ta tab"\tx\n')) == [["two\nlines,\ta tab", "x"]]


def test_a_first_line_that_names_the_delimiter_is_none_of_the_table() -> None:
    """Lines are counted with it, as an editor does; a header that only begins so is a header."""
    found = rows_of("a.csv", "sep=;\ntext;label\na, b;1\nc\n")
    assert values_of(found)[0] == ["a, b", "1"]
    assert [(row.place, row.problem) for row in problems(found)] == [("line 4", "1 field where the header has 2")]
    assert rows_of("a.csv", "sep=x,label\na,1\n").columns == ("sep=x", "label")


def test_a_field_of_any_length_is_read() -> None:
    """Whoever takes the rows refuses the one that is too long."""
    for name, text in (("a.csv", f"text,label\n{'x' * 200_000},1\n"), ("a.tsv", f"text\tlabel\n{'x' * 300_000}\t1\n")):
        assert values_of(rows_of(name, text))[0][1] == "1"


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.none() | st.text(max_size=5), min_size=1)))
def test_a_json_list_and_json_lines_of_the_same_objects_are_the_same_rows(entries: list[dict[str, Any]]) -> None:
    """The columns are those of all objects; what an object has not is empty."""
    if not entries:
        return
    listed = rows_of("a.json", json.dumps(entries))
    lines = rows_of("a.jsonl", "\n".join(map(json.dumps, entries)))
    assert lines.columns == listed.columns
    assert values_of(lines) == values_of(listed) == [[e.get(c) or "" for c in lines.columns] for e in entries]


def test_what_is_no_text_in_json_is_taken_as_its_json() -> None:
    """Labels are often numbers, and the expected answer of metric `json` an object."""
    found = rows_of("a.jsonl", '{"a": 1, "b": true, "c": {"k": ["ü"]}, "d": null, "e": 1.5}')
    assert values_of(found) == [["1", "true", '{"k": ["ü"]}', "", "1.5"]]


def problems(found: Rows) -> Sequence[Row]:
    """Return the rows that cannot be used."""
    return [row for row in found.rows if row.problem is not None]


def test_rows_that_cannot_be_used_say_where_they_are_and_why() -> None:
    """The rest of the file is read all the same."""
    ragged = problems(rows_of("a.csv", 'text,label\na,1\n"b\nc",2,3\nd\ne,5\n'))
    assert [(row.place, row.problem) for row in ragged] == [
        ("line 3", "3 fields where the header has 2"),
        ("line 5", "1 field where the header has 2"),
    ]
    odd = problems(rows_of("a.jsonl", '{"a": "1"}\n[1]\nnonsense\n"text"\n{"a": "2"}\n{"a": \n'))
    assert [row.place for row in odd] == ["line 2", "line 3", "line 4", "line 6"]
    assert {row.problem for row in odd} == {"not a JSON object"}
    assert [row.place for row in problems(rows_of("a.json", '[{"a": "1"}, 2]'))] == ["item 2"]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", " \r\n\t\n", "a.csv is empty"),
        ("a.csv", ",,\n\n", "a.csv has no header"),
        ("a.json", "[]", "a.json is an empty list"),
        ("a.csv", "text,label\n", r"has a header \(text, label\) and no rows below it"),
        ("a.csv", "text,label\n\n \n", "no rows below it"),
        ("a.csv", "text,label,text\na,b,c\n", "two columns named 'text'"),
        ("a.csv", "text,label\na,b\nc,\0d\n", "NUL byte on line 3, so it is not plain text; save it as UTF-8"),
        ("a.jsonl", '{"a": "1"}\n\0', "NUL byte on line 2"),
        ("a.csv", 'text,label\na,1\nb,"open\nc,3\n', "row that begins on line 3 cannot be read .* left open"),
        ("a.csv", 'text,label\na,1\n"b"x,2\n', "row that begins on line 3"),
        ("a.csv", f'"{"x" * 200_000}\n', "line 1"),
        ("a.json", '{"a": 1,', "not a JSON file"),
        ("a.json", "[1, 2", "not a JSON file"),
        ("a.json", '"text"', "neither a skill"),
        ("a.json", "[1, 2]", "item 1: not a JSON object"),
        ("a.jsonl", "nonsense\n", "line 1: not a JSON object; each example is one"),
        ("a.jsonl", "[" * 100_000, "line 1: not a JSON object"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_line(name: str, text: str, reason: str) -> None:
    """One clear sentence each."""
    with pytest.raises(InvalidInput, match=reason):
        parse(name, text)


@given(st.sampled_from(["a.csv", "a.tsv", "a.json", "a.jsonl", "stdin"]), st.text(max_size=60))
def test_any_text_gives_rows_an_object_or_a_plain_error(name: str, text: str) -> None:
    """Nothing else comes out, whatever goes in."""
    try:
        found = parse(name, text)
    except InvalidInput:
        return
    assert isinstance(found, Rows | dict)


def test_a_column_without_a_name_is_called_by_its_number() -> None:
    """Tools that write an index column leave its name empty."""
    assert rows_of("a.csv", ",text,label\n0,a,b\n").columns == ("column 1", "text", "label")
