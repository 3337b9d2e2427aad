"""`examples`: look through them, correct, retire and delete them."""

import click
import tabulate

from promptbreeder.results import ExamplePage
from promptbreeder.service import Service
from promptbreeder.text import shortened
from promptbreeder_server.commands.session import ACTOR, show, with_service

ID = click.IntRange(min=1, max=2**62)


@click.command()
@click.argument("skill")
@click.option("--split", type=click.Choice(["train", "search", "gate"]), help="Only these.")
@click.option("--after", type=click.IntRange(min=0, max=2**62), default=0, help="Begin after this id.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many to show.")
@click.option("--correct", type=ID, metavar="ID", help="Give this example the answer --expected.")
@click.option("--expected", metavar="TEXT", help="The right answer, for --correct.")
@click.option("--retire", type=ID, metavar="ID", help="Take this example out of use; it is kept for the history.")
@click.option("--delete", type=ID, metavar="ID", help="Remove the content of this example for good.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def examples(
    context: click.Context,
    skill: str,
    *,
    split: str | None,
    after: int,
    limit: int,
    correct: int | None,
    expected: str | None,
    retire: int | None,
    delete: int | None,
    as_json: bool,
) -> None:
    """List the examples of SKILL that are in use; or correct, retire or delete one."""
    if sum(given is not None for given in (correct, retire, delete)) > 1:
        raise click.UsageError("one at a time: --correct, --retire or --delete")
    if (correct is None) != (expected is None):
        raise click.UsageError("--correct ID and --expected TEXT go together")

    async def work(service: Service) -> None:
        if correct is not None and expected is not None:
            show(await service.correct_example(skill, correct, expected, ACTOR), as_json=as_json)
        elif retire is not None:
            show(await service.retire_example(skill, retire, ACTOR), as_json=as_json)
        elif delete is not None:
            show(await service.delete_example(skill, delete, ACTOR), as_json=as_json)
        else:
            page = await service.examples(skill, split=split, after=after, limit=limit)
            if as_json:
                show(page, as_json=True)
            else:
                click.echo(_table(page))

    with_service(context, work)


def _table(page: ExamplePage) -> str:
    rows = [[line.id, line.split, shortened(line.expected or "", 30), shortened(line.input)] for line in page.examples]
    lines = [tabulate.tabulate(rows, ["id", "split", "expected", "input"], disable_numparse=True)] if rows else []
    lines.append(f"'{page.skill}' has {page.counts}.")
    if page.next_after is not None:
        lines.append(f"More: --after {page.next_after}")
    return "\n".join(lines)


COMMANDS = (examples,)
