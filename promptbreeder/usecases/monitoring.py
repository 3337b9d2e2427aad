"""The monitor: look at every skill, say what is to be done, and do it for those skills that opted in.

It is no daemon. Whoever is there looks: a server now and then (`monitor_if_due`), or a scheduler (`monitor`), one
process at a time by a lease. Where neither the fingerprint nor the outcomes changed since the last look, no model is
called.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace

import anyio

from promptbreeder.errors import InvalidInput, ModelError
from promptbreeder.lifecycle.drift import Decision, Fall, Target, decide, exit_code, state_after, summary
from promptbreeder.results import DriftState, MonitorReport, Recheck, SkillCheck
from promptbreeder.runs.engine import Engine
from promptbreeder.skill import Split
from promptbreeder.store import calls, checks, evaluations, events, examples, leases, replies, skills
from promptbreeder.store.checks import Check
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.acting import act, by_itself, go_on
from promptbreeder.usecases.drifting import Standing, evolving_by_hand, standing, told
from promptbreeder.usecases.guarding import forbidden
from promptbreeder.usecases.measuring import gate_evaluation
from promptbreeder.usecases.rechecking import look_again
from promptbreeder.usecases.workbench import Workbench, iso

EVERY_SECONDS = 3_600.0
LEASE_SECONDS = 600.0
"""As long as measuring may take. Whoever takes longer is overtaken, which costs measurements and nothing else: what
changes something compares and swaps."""
_LEASE = "monitor"


async def monitor_if_due(bench: Workbench, engine: Engine) -> MonitorReport | None:
    """Check all skills if an hour has passed since the last time or an outcome came; None where neither is so.

    Loads no model only to see whether it has changed.
    """
    now = bench.clock()
    if not await bench.store.read(lambda db: checks.is_due(db, now=now, every=EVERY_SECONDS)):
        return None
    return await monitor(bench, engine, open_models=False)


async def monitor(bench: Workbench, engine: Engine, *, open_models: bool = True) -> MonitorReport:
    """Check all skills now; while another process does so, tell what it saw last."""
    owner = secrets.token_hex(8)
    if not await bench.store.write(
        lambda db: leases.take(db, _LEASE, owner=owner, now=bench.clock(), seconds=LEASE_SECONDS)
    ):
        return (await last_looks(bench)).model_copy(update={"note": "Another process is checking just now."})
    try:
        await bench.store.write(lambda db: _tidy(db, now=bench.clock()))
        names = [skill.name for skill in await bench.store.read(skills.all_skills)]
        return _report([await _check(bench, engine, name, open_models=open_models) for name in names])
    finally:
        with anyio.CancelScope(shield=True):
            await bench.store.write(lambda db: leases.release(db, _LEASE, owner=owner))


def _tidy(db: Tables, *, now: float) -> None:
    """Keep what `run_skill` leaves behind from growing without end."""
    calls.drop_old(db, now=now)
    replies.evict(db)


async def last_looks(bench: Workbench) -> MonitorReport:
    """Return how the skills stand and what the monitor last said of them; nothing is measured or done."""
    now = bench.clock()

    def look(db: Tables) -> list[SkillCheck]:
        return [_as_last_seen(standing(db, skill.name, now)) for skill in skills.all_skills(db)]

    return _report(await bench.store.read(look))


def _report(found: list[SkillCheck]) -> MonitorReport:
    return MonitorReport(exit_code=exit_code(check.state for check in found), checks=tuple(found))


def _as_last_seen(stands: Standing) -> SkillCheck:
    drift, check = told(stands), stands.check
    last = "Never checked." if check is None else f"Checked {iso(check.checked_at)}: {check.sentence}"
    return SkillCheck(
        skill=stands.skill.name,
        production=stands.production.n,
        state=drift.state,
        action="none",
        acted=False,
        sentence=f"{drift.sentence} {last}",
        drift=drift,
        checked_at=None if check is None else iso(check.checked_at),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A skill as this check sees it."""

    stands: Standing
    model: str | None
    """The model's fingerprint, where it was looked at."""
    digest: str
    """Of all that a check depends on besides outcomes."""
    unchanged: bool
    recheck: Recheck | None
    fall: Fall
    """What the re-check shows."""
    trouble: str
    """Why the model could not be asked."""

    @property
    def state(self) -> DriftState:
        """What outcomes and re-check say together."""
        return state_after(self.stands.reading, self.fall)


