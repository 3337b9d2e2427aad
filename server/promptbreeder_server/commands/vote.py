"""`vote`: two versions on one input after another, blind, and the choice between their answers."""

import json
from collections.abc import Iterator
from itertools import repeat
from pathlib import PurePath
from typing import Literal, cast

import click

from promptbreeder.datasets.rows import Rows
from promptbreeder.errors import InvalidInput, PromptBreederError
from promptbreeder.results import VoteReport, VoteTest
from promptbreeder_server.commands.arguments import PATH
from promptbreeder_server.commands.reading import Reading, parse_file, read_text, take
from promptbreeder_server.commands.session import ACTOR, beside_service, told_plainly


@click.command()
@click.argument("skill")
@click.option("--a", type=click.IntRange(min=1), help="Version; default: the one in production.")
@click.option("--b", type=click.IntRange(min=1), help="Version; default: a candidate.")
@click.option("--input", "texts", multiple=True, metavar="TEXT", help="Show this input; may be given several times.")
@click.option(
    "--inputs", "file", metavar="FILE", type=PATH, help="Show these: a .txt with one a line, or rows as `import` reads."
)
@click.option("--input-column", help="Column of FILE with the input; default: guessed from its name.")
@click.option("--json", "as_json", is_flag=True, help="Print the tally as one JSON object.")
@click.pass_context
def vote(
    context: click.Context,
    /,
    *,
    skill: str,
    a: int | None,
    b: int | None,
    texts: tuple[str, ...],
    file: str | None,
    input_column: str | None,
    as_json: bool,
) -> None:
    """Show the answers of two versions of SKILL to one input after another, blind, and take your votes.

    Without --input and --inputs, inputs are drawn from the skill's train examples, and from what it was really asked,
    until you quit or each was judged. For two versions the first vote on an input counts.
    """
    with told_plainly():
        given = [*texts, *([] if file is None else _inputs_in(file, input_column))]
    inputs: Iterator[str | None] = iter(given) if given else repeat(None)
    reports: dict[tuple[int, int], VoteReport] = {}
    with beside_service(context) as beside:
        for text in inputs:
            try:
                duel = beside.call(beside.service.compare, skill, text=text, a=a, b=b)
            except PromptBreederError as error:
                if not reports:
                    raise
                # The last vote may have decided all there was to decide: what was voted is told all the same.
                click.echo(f"No more duels: {error}", err=True)
                break
            click.echo(f"\nInput: {duel.input}\n\nA: {duel.a}\n\nB: {duel.b}\n", err=as_json)
            if duel.notice:
                click.echo(duel.notice, err=as_json)
            choice = _asked(err=as_json)
            if choice == "quit":
                break
            report = beside.call(beside.service.vote, duel.duel_id, choice, ACTOR)
            reports[report.candidate, report.incumbent] = report
            if report.notice:
                click.echo(report.notice, err=as_json)
    _tell(skill, list(reports.values()), as_json=as_json)


def _inputs_in(file: str, input_column: str | None) -> list[str]:
    if file == "-":
        raise InvalidInput("votes are asked for on stdin, so the inputs cannot come from there; name a file")
    if PurePath(file).suffix.lower() == ".txt":
        lines = [line for line in read_text(file).splitlines() if line.strip()]
        if not lines:
            raise InvalidInput(f"{file} is empty")
        return lines
    found = parse_file(file)
    if not isinstance(found, Rows):
        raise InvalidInput(f"{file} is a whole skill, not rows of inputs")
    reading = Reading(input_column=input_column, expected_column=None, skip_bad=False, no_labels=True, yes=True)
    return [example.input for example in take(found, reading, needs_expected=False).examples]


def _asked(*, err: bool) -> Literal["A", "B", "tie", "quit"]:
    choices = click.Choice(("A", "B", "tie", "quit"), case_sensitive=False)
    try:
        return cast("Literal['A', 'B', 'tie', 'quit']", click.prompt("Which is better?", type=choices, err=err))
    except click.Abort:
        # The end of the input, or Ctrl-C: what was voted is kept.
        click.echo("", err=err)
        return "quit"


def _tell(skill: str, reports: list[VoteReport], *, as_json: bool) -> None:
    tests = [VoteTest.model_validate(report.model_dump(include=set(VoteTest.model_fields))) for report in reports]
    if as_json:
        tally = {"skill": skill, "tests": [test.model_dump(mode="json") for test in tests]}
        click.echo(json.dumps(tally, indent=2, ensure_ascii=False))
        return
    click.echo("\n".join(map(str, tests)) or "No votes were cast.")
    for test in tests:
        click.echo(f"Evidence: promptbreeder-mcp fitness {skill} --version {test.candidate}")


COMMANDS = (vote,)
