"""Judge a version against production: what is known of it, and whether it may be promoted."""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter

from promptbreeder.errors import InvalidInput, ModelError
from promptbreeder.evaluation.fitness import latency_seconds
from promptbreeder.lifecycle.gate import accuracy_of, compare, uses_since_renewal
from promptbreeder.lifecycle.promotion import (
    Bar,
    Cost,
    Readiness,
    Votes,
    readiness,
    readiness_by_votes,
    without_gate,
)
from promptbreeder.models.base import Rates
from promptbreeder.prompt import Decoding
from promptbreeder.results import NO_GATE_EXAMPLE, Evidence, Fitness, VersionFitness, VoteTest
from promptbreeder.skill import Skill
from promptbreeder.store import duels, evaluations, events, examples, runs, skills, versions
from promptbreeder.store.evaluations import Evaluation
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.suspicion import flags_of
from promptbreeder.text import as_seen
from promptbreeder.usecases.ab_tests import answered_by_now, evidence, vote_test
from promptbreeder.usecases.guarding import forbidden
from promptbreeder.usecases.measuring import fitness_parts, gate_evaluation, stored_gate_accuracy
from promptbreeder.usecases.reporting import inherited_of, search_score_of
from promptbreeder.usecases.skills import list_skills
from promptbreeder.usecases.witnesses import Witnesses, witnesses
from promptbreeder.usecases.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a version beside production."""

    found: Readiness
    votes: VoteTest
    gate_uses: int
    left_out: int = 0
    """Gate examples that say nothing here: from answers of one of the two or its parents, or shown in its prompt."""

    @property
    def evidence(self) -> Evidence:
        """The verdict and what it rests on, as it is told and recorded."""
        found, gate = self.found, self.found.gate
        return Evidence(
            verdict=found.verdict,
            better=None if gate is None else gate.better,
            worse=None if gate is None else gate.worse,
            difference=None if gate is None else gate.difference,
            gate_e=None if gate is None else gate.e,
            mcnemar_p=None if gate is None else gate.mcnemar_p,
            left_out=self.left_out,
            gate_uses=self.gate_uses,
            votes=self.votes,
            product=found.product,
            more_gate_examples=found.more_gate_examples,
            more_votes=found.more_votes,
        )


async def judge(bench: Workbench, skill: Skill, version: Version, production: Version) -> Judgement:
    """Return whether `version` may take the place of `production`; what was never measured is measured now.

    Raises:
        ModelError: if the skill's model cannot be had.
    """
    on = await answered_by_now(bench, skill)

    def look(db: Tables) -> tuple[VoteTest, Votes, Witnesses, int]:
        votes = duels.counting(db, skill.name, on)
        test = vote_test(
            db,
            skill,
            votes,
            candidate=version.n,
            incumbent=production.n,
            production=production.n,
            now=bench.clock(),
        )
        fair = witnesses(db, skill.name, version.n, production.n)
        gate = {as_seen(example.input) for example in fair.examples}
        cast = evidence(db, skill, votes, version.n, production.n)
        left_out = len(duels.between(votes, version.n, production.n)) - len(cast)
        twice = duels.tally(
            (vote for text, vote in cast.items() if text in gate), challenger=version.n, incumbent=production.n
        )
        told = Votes(test.wins, test.losses, test.ties, twice.total.wins, twice.total.losses, left_out=left_out)
        return test, told, fair, gate_uses(db, skill, version, fair)

    test, cast, fair, uses = await bench.store.read(look)
    if skill.metric == "preference":
        return Judgement(readiness_by_votes(Votes(test.wins, test.losses, test.ties)), test, 0)
    ours = await gate_evaluation(bench, skill, version, beside=production)
    theirs = await gate_evaluation(bench, skill, production, beside=version)
    compared = compare(*evaluations.paired(ours, theirs), fair.left_out)
    if compared is None:
        return Judgement(without_gate(cast, fair.left_out), test, uses, fair.left_out)
    rates = await (await bench.model(skill.model)).rates()
    settings = skill.settings
    bar = Bar(
        settings.latency_limit_seconds,
        min_improvement=settings.min_improvement,
        token_limit=settings.token_limit,
        min_accuracy=settings.min_accuracy,
    )
    found = readiness(
        compared, cast, bar, cost=cost_of(ours, rates), incumbent_cost=cost_of(theirs, rates), gate_uses=uses
    )
    return Judgement(found, test, uses, fair.left_out)


def gate_uses(db: Tables, skill: Skill, version: Version, fair: Witnesses) -> int:
    """Return how many candidates met the gate before `version` did, since the gate was last renewed.

    They met it at the end of a run, or when somebody asked how they do. Examples that say nothing of the version do
    not renew the gate for this comparison: only `fair` ones do. Nor does an input with another answer.
    """
    identity = examples.identities(db, skill.name)

    def inputs(ids: Iterable[int]) -> frozenset[str | int]:
        return frozenset(identity[number] for number in ids)

    ended = runs.met_gate(db, skill.name)
    own_runs = {run.run_id for run in ended}
    by_run = itertools.takewhile(lambda run: run.run_id != version.run_id, ended)
    past = [(run.created_at, inputs(json.loads(run.config)["plan"]["gate_ids"])) for run in by_run]
    asked = itertools.takewhile(lambda other: other.version != version.n, evaluations.met_gate(db, skill.name))
    # What came into production unjudged was measured for what was compared with it.
    else_counted = {*events.entered_unjudged(db, skill.name), *versions.made_by(db, skill.name, own_runs)}
    past += [(other.created_at, inputs(other.example_ids)) for other in asked if other.version not in else_counted]
    return uses_since_renewal([used for _, used in sorted(past, key=itemgetter(0))], inputs(fair.ids))


def cost_of(evaluation: Evaluation, rates: Rates) -> Cost:
    """Return what the answers of an evaluation took."""
    n = max(1, len(evaluation.scores))
    fresh, written = evaluation.fresh_tokens / n, evaluation.completion_tokens / n
    return Cost(latency_seconds(fresh, written, rates), fresh + written, evaluation.unparsable)


async def get_fitness(bench: Workbench, name: str | None, number: int | None, *, measuring: bool = True) -> Fitness:
    """Return one line a skill, or all that is known of one version; what was never measured is measured now.

    Without the skill's model, or without `measuring`, what was measured before is all that is known.

    Raises:
        InvalidInput: for a version of no skill.
        NotFound: if there is no such skill or version.
        ModelError: if the skill's model cannot be had, and the version was never measured.
    """
    if name is None:
        if number is not None:
            raise InvalidInput(f"which skill's version {number}? Name the skill, or leave the version out to see all")
        return Fitness(skills=await list_skills(bench))

    def look(db: Tables) -> tuple[Skill, Version, Version]:
        production = versions.production(db, name)
        return skills.get(db, name), production, production if number is None else versions.get(db, name, number)

    skill, production, version = await bench.store.read(look)
    on = await answered_by_now(bench, skill)
    won, lost = await bench.store.read(lambda db: duels.record(duels.counting(db, name, on), version.n))
    try:
        judged, verdict, measured = await (
            _looked_into(bench, skill, version, production)
            if measuring
            else _known_before(bench, version, production, f"get_fitness('{name}') measures and shows the rest")
        )
    except ModelError as error:
        judged, verdict, measured = await _known_before(bench, version, production, str(error).rstrip("."))
        if measured["gate"] is None:
            raise
    known = VersionFitness(
        skill=name,
        version=version.n,
        production=version.n == production.n,
        decoding=version.prompt.decoding,
        votes={"won": won, "lost": lost},
        gate=None,
        verdict=f"Judged by votes alone. {verdict}" if skill.metric == "preference" else verdict,
        evidence=None if judged is None else judged.evidence,
        flags=tuple(map(str, flags_of(version.prompt))),
    )
    return Fitness(version=known.model_copy(update=measured))


_Found = tuple[Judgement | None, str, dict[str, object]]
"""The judgement on a version, the verdict in words, and what was measured."""


async def _looked_into(bench: Workbench, skill: Skill, version: Version, production: Version) -> _Found:
    """Return all that can be said of a version; what was never measured is measured now."""
    judged, verdict = None, "In production."
    if version.n != production.n:
        judged = await judge(bench, skill, version, production)
        verdict = " ".join(filter(None, (judged.found.sentence, forbidden(skill, version))))
    if skill.metric == "preference":
        return judged, verdict, {}
    measured = await _measured(bench, skill, version, production)
    if judged is None and measured["gate"] is None:
        # Of any other version the verdict says so already.
        verdict = f"{verdict} Not measured: {NO_GATE_EXAMPLE}."
    return judged, verdict, measured


async def _known_before(bench: Workbench, version: Version, production: Version, why: str) -> _Found:
    """Return what is stored of a version, with `why` it is no more."""
    state = "In production" if version.n == production.n else "Not judged"
    measured = await bench.store.read(lambda db: _stored(db, version, production))
    return None, f"{state}; only what was measured before is shown: {why}.", measured


async def _measured(bench: Workbench, skill: Skill, version: Version, production: Version) -> dict[str, object]:
    # Side by side, and so on the examples that the verdict rests on.
    evaluation = await gate_evaluation(bench, skill, version, beside=production)
    free = await gate_evaluation(bench, skill, version, Decoding.FREE, beside=production)
    theirs = await gate_evaluation(bench, skill, production, beside=version)
    known: dict[str, object] = {
        **await bench.store.read(lambda db: _stored(db, version, production)),
        "gate": accuracy_of(evaluation.scores),
        "gate_free": accuracy_of(free.scores),
        "production_gate": accuracy_of(theirs.scores),
    }
    if not evaluation.scores:
        # Nothing has no mean: zeros would read like measurements.
        return known
    cost = cost_of(evaluation, await (await bench.model(skill.model)).rates())
    return {
        **known,
        "parts": await fitness_parts(bench, skill, evaluation),
        "tokens": cost.tokens,
        "unparsable": cost.unparsable,
    }


def _stored(db: Tables, version: Version, production: Version) -> dict[str, object]:
    return {
        "gate": stored_gate_accuracy(db, version.skill, version.n),
        "production_gate": stored_gate_accuracy(db, version.skill, production.n),
        "inherited": inherited_of(db, version),
        "search_score": search_score_of(db, version),
    }
