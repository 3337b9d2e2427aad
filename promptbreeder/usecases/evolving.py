"""Start, join, follow and cancel runs."""

import json
import secrets

import anyio

from promptbreeder.errors import Conflict, InvalidInput
from promptbreeder.requests import Actor, EvolveRequest
from promptbreeder.results import RunReport
from promptbreeder.runs.engine import Engine
from promptbreeder.store import events, immigrants, runs
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.planning import freeze, prompts_of
from promptbreeder.usecases.reporting import run_report
from promptbreeder.usecases.run_facts import plan_of, request_of
from promptbreeder.usecases.workbench import OnProgress, Workbench

PROGRESS_SECONDS = 2.0
CANCEL_SECONDS = 5.0
"""So long it is waited for a cancelled run to stop."""
CANCEL_POLL_SECONDS = 0.5


async def evolve(bench: Workbench, engine: Engine, request: EvolveRequest, actor: Actor) -> str:
    """Start a run, join the one that is going on with the same arguments, or take over an orphan; return its id.

    Raises:
        InvalidInput: if the skill cannot be evolved, saying what is missing.
        Conflict: if another run of the skill is going on.
        ModelError: if the skill's model cannot be had.
    """
    if request.run_id is not None:
        return await _resume(bench, engine, request)
    live = await bench.store.read(lambda db: runs.live(db, request.skill))
    if live is not None and live.status_at(bench.clock()) == "cancelled":
        # Who drove it ended before it could conclude it: what it found is kept now, and a new run is begun.
        await _start(bench, engine, live.run_id)
        await engine.wait(live.run_id)
    elif live is not None:
        return await _join(bench, engine, request, live)
    plan, later = await freeze(bench, request)
    now = bench.clock()
    run_id = f"r-{secrets.token_hex(4)}"
    arguments = request.model_dump(mode="json", exclude={"run_id", "candidates"})

    def create(db: Tables) -> None:
        runs.create(
            db,
            run_id=run_id,
            skill=request.skill,
            kind=plan.strategy,
            seed=plan.seed,
            fingerprint=plan.executor,
            config=json.dumps({"plan": plan.model_dump(mode="json"), "arguments": arguments}, ensure_ascii=False),
            now=now,
        )
        if later:
            immigrants.add(db, run_id, [prompt.model_dump_json() for prompt in later], now=now)
        events.append(
            db,
            ts=now,
            skill=request.skill,
            kind="evolve",
            actor=actor.kind,
            client=actor.client,
            reason=f"run {run_id} started",
            before=plan.incumbent,
            data={"run": run_id, **arguments},
        )

    try:
        await bench.store.write(create)
    except Conflict:
        # Asked twice at the same time: the second joins what the first has begun.
        live = await bench.store.read(lambda db: runs.live(db, request.skill))
        if live is None:
            raise
        return await _join(bench, engine, request, live)
    await _start(bench, engine, run_id)
    bench.changed("run", request.skill, run_id)
    return run_id


async def report(
    bench: Workbench,
    engine: Engine,
    run_id: str,
    wait_seconds: float,
    on_progress: OnProgress | None,
    *,
    take_over: bool = False,
) -> RunReport:
    """Return the state of a run, after waiting up to `wait_seconds` for its end and telling progress on the way.

    With `take_over`, a run whose driver died meanwhile is driven here from when its lease has run out.
    """

    async def look() -> RunReport:
        if take_over and (await bench.store.read(lambda db: runs.get(db, run_id))).is_orphaned(bench.clock()):
            await _start(bench, engine, run_id)
        return await run_report(bench, run_id)

    found = await look()
    with anyio.move_on_after(wait_seconds):
        # Followed also where this computer slept longer than the lease: it is driven here all the same.
        while found.status in {"queued", "running"} or engine.is_running(run_id):
            with anyio.move_on_after(PROGRESS_SECONDS):
                if engine.is_running(run_id):
                    await engine.wait(run_id)
                else:
                    # Driven by another process: its end shows in the store only.
                    await anyio.sleep(PROGRESS_SECONDS)
            found = await look()
            if on_progress is not None:
                await on_progress(found)
    return await run_report(bench, run_id)


