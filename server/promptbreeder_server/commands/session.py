"""What all commands share: a service for the time of one command, plain errors, the progress bar."""

import functools
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import ParamSpec, TypeVar

import anyio
import click
from anyio.from_thread import BlockingPortal, start_blocking_portal
from pydantic import BaseModel

from promptbreeder.errors import InvalidInput, PromptBreederError
from promptbreeder.requests import Actor, EvolveRequest
from promptbreeder.results import RunReport
from promptbreeder.service import Service
from promptbreeder_server.compose import compose
from promptbreeder_server.settings import Settings
from promptbreeder_server.stopping import stop_on_signal

T = TypeVar("T")
P = ParamSpec("P")
ACTOR = Actor("human", f"promptbreeder-mcp {metadata.version('promptbreeder-mcp')} (command line)")
WHOLE_RUN_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Beside:
    """A service that runs in a thread of its own."""

    service: Service
    portal: BlockingPortal

    def call(self, method: Callable[P, Awaitable[T]], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a method of the service, wait for it, and return what it returns."""
        return self.portal.call(functools.partial(method, *arguments, **named))


@dataclass(frozen=True, slots=True)
class Options:
    """Flags before the command; they have the names of the settings and win over the environment."""

    flags: Mapping[str, str]

    def settings(self) -> Settings:
        """Return the settings of this command."""
        named = {f"PROMPTBREEDER_{name.upper()}": value for name, value in self.flags.items()}
        try:
            return Settings.read({**os.environ, **named})
        except InvalidInput as error:
            raise click.ClickException(str(error)) from error


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn our errors into a plain message and status 1."""
    try:
        yield
    except PromptBreederError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def failing_with(context: click.Context, status: int) -> Iterator[None]:
    """Leave with `status` where a command fails or is interrupted: 1 and 2, as elsewhere, would mean something else."""
    try:
        yield
    except click.ClickException as error:
        error.show()
    except (click.Abort, KeyboardInterrupt):
        click.echo("Aborted!", err=True)
    else:
        return
    context.exit(status)


def with_service(context: click.Context, work: Callable[[Service], Awaitable[T]]) -> T:
    """Run `work` with a service, and leave with a plain message and status 1 where it fails."""
    settings = context.obj.settings()

    async def within() -> T:
        async with compose(settings) as service:
            return await work(service)

    return run_plainly(within)


def run_plainly(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work`, end it on a signal, and leave with a plain message and status 1 where it fails."""
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    failure: list[Exception] = []
    interrupted: list[bool] = []
    results: list[T] = []

    async def entered() -> None:
        async with anyio.create_task_group() as group:

            def stop() -> None:
                interrupted.append(True)
                group.cancel_scope.cancel()

            group.start_soon(stop_on_signal, stop)
            # Carried out of the task group, which would wrap them in a group; OSError where nobody reads stdout now.
            try:
                results.append(await work())
            except (PromptBreederError, click.ClickException, OSError) as error:
                failure.append(error)
            group.cancel_scope.cancel()

    try:
        anyio.run(entered)
    except KeyboardInterrupt:
        interrupted.append(True)
    if interrupted and not results:
        raise click.Abort
    for error in failure:
        if isinstance(error, PromptBreederError):
            raise click.ClickException(str(error)) from error
        raise error
    return results[0]


@contextmanager
def beside_service(context: click.Context) -> Iterator[Beside]:
    """Yield a service that runs in a thread beside this one.

    For commands that ask the user again and again: waiting for a key, they must not hold the event loop.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    settings = context.obj.settings()
    with (
        told_plainly(),
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(compose(settings)) as service,
    ):
        yield Beside(service, portal)


def show(result: BaseModel, *, as_json: bool) -> None:
    """Print a result on stdout."""
    click.echo(result.model_dump_json(indent=2) if as_json else str(result))


async def evolve_with_bar(service: Service, request: EvolveRequest) -> RunReport:
    """Start, join or resume a run, follow it to its end under a progress bar on stderr, and return its report."""
    with click.progressbar(
        length=request.budget_tokens, label="evolving", file=sys.stderr, item_show_func=_shown, show_eta=False
    ) as bar:

        async def tell(report: RunReport) -> None:
            bar.length = report.budget_tokens
            bar.update(max(0, min(report.tokens, report.budget_tokens) - bar.pos), report)

        try:
            return await service.evolve(request, ACTOR, wait_seconds=WHOLE_RUN_SECONDS, on_progress=tell)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                click.echo(f"\n{await _becomes_of_it(service, request.skill)}", err=True)
            raise


async def _becomes_of_it(service: Service, skill: str) -> str:
    """Return what becomes of a skill's run when this process does not follow it any more; empty where none goes on."""
    pauses = "The run pauses; the same command goes on with it."
    if not service.engine.is_idle:
        return pauses
    for run in (await service.runs(skill))[:1]:
        if run.status == "running":
            return f"The run goes on in another process; `promptbreeder-mcp cancel {run.run_id}` stops it."
        if run.status in {"queued", "paused"}:
            return pauses
    return ""


def _shown(report: RunReport | None) -> str:
    if report is None:
        return ""
    best = "" if report.best is None else f", best on search {report.best.search_score:.2f}"
    left = "" if report.eta_seconds is None else f", at most {report.eta_seconds:.0f} s left"
    return f"generation {report.generation}{best}{left}"
