"""`skills`, `export`, `status`."""

import json
import sys

import click

from promptbreeder_server.commands.session import with_service


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def skills(context: click.Context, *, as_json: bool) -> None:
    """List the skills, a line each."""
    lines = with_service(context, lambda service: service.skills())
    if as_json:
        click.echo(json.dumps([line.model_dump(mode="json") for line in lines], indent=2, ensure_ascii=False))
        return
    click.echo("\n".join(map(str, lines)) or "No skills yet: `promptbreeder-mcp import FILE` brings one in.")


@click.command()
@click.argument("skill")
@click.pass_context
def export(context: click.Context, skill: str) -> None:
    """Print SKILL with its examples and versions as JSON; `import` reads it back."""
    bundle = with_service(context, lambda service: service.export(skill))
    json.dump(bundle, sys.stdout, indent=2, ensure_ascii=False)
    click.echo()


@click.command()
@click.argument("skill", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def status(context: click.Context, skill: str | None, *, as_json: bool) -> None:
    """Show the latest runs, newest first; of one SKILL or of all."""
    runs = with_service(context, lambda service: service.runs(skill))
    if as_json:
        click.echo(json.dumps([run.model_dump(mode="json") for run in runs], indent=2, ensure_ascii=False))
        return
    click.echo("\n\n".join(map(str, runs)) or "No runs yet: `promptbreeder-mcp evolve SKILL` starts one.")


COMMANDS = (skills, export, status)
