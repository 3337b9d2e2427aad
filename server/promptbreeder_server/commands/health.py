"""`doctor`."""

import json

import click

from promptbreeder.errors import PromptBreederError
from promptbreeder.results import Finding
from promptbreeder.service import Service
from promptbreeder_server.commands.arguments import PATH
from promptbreeder_server.commands.session import ACTOR, show, with_service


@click.command()
@click.option("--backup", is_flag=True, help="Make a copy of the database instead, and print where it is.")
@click.option(
    "--restore", metavar="FILE", type=PATH, help="Put this copy in the place of the database instead; that is kept."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, or for --restore an object.")
@click.pass_context
def doctor(context: click.Context, *, backup: bool, restore: str | None, as_json: bool) -> None:
    """Check settings, database, history and model; the exit status is 1 where something is wrong."""
    settings = context.obj.settings()
    if backup and restore is not None:
        raise click.UsageError("one at a time: --backup or --restore FILE")
    if backup:
        copy = with_service(context, lambda service: service.backup())
        click.echo(json.dumps({"backup": copy}) if as_json else copy)
        return
    if restore is not None:
        show(with_service(context, lambda service: service.restore(restore, ACTOR)), as_json=as_json)
        return
    findings = [Finding(ok=True, check=f"setting {name}", detail=str(value)) for name, value in settings]

    async def check(service: Service) -> tuple[Finding, ...]:
        try:
            return await service.doctor()
        except PromptBreederError as error:
            return (Finding(ok=False, check="database", detail=str(error)),)

    findings += with_service(context, check)
    if as_json:
        click.echo(json.dumps([found.model_dump(mode="json") for found in findings], indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(map(str, findings)))
    if not all(found.ok for found in findings):
        context.exit(1)


COMMANDS = (doctor,)
