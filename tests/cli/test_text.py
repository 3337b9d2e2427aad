"""Text that is no UTF-8 is refused rather than changed; names of files may be any bytes."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
LATIN = os.fsdecode("Grüße".encode("latin-1"))
"""As Python hands on an argument that is no UTF-8."""


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (("create", "new", "--prompt", LATIN), "--prompt"),
        (("create", "new", "--prompt", "p", "--labels", f"a,{LATIN}"), "--labels"),
        (("create", LATIN, "--prompt", "p"), "NAME"),
        (("evolve", "tickets", "--candidate", "good", "--candidate", LATIN), "--candidate"),
        (("vote", "tickets", "--input", LATIN), "--input"),
    ],
)
def test_an_argument_that_is_no_utf_8_is_refused_and_nothing_is_stored(
    run: Run, told: Callable[..., Any], arguments: tuple[str, ...], flag: str
) -> None:
    """Its letters would be lost without a word; the argument is named."""
    said = run(*arguments, code=2).stderr
    assert f"'{flag}': it is not UTF-8 text; save it as UTF-8 and give it again" in said
    assert told("skills") == []


def test_files_are_found_whatever_bytes_their_names_have(run: Run, told: Callable[..., Any], tmp_path: Path) -> None:
    """What is in them is text all the same."""
    first, second = (tmp_path / f"{LATIN}{n}.txt" for n in range(2))
    first.write_text("Wohin?", encoding="utf-8")
    second.write_text("An wen?", encoding="utf-8")
    assert told("create", "new", "--variant-a", first, "--variant-b", second)["variant"] == 2
    rows = tmp_path / f"{LATIN}.jsonl"
    rows.write_text('{"input": "a", "expected": "b"}\n', encoding="utf-8")
    assert told("import", rows, "--skill", "new", "--yes")["added"] == 1
    given = tmp_path / f"{LATIN}.txt"
    given.write_text("a\n", encoding="utf-8")
    assert "No votes were cast" in run("vote", "new", "--inputs", given, stdin="quit\n").stdout


def test_a_backup_is_restored_from_a_folder_whose_name_is_no_utf_8(
    run: Run, told: Callable[..., Any], tickets_in: str, tmp_path: Path
) -> None:
    """It is reported and in the history, without what could not be stored of the name."""
    folder = tmp_path / LATIN
    folder.mkdir()
    copy = Path(run("doctor", "--backup").stdout.strip()).rename(folder / f"{LATIN}.db")
    restored = told("doctor", "--restore", copy)
    assert restored["source"] == str(tmp_path / "Gre" / "Gre.db")
    assert "The database: restored from Gre.db by " in run("history").stdout
    assert [line["skill"] for line in told("skills")] == [tickets_in]


def test_a_line_that_is_no_utf_8_is_not_asked(run: Run, tickets_in: str) -> None:
    """Another text would be answered and kept; a byte order mark before the first line is passed over."""
    lines = [b'\xef\xbb\xbf{"input": "first"}', '{"input": "Grüße"}'.encode("latin-1"), '{"input": "Grüße"}'.encode()]
    result = run("run", tickets_in, stdin=b"\n".join(lines), code=1)
    first, wrong, last = (json.loads(line) for line in result.stdout.splitlines())
    assert wrong == {"error": "the line is not UTF-8 text (byte 13); convert it first"}
    assert first["answer"]
    assert last["answer"]
