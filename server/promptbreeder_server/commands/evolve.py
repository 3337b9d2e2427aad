"""`headroom`, `evolve` and `cancel`."""

import click

from promptbreeder.requests import DEFAULT_BUDGET_TOKENS, EvolveRequest
from promptbreeder.results import RunReport
from promptbreeder.service import Service
from promptbreeder_server.commands.next_steps import after_cancel, after_run
from promptbreeder_server.commands.session import ACTOR, evolve_with_bar, show, with_service


@click.command()
@click.argument("skill")
@click.option(
    "--strategy",
    default="auto",
    show_default=True,
    help="auto, promptbreeder, evoprompt-ga, evoprompt-de, opro, edits or mipro.",
)
@click.option(
    "--profile",
    help="Default: smollm2, which all strategies have. Others: paper (all but auto and edits), paper-small "
    "(promptbreeder), thorough (edits).",
)
@click.option("--seed-with", help="Strategy that goes first and makes the first population.")
@click.option("--generations", type=int)
@click.option("--population", type=int)
@click.option("--budget-tokens", type=int, default=DEFAULT_BUDGET_TOKENS, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--candidate", "candidates", multiple=True, help="A prompt of your own to try; may be given again.")
@click.option("--run-id", help="Resume this run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def evolve(context: click.Context, /, *, as_json: bool, **given: object) -> None:
    """Search a better prompt for SKILL on its own model, and print what was found.

    Interrupted, the run pauses, unless another process drives it; the same command goes on with it. The exit status is
    1 where it ended paused or failed.
    """

    async def follow(service: Service) -> RunReport:
        return await evolve_with_bar(service, EvolveRequest.parse(given))

    report = with_service(context, follow)
    show(after_run(report), as_json=as_json)
    if report.status in {"paused", "failed"}:
        context.exit(1)


@click.command()
@click.argument("skill")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def headroom(context: click.Context, skill: str, *, as_json: bool) -> None:
    """Say whether evolving SKILL is worth it: its prompt beside a dozen cheap variants; up to a minute."""
    show(with_service(context, lambda service: service.headroom(skill)), as_json=as_json)


@click.command()
@click.argument("run_id")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def cancel(context: click.Context, run_id: str, *, as_json: bool) -> None:
    """Stop the run RUN_ID for good, in whichever process it is."""

    async def stop(service: Service) -> None:
        show(after_cancel(await service.cancel_run(run_id, ACTOR)), as_json=as_json)

    with_service(context, stop)


COMMANDS = (headroom, evolve, cancel)
