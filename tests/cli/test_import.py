"""`import` of rows: what was understood is said first, and nothing is stored that was not agreed to."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Told = Callable[..., Any]
TICKETS = [
    (f"Ticket {n}, about {word}", label)
    for n in range(24)
    for word, label in [(("invoice", "billing"), ("parcel", "delivery"))[n % 2]]
]


def table(*names: str, mark: str = ",", end: str = "\n") -> str:
    """Return the tickets as a CSV file, under these names of columns."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=mark, lineterminator=end).writerows([names, *TICKETS])
    return out.getvalue()


FORMATS = {
    "t.csv": table("input", "expected").encode(),
    "bom.csv": b"\xef\xbb\xbf" + table("input", "expected", mark=";", end="\r\n").encode(),
    "t.tsv": table("input", "expected", mark="\t").encode(),
    "t.jsonl": "\n".join(json.dumps({"input": text, "expected": label}) for text, label in TICKETS).encode(),
    "t.json": json.dumps([{"input": text, "expected": label} for text, label in TICKETS]).encode(),
}


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a file and returns its path."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_makes_the_same_skill(run: Run, told: Told, file: Callable[..., Path], name: str) -> None:
    """Its few answers become its labels; all that was understood is on stderr, the one document on stdout."""
    new = ("--skill", "queues", "--prompt", "Which queue?", "--json")
    result = run("import", file(name, FORMATS[name]), *new)
    report = json.loads(result.stdout)
    assert (report["outcome"], report["added"], report["duplicates"]) == ("created", 24, 0)
    assert "; rows: 24; columns: input 'input', expected 'expected'." in result.stderr
    assert "Distinct answers (2): billing (12), delivery (12)." in result.stderr
    assert "'Ticket 0, about invoice' -> 'billing'" in result.stderr
    exported = json.loads(run("export", "queues").stdout)
    assert (exported["labels"], exported["metric"]) == (["billing", "delivery"], "label")
    assert (exported["prompt"], exported["description"]) == ("Which queue?", "Which queue?")
    assert [(e["input"], e["expected"]) for e in exported["examples"]] == TICKETS
    assert told("history")[0]["actor"] == "human"


@pytest.mark.parametrize("name", FORMATS)
def test_stdin_is_read_as_a_file_is(told: Told, name: str) -> None:
    """By how it begins, since it has no name."""
    report = told("import", "-", "--skill", "queues", "--prompt", "Which queue?", stdin=FORMATS[name])
    assert (report["outcome"], report["added"]) == ("created", 24)


def test_rows_are_added_to_a_skill_that_is_there(
    run: Run, told: Told, tickets_in: str, file: Callable[..., Path]
) -> None:
    """With splits where the file names them; given again they are duplicates, and contradictions are told."""
    first = file("a.csv", "input,expected,split\nmore,billing,gate\nand more,technical,\n")
    before = told("examples", tickets_in)["counts"]
    report = told("import", first, "--skill", tickets_in)
    assert (report["outcome"], report["added"], report["version"]) == ("extended", 2, 1)
    assert told("examples", tickets_in, "--split", "gate", "--after", 90)["examples"][0]["input"] == "more"
    assert sum(report["examples"].values()) == sum(before.values()) + 2
    again = run("import", file("b.csv", "input,expected\nMORE,delivery\n"), "--skill", tickets_in).stdout
    assert "0 added, 1 duplicates (1 of them with another answer)" in again
    assert "'MORE' is stored with 'billing' and was given again with 'delivery'; kept the first" in again


@pytest.mark.parametrize("name", ["one.json", "-"])
def test_one_json_object_is_one_row(told: Told, tickets_in: str, file: Callable[..., Path], name: str) -> None:
    """A program that brings in one example at a time writes no list."""
    row = '{"input": "one more", "expected": "billing"}\n'
    source = name if name == "-" else file(name, row)
    assert told("import", source, "--skill", tickets_in, stdin=row)["added"] == 1
    assert told("examples", tickets_in, "--after", 90)["examples"][0]["input"] == "one more"


