"""`skills`, `import`, `export`, `status`."""

import json
import sys
from pathlib import Path
from typing import Literal

import click

from promptbreeder.errors import InvalidInput
from promptbreeder.requests import SkillDefinition, parse_json
from promptbreeder.service import Service
from promptbreeder_server.commands.session import ACTOR, show, with_service

MAX_FILE_BYTES = 50_000_000


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


@click.command(name="import")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def import_(context: click.Context, file: str, *, as_json: bool) -> None:
    """Define a skill from a JSON FILE, or - for stdin.

    It holds {name, description, prompt, labels?, metric?, settings?, examples}.
    """

    async def define(service: Service) -> None:
        definition = SkillDefinition.parse(_without_bundle_fields(_read(file)))
        show(await service.define_skill(definition, ACTOR), as_json=as_json)

    with_service(context, define)


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
@click.pass_context
def export(
    context: click.Context, skill: str, form: Literal["bundle", "modelfile", "messages", "python"], version: int | None
) -> None:
    """Print SKILL to take it away: as JSON that `import` reads back, or one version as a text for others.

    modelfile is for `ollama create NAME -f FILE`, messages is a chat as JSON, python a program that needs nothing but
    the `ollama` package.
    """
    if form == "bundle":
        if version is not None:
            raise click.UsageError("A bundle holds all versions; leave out --version.")
        bundle = with_service(context, lambda service: service.export(skill))
        json.dump(bundle, sys.stdout, indent=2, ensure_ascii=False)
        click.echo()
        return
    click.echo(with_service(context, lambda service: service.export_version(skill, form, version)), nl=False)


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


def _read(file: str) -> str:
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise InvalidInput(f"{file} is larger than {MAX_FILE_BYTES // 1_000_000} MB; import a part of the examples")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is not UTF-8 text (byte {error.start}); convert it first") from error


def _without_bundle_fields(text: str) -> dict[str, object]:
    """Return the skill in a file; what an export holds besides (versions, production, model) is left out."""
    data = parse_json(text)
    known = SkillDefinition.model_fields
    strange = [name for name in data if name not in known and name not in {"model", "production", "versions"}]
    if strange:
        raise InvalidInput(f"unknown fields {', '.join(strange[:5])}; a skill has {', '.join(known)}")
    return {name: value for name, value in data.items() if name in known}


COMMANDS = (skills, import_, export, status)
