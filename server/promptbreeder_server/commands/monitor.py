"""`outcome`, `monitor`: how live answers do."""

from typing import Any

import click

from promptbreeder.results import MonitorReport
from promptbreeder.service import Service
from promptbreeder_server.commands.session import ACTOR, WHOLE_RUN_SECONDS, failing_with, show, with_service

FAILED = 4
"""Exit status where the skills could not be looked at; 0 to 3 say how they are."""


@click.command()
@click.argument("call_id")
@click.option("--correct/--wrong", default=None, help="Whether the answer was right.")
@click.option("--expected", metavar="TEXT", help="The right answer; it becomes an example.")
@click.option("--note", default="", help="Kept with the outcome; no model reads it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def outcome(
    context: click.Context, call_id: str, *, correct: bool | None, expected: str | None, note: str, as_json: bool
) -> None:
    """Record whether the answer of the call CALL_ID (from `run`) was right. Once per call."""

    async def record(service: Service) -> None:
        report = await service.record_outcome(call_id, ACTOR, correct=correct, expected=expected, note=note)
        show(report, as_json=as_json)

    with_service(context, record)


class _NotUnderstood(click.UsageError):
    exit_code = FAILED


class _Monitor(click.Command):
    """Has a status of its own where it is not understood, too: 2, as elsewhere, would mean something else."""

    def make_context(self, *arguments: Any, **named: Any) -> click.Context:  # noqa: ANN401  as click's
        """Read the arguments."""
        try:
            return super().make_context(*arguments, **named)
        except click.UsageError as error:
            raise _NotUnderstood(error.format_message(), error.ctx) from error


@click.command(cls=_Monitor)
@click.option("--once", is_flag=True, help="Check now, and act for skills that opted in. For cron and the like.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def monitor(context: click.Context, *, once: bool, as_json: bool) -> None:
    """Show how every skill's live answers do; without --once nothing is measured or done.

    The exit status is 0 ok, 1 degraded, 2 failing, 3 not enough data (the worst that is known of any skill), and 4
    where that could not be found out. A run that the check starts is followed to its end.
    """

    async def look(service: Service) -> MonitorReport:
        if not once:
            return await service.last_looks()
        found = await service.monitor()
        for check in found.checks:
            if check.acted and check.run_id is not None:
                ended = await service.get_run(check.run_id, wait_seconds=WHOLE_RUN_SECONDS)
                click.echo(str(ended), err=True)
        return found

    with failing_with(context, FAILED):
        report = with_service(context, look)
    show(report, as_json=as_json)
    context.exit(report.exit_code)


COMMANDS = (outcome, monitor)
