"""`selftest`: what is promoted where nothing is better."""

import sys
from functools import partial

import click

from promptbreeder.results import SelftestReport
from promptbreeder_server.commands.session import failing_with, run_plainly, show
from promptbreeder_server.compose import open_scratch

RUNS, REAL_RUNS, VOTE_TESTS = 200, 3, 1_000
FAILED = 2
"""Exit status where the test could not be made; 0 and 1 say how it came out."""


@click.command()
@click.option("--real", is_flag=True, help="On the model of --model, a few runs, instead of the scripted one.")
@click.option(
    "--runs", type=click.IntRange(min=1), help=f"Loops of each kind (default: {RUNS}; {REAL_RUNS} with --real)."
)
@click.option("--vote-tests", type=click.IntRange(min=1), help=f"Default: {VOTE_TESTS}; none with --real.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def selftest(context: click.Context, *, real: bool, runs: int | None, vote_tests: int | None, as_json: bool) -> None:
    """Try to promote where nothing is better, in a database that is thrown away.

    The whole loop (define, evolve, gate, votes, promote) runs on examples with random labels, and with an operator that
    returns its parent; then vote tests of a voter without a preference. At most 5 in 100 may end in a promotion or a
    win. The exit status is 1 where it is more, beyond what chance explains (p <= .01), 2 where that could not be found
    out, and else 0.
    """
    if real and vote_tests is not None:
        raise click.UsageError("--vote-tests is for the scripted model, without --real")
    runs, vote_tests = runs or (REAL_RUNS if real else RUNS), vote_tests or VOTE_TESTS

    async def work() -> SelftestReport:
        from promptbreeder.selftesting import selftest as test  # noqa: PLC0415 - no other command needs it

        total = runs if real else 2 * runs + vote_tests
        with click.progressbar(length=total, label="testing", file=sys.stderr) as bar:
            return await test(
                partial(open_scratch, settings),
                runs=runs,
                vote_tests=vote_tests,
                real=real,
                tell=partial(bar.update, 1),
            )

    with failing_with(context, FAILED):
        settings = context.obj.settings()
        report = run_plainly(work)
    show(report, as_json=as_json)
    context.exit(report.exit_code)


COMMANDS = (selftest,)
