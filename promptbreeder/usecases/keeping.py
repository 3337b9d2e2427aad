"""What is kept of a run that found something: the winner as a version, with the evidence for it."""

from promptbreeder.runs.journal import GateSide
from promptbreeder.runs.outcome import Outcome
from promptbreeder.runs.plan import Plan
from promptbreeder.skill import Split
from promptbreeder.store import evaluations, versions
from promptbreeder.store import units as stored_units
from promptbreeder.store.evaluations import Evaluation
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.learning import source_of


def keep_winner(db: Tables, run_id: str, plan: Plan, outcome: Outcome, *, judged: Outcome, now: float) -> int | None:
    """Make the winner a version with its evidence; None where there is no winner or the gate says it is not better.

    Where no gate example can judge it, it is kept as it is: another run would end no better, and examples may come.
    The evidence is stored as it was measured (`outcome`), and decided on as far as it still holds (`judged`).
    """
    winner, gated = outcome.winner, outcome.gated
    if winner is None or winner == plan.seeds[0]:
        return None
    valid = judged.gated
    if valid is not None and sum(valid.challenger.scores) <= sum(valid.incumbent.scores):
        return None
    if gated is None and plan.gate_ids and outcome.ended_by != "cancel":
        return None
    measured_on = plan.skill.measured_on(plan.executor)
    prior = gated.challenger.prior if gated is not None else None
    made = stored_units.ancestry(db, run_id).get(winner.content_hash)
    number = versions.add(
        db,
        plan.skill.name,
        winner,
        origin="evolved",
        parents=(plan.incumbent,),
        # What no generation told of was measured before the first was complete.
        operator=source_of(plan, winner)
        or (made["operator"] if made else "candidate" if winner in plan.seeds else "first population"),
        run_id=run_id,
        calibration={"fingerprint": measured_on, "prior": list(prior)} if prior is not None else None,
        now=now,
    )
    if gated is not None:
        for version, prompt, side in (
            (plan.incumbent, plan.seeds[0], gated.incumbent),
            (number, winner, gated.challenger),
        ):
            own = versions.get(db, plan.skill.name, version).prior_on(measured_on)
            if own is not None and own != side.prior:
                # Found before, and it keeps the calibration of then: measured anew when it is asked for.
                continue
            _put_evidence(
                db,
                Evaluation(
                    skill=plan.skill.name,
                    version=version,
                    split=Split.GATE,
                    decoding=prompt.decoding,
                    fingerprint=measured_on,
                    scores=side.scores,
                    example_ids=plan.gate_ids[: len(side.scores)],
                    fresh_tokens=side.fresh_tokens,
                    completion_tokens=side.completion_tokens,
                    unparsable=side.unparsable,
                    created_at=now,
                    unparsable_ids=_unparsable_ids(plan, side),
                ),
            )
    return number


def _unparsable_ids(plan: Plan, side: GateSide) -> tuple[int, ...] | None:
    if side.parsed is None:
        return None
    # Shorter than the plan's ids where the budget ended first.
    return tuple(number for number, parsed in zip(plan.gate_ids, side.parsed, strict=False) if not parsed)


def _put_evidence(db: Tables, found: Evaluation) -> None:
    """Store a measurement, unless a stored one is of the same examples and more: a gate may have been cut short."""
    known = evaluations.latest(
        db, found.skill, found.version, found.split, decoding=found.decoding, fingerprint=found.fingerprint
    )
    if known is None or not set(found.example_ids) < set(known.example_ids):
        evaluations.put(db, found)