@pytest.mark.parametrize(
    ("flags", "labels", "metric"),
    [
        ((), ["billing", "delivery"], "label"),
        (("--no-labels",), [], "exact"),
        (("--metric", "contains"), [], "contains"),
        (("--metric", "label"), ["billing", "delivery"], "label"),
        (("--labels", "billing, delivery ,press"), ["billing", "delivery", "press"], "label"),
        (("--description", "Sort mail.", "--metric", "f1", "--no-labels"), [], "f1"),
    ],
)
def test_labels_and_metric_of_a_new_skill(  # noqa: PLR0917  fixtures
    run: Run, told: Told, file: Callable[..., Path], flags: tuple[str, ...], labels: list[str], metric: str
) -> None:
    """Suggested where nothing else is said, and said when they are."""
    new = ("--skill", "queues", "--prompt", "Which queue?", *flags)
    stderr = run("import", file("t.csv", FORMATS["t.csv"]), *new).stderr
    exported = json.loads(run("export", "queues").stdout)
    assert (exported["labels"], exported["metric"]) == (labels, metric)
    assert ("They become the skill's labels" in stderr) == (labels == ["billing", "delivery"])
    assert told("skills")[0]["description"] == ("Sort mail." if "--description" in flags else "Which queue?")


def test_a_skill_of_taste_takes_inputs_alone(told: Told, file: Callable[..., Path]) -> None:
    """New, and later added to."""
    lines = file("t.jsonl", '{"input": "hi"}\n{"input": "ho"}\n')
    assert (
        told("import", lines, "--skill", "tone", "--prompt", "Say it kindly.", "--metric", "preference")["added"] == 2
    )
    more = file("more.csv", "input\nhello\n")
    assert told("import", more, "--skill", "tone")["added"] == 1


def test_guessed_columns_need_a_yes_where_nobody_can_be_asked(
    run: Run, told: Told, tickets_in: str, file: Callable[..., Path]
) -> None:
    """The guess is shown; --yes takes it, and naming the columns leaves nothing to guess."""
    odd = file("odd.csv", "id,message,queue\n1,one more,billing\n")
    two = file("two.csv", "queue,message\nbilling,one more\n")
    for path, flags in ((odd, ("--expected-column", "queue")), (two, ())):
        result = run("import", path, "--skill", tickets_in, *flags, code=1)
        assert "input 'message', expected 'queue' (guessed)" in result.stderr
        assert "add --yes if they are right, or name them with --input-column and" in result.stderr
        assert result.stdout == ""
    assert len(told("examples", tickets_in, "--limit", 1000)["examples"]) == 90
    assert told("import", two, "--skill", tickets_in, "--yes")["added"] == 1
    named = run("import", odd, "--skill", tickets_in, "--input-column", "message", "--expected-column", "queue")
    assert "Not used: id." in named.stderr
    assert "0 added, 1 duplicates" in named.stdout


@pytest.mark.parametrize(("answer", "added"), [("n", 0), ("y", 1)])
def test_on_a_terminal_the_user_is_asked(  # noqa: PLR0917  fixtures
    environment: dict[str, str], told: Told, tickets_in: str, file: Callable[..., Path], answer: str, added: int
) -> None:
    """Also where nothing was guessed; a no stores nothing."""
    pty = pytest.importorskip("pty")
    path = file("a.csv", "input,expected\none more,billing\n")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "promptbreeder_server", "import", str(path), "--skill", tickets_in]
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        encoding="utf-8",
    ) as process:
        os.write(ours, f"{answer}\n".encode())
        _, err = process.communicate(timeout=120)
    os.close(ours)
    os.close(theirs)
    assert "Store them?" in err
    assert ("nothing was stored" in err) == (process.returncode == 1) == (answer == "n")
    assert len(told("examples", tickets_in, "--after", 90)["examples"]) == added


def test_bad_rows_are_refused_with_their_lines_and_left_out_only_on_demand(
    run: Run, told: Told, tickets_in: str, file: Callable[..., Path]
) -> None:
    """Nothing is stored of a file that is half understood."""
    path = file("bad.csv", "input,expected\ngood,billing\n,billing\nsilent,\nragged,billing,x\n")
    refused = run("import", path, "--skill", tickets_in, code=1).stderr
    assert "3 of 4 rows cannot be used: line 3: no input" in refused
    assert "line 4: no expected answer" in refused
    assert "line 5: 3 fields where the header has 2" in refused
    assert "--skip-bad" in refused
    taken = run("import", path, "--skill", tickets_in, "--skip-bad")
    assert "Rows left out: 3. line 3: no input" in taken.stderr
    assert "1 added" in taken.stdout
    lines = file("bad.jsonl", '{"input": "x", "expected": "billing"}\n["y"]\n')
    assert "line 2: not a JSON object" in run("import", lines, "--skill", tickets_in, code=1).stderr
    assert len(told("examples", tickets_in, "--after", 90)["examples"]) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("long.csv", "input,expected\ngood,billing\n" + "x" * 140_000 + ",billing\n"),
        ("long.tsv", 'input\texpected\n"good" it is\tbilling\n' + "x" * 140_000 + "\tbilling\n"),
    ],
)
def test_one_bad_line_does_not_keep_the_others_out(
    run: Run, tickets_in: str, file: Callable[..., Path], name: str, content: str
) -> None:
    """Where it is to be left out."""
    taken = run("import", file(name, content), "--skill", tickets_in, "--skip-bad")
    assert "Rows left out: 1. line 3: input: String should have at most" in taken.stderr
    assert "1 added" in taken.stdout


