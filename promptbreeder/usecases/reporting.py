"""What is said of a run while it goes on and when it has ended."""

from promptbreeder.lifecycle.gate import accuracy_of, examples_for, paired, told_left_out
from promptbreeder.requests import BUDGET_TOKENS, MAX_SEED
from promptbreeder.results import BestSoFar, RunReport, RunStatus
from promptbreeder.runs.outcome import Outcome
from promptbreeder.runs.plan import Plan
from promptbreeder.skill import MIN_GATE_EXAMPLES
from promptbreeder.store import runs, skills, versions
from promptbreeder.store import units as stored_units
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.suspicion import flags_of, told
from promptbreeder.usecases.handed_in import candidates_of
from promptbreeder.usecases.learning import offered
from promptbreeder.usecases.run_facts import SHOWN_CHARACTERS, RunProgress, RunResult, plan_of, request_of
from promptbreeder.usecases.workbench import Workbench

WEAK_WRITER_SHARE = 0.75
"""With more of its texts rejected than this, the writer is said to be the limit."""
WEAK_WRITER_TEXTS = 20
MAX_LINEAGE = 8
NOT_REPLAYED = (
    "The run was cancelled, and no version was made: its journal cannot be replayed, since the program or the run's "
    "examples changed. Give what it found to a new run as a candidate, if it is worth keeping."
)


def inherited_of(db: Tables, version: Version) -> str:
    """Return what the run that made a version had taken over from other skills; empty where it had nothing."""
    run = runs.get(db, version.run_id) if version.run_id is not None else None
    return "" if run is None or run.result is None else RunResult.model_validate_json(run.result).inherited


def search_score_of(db: Tables, version: Version) -> float | None:
    """Return the accuracy on the search split with which a version left its run; None for one that no run made."""
    run = runs.get(db, version.run_id) if version.run_id is not None else None
    if run is None or run.result is None:
        return None
    result = RunResult.model_validate_json(run.result)
    return result.search_score if result.version == version.n else None


async def run_report(bench: Workbench, run_id: str) -> RunReport:
    """Return the state of a run.

    Raises:
        NotFound: if there is no such run.
    """
    now = bench.clock()
    return await bench.store.read(lambda db: _report_of(db, runs.get(db, run_id), now))


async def recent(bench: Workbench, skill: str | None) -> tuple[RunReport, ...]:
    """Return the latest runs, newest first; of one skill or of all."""
    now = bench.clock()

    def look(db: Tables) -> tuple[RunReport, ...]:
        if skill is not None:
            skills.get(db, skill)
        return tuple(_report_of(db, run, now) for run in runs.recent(db, skill))

    return await bench.store.read(look)


async def lineage(bench: Workbench, run_id: str) -> tuple[str, ...]:
    """Return how the winner of a run came about, a line a step, oldest ancestor first."""

    def look(db: Tables) -> tuple[str, ...]:
        run = runs.get(db, run_id)
        number = RunResult.model_validate_json(run.result).version if run.result else None
        if number is None:
            return ()
        units = stored_units.ancestry(db, run_id)
        digest = versions.get(db, run.skill, number).content_hash
        lines: list[str] = []
        while digest in units and len(lines) < MAX_LINEAGE:
            unit = units.pop(digest)
            text = " ".join(unit["instruction"].split())
            shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
            lines.append(f"generation {unit['generation']}, {unit['operator']}: {shown}")
            digest = unit["parents"][0] if unit["parents"] else ""
        return tuple(reversed(lines))

    return await bench.store.read(look)


def _report_of(db: Tables, run: runs.Run, now: float) -> RunReport:
    status = run.status_at(now)
    plan = plan_of(run)
    progress = RunProgress.model_validate_json(run.progress) if run.progress else RunProgress()
    result = RunResult.model_validate_json(run.result) if run.result else None
    used = progress.usage
    best = None
    if progress.best is not None and progress.best_accuracy is not None:
        best = BestSoFar(
            prompt=progress.best.instruction,
            search_score=progress.best_accuracy,
            decoding=progress.best.decoding,
            demonstrations=len(progress.best.demonstrations),
            second_instruction=progress.best.second_instruction,
        )
    return RunReport(
        run_id=run.run_id,
        skill=run.skill,
        status=status,
        strategy=plan.strategy,
        generation=progress.generation,
        generations=progress.generations,
        best=best,
        baseline=progress.baseline,
        version=result.version if result else None,
        verdict=_sentences(result.verdict if result else _stopped(run, status), _writer_note(progress)),
        calls=used.calls,
        tokens=used.tokens,
        budget_tokens=plan.token_limit,
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        cache_hits=used.cache_hits,
        seconds=round(progress.seconds, 1),
        eta_seconds=None if run.cancel_requested else _eta(status, progress, plan.token_limit),
        rejected=progress.rejected,
        inherited=result.inherited if result else offered(plan),
        likelihood_agreement=None if progress.agreement is None else round(progress.agreement, 2),
        candidates=candidates_of(db, run),
        retry=_retry(run, result),
        next_step=_next_step(run, plan, status, result),
    )