async def _check(bench: Workbench, engine: Engine, name: str, *, open_models: bool) -> SkillCheck:
    now = bench.clock()
    seen = await _look(bench, await bench.store.read(lambda db: standing(db, name, now)), open_models=open_models)
    target, trouble = await _target(bench, seen.stands)
    seen = replace(seen, trouble=seen.trouble or trouble)
    started = seen.stands.check.evolution_started if seen.stands.check is not None else None
    decision = decide(
        seen.stands.reading,
        target=target,
        unchanged=seen.unchanged,
        last_evolution_started=started,
        now=now,
        fall=seen.fall,
    )
    check = SkillCheck(
        skill=name,
        production=seen.stands.production.n,
        state=seen.state,
        action=decision.action,
        acted=False,
        sentence=_sentence(seen, decision),
        drift=told(seen.stands),
        recheck=seen.recheck,
        checked_at=iso(now),
    )
    # Remembered before anything is done: whoever is killed meanwhile has looked.
    if await bench.store.write(lambda db: _note(db, seen, check, now)):
        bench.changed("history", name)
    acted, stands = await go_on(bench, engine, seen.stands, check)
    # A run that goes on is the evolution that is due. It says nothing against a rollback.
    if decision.action == "roll back" or (decision.action == "evolve" and acted.run_id is None):
        acted = await act(bench, engine, stands, decision, acted)
    if acted is check:
        return check
    await bench.store.write(lambda db: _remember(db, seen, acted, now))
    return acted


async def _look(bench: Workbench, stands: Standing, *, open_models: bool) -> _Seen:
    """Look at the model, and measure production anew if it is not the one that production was measured on."""
    skill, last = stands.skill, stands.check
    fall: Fall = "none"
    model, trouble, recheck = None, "", None
    if open_models or bench.has_open(skill.model):
        try:
            model = (await bench.model(skill.model)).fingerprint
            recheck, fall = await look_again(bench, stands, model)
        except (InvalidInput, ModelError) as error:
            trouble = str(error)
    model = model or (last.model if last is not None else None)
    gate = await bench.store.read(lambda db: examples.in_use(db, skill.name, Split.GATE))
    parts = (model, skill.judged, stands.production.n, stands.production.content_hash, sorted(gate))
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()
    unchanged = last is not None and (last.seen, last.last_outcome) == (digest, stands.last_outcome)
    return _Seen(stands, model, digest, unchanged=unchanged, recheck=recheck, fall=fall, trouble=trouble)


async def _target(bench: Workbench, stands: Standing) -> tuple[Target, str]:
    """Return how the version before does now beside production, measured where new, and what stood in the way.

    Examples that came from answers of either or its parents are left out: complaints would speak for a rollback a
    second time.

    Asked only where it matters: a version that is not failing is not rolled back.
    """
    if stands.reading.state != "failing" or stands.before is None or stands.skill.metric == "preference":
        return "none", ""
    if forbidden(stands.skill, stands.before):
        return "none", ""
    try:
        before = await gate_evaluation(bench, stands.skill, stands.before, beside=stands.production)
        production = await gate_evaluation(bench, stands.skill, stands.production, beside=stands.before)
    except (InvalidInput, ModelError) as error:
        return "none", str(error)
    theirs, ours = evaluations.paired(before, production)
    if not theirs:
        return "none", ""
    return ("not worse" if sum(theirs) >= sum(ours) else "worse"), ""


def _sentence(seen: _Seen, decision: Decision) -> str:
    parts = [decision.sentence]
    if decision.action == "skipped":
        by_outcomes = seen.state == seen.stands.reading.state
        now = told(seen.stands).sentence if by_outcomes else f"{summary(seen.stands.reading, seen.fall)}."
        parts = [f"Skipped: unchanged. {now}"]
    if seen.recheck is not None:
        parts.append(f"{seen.recheck.sentence}.")
        if seen.fall == "new" and decision.action != "evolve":
            parts.append(f"{evolving_by_hand(seen.stands.skill.name)} looks for a prompt that suits the model of now.")
    before = seen.stands.before
    if seen.stands.reading.state == "failing" and before is not None and (why := forbidden(seen.stands.skill, before)):
        parts.append(f"The monitor does not go back: {why}")
    if seen.trouble:
        parts.append(f"The model could not be asked: {seen.trouble}")
    return " ".join(parts)


def _note(db: Tables, seen: _Seen, check: SkillCheck, now: float) -> bool:
    """Remember the look; the history hears of it when there is something to say, and another than last time."""
    last, actor = seen.stands.check, by_itself()
    is_news = check.state not in {"not enough data", "ok" if last is None else last.state}
    if is_news:
        events.append(
            db,
            ts=now,
            skill=check.skill,
            kind="drift",
            actor=actor.kind,
            client=actor.client,
            reason=f"version {check.production} is {check.state}: {check.drift.right} of {check.drift.n} right, seen",
            after=check.production,
            data={"state": check.state, "right": check.drift.right, "n": check.drift.n},
        )
    _remember(db, seen, check, now)
    return is_news


def _remember(db: Tables, seen: _Seen, check: SkillCheck, now: float) -> None:
    checks.put(
        db,
        Check(
            skill=check.skill,
            checked_at=now,
            model=seen.model,
            seen=seen.digest,
            last_outcome=seen.stands.last_outcome,
            state=check.state,
            action=check.action,
            sentence=check.sentence,
        ),
    )
