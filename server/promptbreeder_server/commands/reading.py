"""Reading files of examples: the flags for it, what was understood, and whether that is right."""

import functools
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path

import click

from promptbreeder.datasets import columns, dataset, rows
from promptbreeder.datasets.dataset import Dataset
from promptbreeder.datasets.rows import Rows
from promptbreeder.errors import InvalidInput
from promptbreeder.requests import MAX_EXAMPLES
from promptbreeder.text import shortened

MAX_FILE_BYTES = 50_000_000
SHOWN_EXAMPLES = 3
SHOWN_ANSWERS = 12


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file of examples is to be read; the fields are the flags."""

    input_column: str | None
    expected_column: str | None
    skip_bad: bool
    no_labels: bool
    yes: bool

    def labels_of(self, found: Dataset, metric: str | None) -> tuple[str, ...]:
        """Return the labels that a new skill gets where the user named none."""
        return () if self.no_labels or metric not in {None, "label"} else found.labels


def reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags of `Reading`, and hand them to it as `reading`."""

    @functools.wraps(command)
    def gathered(*arguments: object, **flags: object) -> None:
        own = {field.name: flags.pop(field.name) for field in fields(Reading)}
        command(*arguments, reading=Reading(**own), **flags)  # type: ignore[arg-type]  # click makes them what they are

    for option in (
        click.option("--yes", is_flag=True, help="Do not ask whether the file was understood."),
        click.option("--no-labels", is_flag=True, help="Answers are free text, however few there are."),
        click.option("--skip-bad", is_flag=True, help="Leave out rows that cannot be used."),
        click.option("--expected-column", help="Column with the right answer; default: guessed from its name."),
        click.option("--input-column", help="Column with the input; default: guessed from its name."),
    ):
        gathered = option(gathered)
    return gathered


def read_text(file: str) -> str:
    """Return the text of a file, or of stdin for `-`.

    Raises:
        InvalidInput: if it cannot be read, is too large, or is not UTF-8.
    """
    try:
        # stdin stays open: it is looked at again, whether it is a terminal.
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise InvalidInput(f"{file} is larger than {MAX_FILE_BYTES // 1_000_000} MB; import a part of the examples")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{file} is not UTF-8 text (byte {error.start}), line {line}; convert it first") from error


def parse_file(file: str) -> Rows | Mapping[str, object]:
    """Return the rows of a file, or the JSON object that it holds; raises InvalidInput."""
    return rows.parse("stdin" if file == "-" else Path(file).name, read_text(file))


def take(found: Rows, reading: Reading, *, needs_expected: bool) -> Dataset:
    """Return the examples in `found`.

    Raises:
        InvalidInput: if columns cannot be told, or rows cannot be used and may not be left out.
    """
    chosen = columns.choose(
        found.columns,
        input_column=reading.input_column,
        expected_column=reading.expected_column,
        needs_expected=needs_expected,
    )
    taken = dataset.read(found, chosen, needs_expected=needs_expected)
    if taken.bad and not reading.skip_bad:
        raise InvalidInput(
            f"{len(taken.bad)} of {len(found.rows)} rows cannot be used: {taken.told_bad}. Correct them, or leave them "
            "out with --skip-bad. Nothing was stored."
        )
    if len(taken.examples) > MAX_EXAMPLES:
        raise InvalidInput(
            f"the file has {len(taken.examples):,} examples, and {MAX_EXAMPLES:,} are taken at a time; cut it into "
            "parts, and add each to the skill with --skill NAME. Nothing was stored."
        )
    return taken


def confirm(found: Dataset, reading: Reading, labels: tuple[str, ...]) -> None:
    """Say what was understood, and go on if the user agrees, or if nothing was guessed.

    Raises:
        InvalidInput: if columns were guessed, and there is nobody to ask.
    """
    click.echo("\n".join(_understood(found, labels)), err=True)
    if reading.yes:
        return
    if sys.stdin.isatty():
        if not click.confirm("Store them?", default=True, err=True):
            raise InvalidInput("nothing was stored")
    elif found.columns.guessed:
        raise InvalidInput(
            "the columns were guessed and there is nobody to ask: add --yes if they are right, or name them with "
            "--input-column and --expected-column. Nothing was stored."
        )


def _understood(found: Dataset, labels: tuple[str, ...]) -> list[str]:
    chosen = found.columns
    guessed = " (guessed)" if chosen.guessed else ""
    names = [f"input {chosen.input!r}", *([f"expected {chosen.expected!r}"] if chosen.expected else [])]
    names += [f"split {chosen.split!r}"] if chosen.split else []
    lines = [f"{found.format}; rows: {len(found.examples)}; columns: {', '.join(names)}{guessed}."]
    if found.unused:
        lines.append(f"Not used: {rows.listed(found.unused)}.")
    if found.bad:
        lines.append(f"Rows left out: {len(found.bad)}. {found.told_bad}.")
    if 0 < len(found.answers) <= SHOWN_ANSWERS or labels:
        told = ", ".join(f"{shortened(answer)} ({count})" for answer, count in found.answers[:SHOWN_ANSWERS])
        lines.append(
            f"Distinct answers ({len(found.answers)}): {told}{', ...' * (len(found.answers) > SHOWN_ANSWERS)}."
        )
    if labels:
        lines.append("They become the skill's labels, a closed set; --no-labels if answers are free text.")
    for example in found.examples[:SHOWN_EXAMPLES]:
        answer = "" if example.expected is None else f" -> {shortened(example.expected)!r}"
        lines.append(f"  {shortened(example.input)!r}{answer}")
    return lines