def verdict_of(plan: Plan, outcome: Outcome, version: int | None) -> str:
    """Return in one or two sentences what a run found, or why it found nothing."""
    advice = "" if outcome.ended_by == "cancel" else "; give it a larger budget"
    if advice and outcome.enough_tokens > plan.token_limit:
        advice += f", about {min(outcome.enough_tokens, BUDGET_TOKENS[1]):,} tokens"
    if outcome.winner is None or outcome.score is None or outcome.baseline is None:
        return f"Nothing was measured in full before the run ended{advice}. {_ended(outcome)}"
    if outcome.winner == plan.seeds[0]:
        found = (
            f"No candidate was measured on the whole search split{advice}."
            if outcome.undecided
            else f"No improvement found: no candidate did better on the search split than the production prompt "
            f"({outcome.baseline.accuracy:.2f})."
        )
        return f"{found} {_ended(outcome)}"
    search = f"{outcome.baseline.accuracy:.2f} -> {outcome.score.accuracy:.2f} on the search split (optimistic)"
    if outcome.gated is None or not outcome.gated.challenger.scores:
        if version is None:
            why = "the budget ended before the gate could be measured (give it a larger budget), or all of the gate's "
            why += "examples were changed in the meantime"
            return f"A candidate was ahead ({search}), but {why}."
        why = "it has not been measured on the gate split"
        if not plan.gate_ids:
            none = told_left_out(plan.gate_left_out) or "there is none"
            why = f"no gate example can judge it ({none})"
        return f"Version {version} was ahead ({search}); {why}. {_ended(outcome)}"
    compared = paired(outcome.gated.challenger.scores, outcome.gated.incumbent.scores)
    before, after = (accuracy_of(side.scores) for side in (outcome.gated.incumbent, outcome.gated.challenger))
    facts = f"gate accuracy {before} -> {after}; {compared.better} better, {compared.worse} worse"
    if plan.gate_left_out:
        facts += f" ({told_left_out(plan.gate_left_out)})"
    if version is None:
        return f"No improvement found: the best candidate ({search}) did not hold on the gate split: {facts}."
    flagged = told(flags_of(outcome.winner))
    asks = f" {flagged} Promoting it asks for force." if flagged else ""
    return f"Version {version} is better: {facts}. {_ended(outcome)}{asks}"


def cut_short(plan: Plan, outcome: Outcome | None, version: int | None) -> str:
    """Return for how much of the search and the gate split a run's budget was enough; empty where it was for all.

    Of a gate that nothing was measured on, the verdict tells. `outcome` is as it was measured.
    """
    search = ""
    if plan.search_left_out:
        used = len(plan.search_ids)
        search = (
            f" The search measured on {used} of {used + plan.search_left_out} search examples, as its budget allows."
        )
    measured = 0 if outcome is None or outcome.gated is None else len(outcome.gated.challenger.scores)
    if measured in {0, len(plan.gate_ids)}:
        return search
    rest = "a larger budget" if version is None else f"get_fitness('{plan.skill.name}', {version})"
    return (
        f"{search} The budget ended within the gate: {measured} of its {len(plan.gate_ids)} examples were measured, "
        f"and {rest} measures the rest."
    )


def not_begun(plan: Plan, outcome: Outcome | None) -> str:
    """Return that a run ended before its strategy came to a first population, since another went first; or nothing."""
    if outcome is None or outcome.begun:
        return ""
    advice = " Give it a larger budget, or leave seed_with out." if outcome.ended_by == "budget" else ""
    return f" {plan.seed_with} went first, and {plan.strategy} did not come to a first population.{advice}"


