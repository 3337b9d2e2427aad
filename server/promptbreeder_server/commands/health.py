"""`doctor`."""

import json

import click

from promptbreeder.errors import PromptBreederError
from promptbreeder.results import Finding
from promptbreeder.service import Service
from promptbreeder_server.commands.session import with_service


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> None:
    """Check settings, database and model; the exit status is 1 where something is wrong."""
    settings = context.obj.settings()
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
