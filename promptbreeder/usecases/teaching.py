"""What the finished runs of other skills teach a run that begins: its first candidates, and its operators' priors.

All of it is frozen in the run's plan, so that what others learn in the meantime changes nothing when it is resumed.
"""

from random import Random
from statistics import median

from promptbreeder.evolution.credit import Record
from promptbreeder.evolution.lessons import Lesson, Source, Standing, by_patterns, distinct, inherited
from promptbreeder.evolution.patterns import PATTERNS
from promptbreeder.evolution.priors import priors_from
from promptbreeder.results import PatternLine
from promptbreeder.runs.answering import Material
from promptbreeder.runs.blocks import in_blocks
from promptbreeder.runs.plan import Plan
from promptbreeder.skill import Split
from promptbreeder.store import examples, patterns, runs, skills, versions
from promptbreeder.store.patterns import Use
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.desk import task_of
from promptbreeder.usecases.run_facts import operators_of, plan_of
from promptbreeder.usecases.workbench import Workbench

MOST_LESSONS = 4
"""And at most half of a first population: what others found is a start, not the search."""


def taught(db: Tables, plan: Plan, room: int) -> Plan:
    """Return `plan` with what other skills on the same family of models have found out."""
    free = min(MOST_LESSONS, room // 2, room - len(plan.seeds))
    lessons = distinct(_lessons(db, plan), plan.seeds, max(0, free))
    seeds = (*plan.seeds, *(lesson.prompt for lesson in lessons))
    return plan.model_copy(update={"seeds": seeds, "lessons": lessons, "priors": _priors(db, plan)})


async def list_patterns(bench: Workbench) -> tuple[PatternLine, ...]:
    """Return the library: every pattern that a run has tried, with its record, the best first; then all others."""
    uses = await bench.store.read(patterns.latest)
    families = sorted({use.family for use in uses})
    lines = [
        PatternLine(
            pattern=name,
            family=family,
            won=standing.won,
            skills=standing.tried,
            median_gain=standing.gain,
            offered=standing.is_good,
        )
        for family in families
        for name, standing in sorted(
            _standings(uses, family, "").items(), key=lambda entry: entry[1].rank, reverse=True
        )
    ]
    seen = [line.pattern for line in lines]
    return (*lines, *(PatternLine(pattern=name) for name in PATTERNS if name not in seen))


def _lessons(db: Tables, plan: Plan) -> list[Lesson]:
    rng = Random(plan.seed)
    train, search = (
        examples.as_read(plan.skill, examples.by_ids(db, ids)) for ids in (plan.train_ids, plan.search_ids)
    )
    task = task_of(plan, Material(train=train, search=in_blocks(search), gate=()))
    seed = task.seeds[0]
    lessons: list[Lesson] = []
    source = _source(db, plan)
    if source is not None:
        # All of it: what does not judge this run will judge later ones, and must stay unseen.
        gate = [example.input for example in examples.of_split(db, plan.skill.name, Split.GATE)]
        lessons += inherited(seed, source, task, gate, rng)
    standings = _standings(patterns.latest(db), plan.skill.family, plan.skill.name)
    return [*lessons, *by_patterns(seed, standings, task, rng)]


def _source(db: Tables, plan: Plan) -> Source | None:
    """Return the skill that the first run of this one begins with, if it was named."""
    name = plan.skill.inherit_from
    if name is None or runs.has_finished(db, plan.skill.name):
        return None
    texts = [text for e in examples.all_examples(db, name) for text in (e.input, e.expected) if text]
    return Source(name, versions.production(db, name).prompt, skills.get(db, name).labels, tuple(texts))


def _priors(db: Tables, plan: Plan) -> dict[str, Record]:
    found: dict[str, dict[str, Record]] = {}
    for run in runs.finished(db):
        if run.skill == plan.skill.name:
            continue
        if plan_of(run).skill.family != plan.skill.family:
            continue
        known = found.setdefault(run.skill, {})
        for name, record in operators_of(run).items():
            known[name] = known.get(name, Record()) + record
    return priors_from(found[name] for name in sorted(found))


def _standings(uses: tuple[Use, ...], family: str, reader: str) -> dict[str, Standing]:
    """Return the record of each pattern on the skills of a family, but of those that `reader` has tried by itself."""
    standings: dict[str, Standing] = {}
    for name in PATTERNS:
        found = [use for use in uses if (use.pattern, use.family) == (name, family)]
        gains = [use.gain for use in found if use.gain is not None]
        if found and all(use.skill != reader for use in found):
            standings[name] = Standing(sum(use.won for use in found), len(found), median(gains) if gains else None)
    return standings
