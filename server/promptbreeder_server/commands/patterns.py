"""`patterns`."""

import json

import click

from promptbreeder_server.commands.session import with_service


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def patterns(context: click.Context, *, as_json: bool) -> None:
    """List the patterns that prompts can have, with their record: on how many skills each has won.

    Those of a good record are among the first candidates when another skill on the same family of models is evolved.
    """
    lines = with_service(context, lambda service: service.patterns())
    if as_json:
        click.echo(json.dumps([line.model_dump(mode="json") for line in lines], indent=2, ensure_ascii=False))
        return
    click.echo("\n".join(map(str, lines)))


COMMANDS = (patterns,)