WRONG = [
    ("a.csv", b"", (), "a.csv is empty"),
    ("a.csv", b"input,expected\n", (), "has a header (input, expected) and no rows below it"),
    ("a.csv", b"input\nhello\n", (), "there is one column, input"),
    ("a.csv", b"input,expected\nGr\xfc\xdfe,billing\n", (), "is not UTF-8 text (byte 17), line 2"),
    ("a.csv", "input,expected\na,billing\n".encode("utf-16"), (), "is not UTF-8 text (byte 0), line 1"),
    ("a.csv", "input,expected\na,billing\n".encode("utf-16-le"), (), "NUL byte on line 1"),
    ("a.csv", b"input,input\na,b\n", (), "two columns named 'input'"),
    ("a.csv", b"input,expected\na,billing\n", ("--input-column", "text"), "no column 'text'; the columns are input, "),
    ("a.csv", b"a,b,c\n1,2,3\n", (), "There are a, b, c; name the columns with --input-column and --expected-column"),
    ("a.csv", b"input,expected\na\0,billing\n", (), "NUL byte on line 2"),
    ("a.csv", b"input,expected\n" + b"x" * 140_000 + b",billing\n", (), "line 2: input: String should"),
    ("a.csv", b"input,expected\n" + b"x" * 20_000 + b",billing\n", (), "line 2: input: String should have at most"),
    ("a.csv", b'input,expected\n"open,billing\nb,billing\n', (), "line 2 cannot be read"),
    ("a.csv", b"input,expected\na,nobody\n", (), "'nobody', but it is not among the labels"),
    ("a.csv", b"input,expected\n" + b"x,billing\n" * 10_001, (), "10,001 examples, and 10,000 are taken at a time"),
    ("a.jsonl", b"[1]\n", (), "line 1: not a JSON object"),
    ("a.json", b"[]", (), "a.json is an empty list"),
    ("a.json", b'[{"input": "a"}]', (), "there is one column, input"),
    ("a.csv", b"input,expected\na,billing\n", ("--labels", "a,b"), "--labels is for a new skill, which also needs"),
    ("a.csv", b"input,expected\na,billing\n", ("--prompt", "New."), "there is a skill 'tickets' already"),
    ("a.json", b'{"name": "x", "description": "d", "prompt": "p"}', (), "is a whole skill"),
]


@pytest.mark.parametrize(("name", "content", "flags", "reason"), WRONG)
def test_a_wrong_file_is_refused_in_one_sentence_and_nothing_is_stored(  # noqa: PLR0917  fixtures
    run: Run,
    told: Told,
    tickets_in: str,
    file: Callable[..., Path],
    name: str,
    content: bytes,
    flags: tuple[str, ...],
    reason: str,
) -> None:
    """Status 1, the reason on stderr, nothing on stdout."""
    result = run("import", file(name, content), "--skill", tickets_in, *flags, "--yes", code=1)
    assert reason in result.stderr
    assert result.stdout == ""
    assert [line["kind"] for line in told("history")] == ["create"]


def test_rows_need_the_name_of_a_skill(run: Run, file: Callable[..., Path]) -> None:
    """That exists, or a prompt to make it with."""
    path = file("t.csv", FORMATS["t.csv"])
    assert "--skill NAME adds them to a skill" in run("import", path, code=1).stderr
    missing = run("import", path, "--skill", "queues", code=1).stderr
    assert "no skill named 'queues'" in missing
    assert "with --prompt TEXT import makes a new one" in missing
    unnamed = run("import", path, "--skill", "No Name", "--prompt", "p", code=1).stderr
    assert "'No Name' is not a skill name" in unnamed
