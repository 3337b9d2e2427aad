"""`fitness`, `history`, `promote`, `rollback`."""

import json

import click

from promptbreeder.service import Service
from promptbreeder_server.commands.session import ACTOR, show, with_service

PAGE = 50


@click.command()
@click.argument("skill", required=False)
@click.option("--version", type=click.IntRange(min=1), help="Default: the version in production.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def fitness(context: click.Context, skill: str | None, version: int | None, *, as_json: bool) -> None:
    """Show what is measured of a version of SKILL; without SKILL, a line for each."""

    async def look(service: Service) -> None:
        show(await service.fitness(skill, version), as_json=as_json)

    with_service(context, look)


@click.command()
@click.argument("skill", required=False)
@click.option("--before", type=int, help="Show events older than this id.")
@click.option("--at", metavar="TIME", help="Show which version was in production then, e.g. 2026-01-31T12:00:00Z.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def history(context: click.Context, skill: str | None, *, before: int | None, at: str | None, as_json: bool) -> None:
    """Show what happened, newest first; or what was in production at a time."""
    if at is not None:
        if skill is None or before is not None:
            raise click.UsageError("--at TIME is for one SKILL, and without --before")
        show(with_service(context, lambda service: service.production_at(skill, at)), as_json=as_json)
        return
    lines = with_service(context, lambda service: service.history(skill, before_id=before, limit=PAGE))
    if as_json:
        click.echo(json.dumps([line.model_dump(mode="json") for line in lines], indent=2, ensure_ascii=False))
        return
    nothing = "Nothing has happened yet." if before is None else "Nothing older."
    click.echo("\n".join(map(str, lines)) or nothing)
    if len(lines) == PAGE:
        click.echo(f"Older events: --before {lines[-1].id}")


@click.command()
@click.argument("skill")
@click.argument("version", type=click.IntRange(min=1))
@click.option("--reason", required=True)
@click.option("--expected-production", type=click.IntRange(min=1), help="Refuse if another version is in production.")
@click.option("--force", is_flag=True, help="Promote against the evidence, or though it is flagged; recorded.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def promote(
    context: click.Context,
    skill: str,
    version: int,
    *,
    reason: str,
    expected_production: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Put VERSION of SKILL into production."""

    async def move(service: Service) -> None:
        moved = await service.promote(
            skill, version, reason, ACTOR, expected_production=expected_production, force=force
        )
        show(moved, as_json=as_json)

    with_service(context, move)


@click.command()
@click.argument("skill")
@click.option("--reason", required=True)
@click.option("--to-version", type=click.IntRange(min=1), help="Default: the version that was in production before.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def rollback(context: click.Context, skill: str, *, reason: str, to_version: int | None, as_json: bool) -> None:
    """Put an earlier version of SKILL back into production."""

    async def move(service: Service) -> None:
        show(await service.rollback(skill, reason, ACTOR, to_version=to_version), as_json=as_json)

    with_service(context, move)


COMMANDS = (fitness, history, promote, rollback)