async def cancel(bench: Workbench, engine: Engine, run_id: str, actor: Actor) -> None:
    """Stop a run, in whichever process it is; one that nobody drives is concluded here, from its journal.

    Whoever drives it is waited for, but not for long: it may still be running, and its report then says so.

    Raises:
        NotFound: if there is no such run.
        Conflict: if it has ended.
    """

    def request(db: Tables) -> None:
        now = bench.clock()
        runs.request_cancel(db, run_id, now=now)
        events.append(
            db,
            ts=now,
            skill=runs.get(db, run_id).skill,
            kind="cancel",
            actor=actor.kind,
            client=actor.client,
            reason=f"run {run_id} cancelled",
            data={"run": run_id},
        )

    await bench.store.write(request)
    await _start(bench, engine, run_id)
    with anyio.move_on_after(CANCEL_SECONDS):
        await engine.wait(run_id)
        # The end of a run that another process drives shows in the store only.
        while (await bench.store.read(lambda db: runs.get(db, run_id))).is_leased(bench.clock()):  # noqa: ASYNC110
            await anyio.sleep(CANCEL_POLL_SECONDS)


async def _resume(bench: Workbench, engine: Engine, request: EvolveRequest) -> str:
    run_id = request.run_id or ""
    run = await bench.store.read(lambda db: runs.get(db, run_id))
    if run.skill != request.skill:
        raise InvalidInput(f"run {run_id} belongs to skill '{run.skill}', not '{request.skill}'")
    if not run.can_go_on:
        how = f"has ended ({run.status})" if run.has_ended else "was cancelled"
        raise Conflict(
            f"run {run_id} {how}: it takes no candidates and cannot go on. Without run_id, evolve_prompt or "
            f"`promptbreeder-mcp evolve {run.skill}` starts a new one; candidates given then become its first "
            "population."
        )
    others = _other_arguments(request, run)
    if others:
        raise InvalidInput(
            f"run {run_id} goes on with the arguments that it began with: {others}. Leave them out to resume it; or "
            f"end it with cancel_run('{run_id}') or `promptbreeder-mcp cancel {run_id}`, and start another with them, "
            "without run_id."
        )
    if request.candidates:
        await _hand_in(bench, request, run)
    if not engine.is_running(run_id) and not run.is_leased(bench.clock()):
        await _start(bench, engine, run_id)
    return run_id


async def _start(bench: Workbench, engine: Engine, run_id: str) -> None:
    """Drive the run in this process, unless somebody does or has done."""
    try:
        await engine.start(run_id)
    except Conflict:
        # Somebody was quicker, here or in another process: follow the run with them.
        run = await bench.store.read(lambda db: runs.get(db, run_id))
        if not run.has_ended and not run.is_leased(bench.clock()):
            raise


async def _join(bench: Workbench, engine: Engine, request: EvolveRequest, live: runs.Run) -> str:
    if request_of(live) != request.model_copy(update={"run_id": None, "candidates": ()}):
        status = live.status_at(bench.clock())
        raise Conflict(
            f"run {live.run_id} of '{request.skill}' is {status} with other arguments. Follow it with "
            f"get_run('{live.run_id}') or `promptbreeder-mcp status {live.skill}`, end it with "
            f"cancel_run('{live.run_id}') or `promptbreeder-mcp cancel {live.run_id}`, or join it by evolving with the "
            "same arguments."
        )
    return await _resume(bench, engine, request.model_copy(update={"run_id": live.run_id}))


def _other_arguments(request: EvolveRequest, run: runs.Run) -> str:
    """Return what is asked for otherwise than the run began with; what is left out cannot be told from a default."""
    asked = request.model_dump(exclude={"skill", "candidates", "run_id"}, exclude_defaults=True)
    # A profile that was left out was the strategy's first one, which may as well be named.
    begun = {**request_of(run).model_dump(), "profile": plan_of(run).profile}
    return ", ".join(f"{name} {begun[name]}, not {asked[name]}" for name in asked if asked[name] != begun[name])


async def _hand_in(bench: Workbench, request: EvolveRequest, run: runs.Run) -> None:
    run_id = run.run_id
    # As the run began: its model may not choose among labels, or the skill may have got them since.
    skill = plan_of(run).skill
    prompts = await prompts_of(bench, skill, request.candidates)
    await bench.store.write(
        lambda db: immigrants.add(db, run_id, [p.model_dump_json() for p in prompts], now=bench.clock())
    )