def lacked_budget(plan: Plan, outcome: Outcome, version: int | None) -> bool:
    """Tell whether a larger budget is what a run without a new version needs; `outcome` is as it was measured."""
    if version is not None or outcome.ended_by in {"cancel", "time"}:
        return False
    if outcome.winner is None:
        return True
    if outcome.winner == plan.seeds[0]:
        return outcome.undecided or not outcome.begun
    return bool(plan.gate_ids) and (outcome.gated is None or not outcome.gated.challenger.scores)


def _ended(outcome: Outcome) -> str:
    return {
        "strategy": "The search ran to its end.",
        "budget": "The search ended with its budget.",
        "time": "The search ended with its time limit.",
        "cancel": "The run was cancelled.",
    }[outcome.ended_by]


def _writer_note(progress: RunProgress) -> str:
    rejected = sum(progress.rejected.values())
    if progress.written < WEAK_WRITER_TEXTS or rejected < WEAK_WRITER_SHARE * progress.written:
        return ""
    return (
        f"The writer yielded little: {rejected} of {progress.written} texts were rejected. A larger local writer "
        "(PROMPTBREEDER_WRITER) or candidates of your own (evolve_prompt(candidates=[...]), or `evolve "
        "--candidate`) would help; get_run(run_id, brief=true) says what they need to do."
    )


def _sentences(*parts: str) -> str:
    *heads, last = [part for part in parts if part] or [""]
    return " ".join([*(head if head.endswith(".") else f"{head}." for head in heads), last])


def _stopped(run: runs.Run, status: RunStatus) -> str:
    """Return why a run without a result does not go on, or soon will not; empty for one that does."""
    if status in {"queued", "running"} and run.cancel_requested:
        return "Cancellation was requested; the process that drives it has yet to stop."
    if status == "cancelled" and not run.has_ended:
        return "What it found is not kept yet: the process that drove it ended before it could. Cancel it once more."
    if status == "paused" and run.status != "paused":
        return "The process that drove it is gone."
    return run.error or ""


def _eta(status: RunStatus, progress: RunProgress, limit: int) -> float | None:
    if status != "running" or progress.usage.tokens == 0:
        return None
    return round(progress.seconds / progress.usage.tokens * max(0, limit - progress.usage.tokens), 0)


def _retry(run: runs.Run, result: RunResult | None) -> dict[str, str | int]:
    """Return how to try once more after a run that brought nothing; a strategy is not dropped by a new seed."""
    if not run.has_ended or (result is not None and result.version is not None):
        return {}
    given = request_of(run)
    budget = given.budget_tokens
    if result is not None and result.lacked_budget:
        budget = min(result.enough_tokens if result.enough_tokens > budget else 2 * budget, BUDGET_TOKENS[1])
    again = given.model_copy(update={"seed": (given.seed + 1) % (MAX_SEED + 1), "budget_tokens": budget})
    return again.model_dump(exclude={"skill"}, exclude_defaults=True)


def _next_step(run: runs.Run, plan: Plan, status: RunStatus, result: RunResult | None) -> str:
    skill, run_id = run.skill, run.run_id
    if status in {"queued", "running"}:
        stop = "" if run.cancel_requested else f", cancel_run('{run_id}') to stop it"
        return f"get_run('{run_id}') to follow it{stop}."
    if status == "paused":
        return f"evolve_prompt(skill='{skill}', run_id='{run_id}') resumes it where it stopped."
    if status == "failed":
        return f"{_call_again(run, result)} starts a new run."
    if not run.has_ended:
        return f"cancel_run('{run_id}') keeps its best prompt as a version, where it is ahead."
    if result is not None and result.version is not None:
        return _next_with(skill, result.version, judged=bool(plan.gate_ids))
    return f"{_call_again(run, result)} tries again; also a larger budget_tokens, your own candidates or more examples."


def _next_with(skill: str, version: int, *, judged: bool) -> str:
    if not judged:
        return (
            f"Version {version} waits for gate examples: add about {examples_for(MIN_GATE_EXAMPLES)} examples with "
            f"define_skill, then get_fitness('{skill}', {version}) judges it. Meanwhile compare_prompts('{skill}', "
            f"b={version}) judges by taste; its votes count then too."
        )
    return (
        f"get_fitness('{skill}', {version}) for the evidence, compare_prompts('{skill}', b={version}) to judge by "
        f"taste, promote('{skill}', {version}, reason=...) to use it."
    )


def _call_again(run: runs.Run, result: RunResult | None) -> str:
    given = "".join(f", {name}={value!r}" for name, value in _retry(run, result).items())
    return f"evolve_prompt(skill='{run.skill}'{given})"
