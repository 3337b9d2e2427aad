"""`skills`, `export`, `status`."""

import json
import sys
from typing import Literal

import click

from promptbreeder_server.commands.next_steps import after_run
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
@click.option(
    "--as",
    "form",
    type=click.Choice(["bundle", "modelfile", "messages", "python"]),
    default="bundle",
    show_default=True,
    help="bundle: all of the skill. The others: one version, to be used without this program.",
)
@click.option("--version", type=click.IntRange(min=1), help="Default: the version in production.")
@click.option("--redact", is_flag=True, help="Leave out what looks like an API key, a token or a private key.")
@click.pass_context
def export(
    context: click.Context,
    skill: str,
    *,
    form: Literal["bundle", "modelfile", "messages", "python"],
    version: int | None,
    redact: bool,
) -> None:
    """Print SKILL to take it away: as JSON that `import` reads back, or one version as a text for others.

    modelfile is for `ollama create NAME -f FILE`, messages is a chat as JSON, python a program that needs nothing but
    the `ollama` package.
    """
    if form == "bundle":
        if version is not None:
            raise click.UsageError("A bundle holds all versions; leave out --version.")
        bundle = with_service(context, lambda service: service.export(skill, redact=redact))
        json.dump(bundle, sys.stdout, indent=2, ensure_ascii=False)
        click.echo()
        return
    text = with_service(context, lambda service: service.export_version(skill, form, version, redact=redact))
    click.echo(text, nl=False)


@click.command()
@click.argument("skill", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def status(context: click.Context, skill: str | None, *, as_json: bool) -> None:
    """Show the latest runs, newest first; of one SKILL or of all."""
    runs = [after_run(run) for run in with_service(context, lambda service: service.runs(skill))]
    if as_json:
        click.echo(json.dumps([run.model_dump(mode="json") for run in runs], indent=2, ensure_ascii=False))
        return
    click.echo("\n\n".join(map(str, runs)) or "No runs yet: `promptbreeder-mcp evolve SKILL` starts one.")


COMMANDS = (skills, export, status)
