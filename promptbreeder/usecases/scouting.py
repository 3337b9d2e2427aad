"""Headroom check: is evolving a skill worth it? Measured when asked for, and kept."""

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.metrics import metric_of
from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.headroom import cheap_variants
from promptbreeder.evolution.variant import Variant
from promptbreeder.lifecycle.headroom import AS_IT_IS, DECODING, Check, Tried
from promptbreeder.prompt import Decoding
from promptbreeder.results import Fitness, Headroom
from promptbreeder.skill import MIN_SEARCH_EXAMPLES, Skill, Split
from promptbreeder.store import examples, headroom, skills, versions
from promptbreeder.store.examples import StoredExample
from promptbreeder.store.headroom import Checked
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.usecases.measuring import measure
from promptbreeder.usecases.workbench import Workbench

ITEMS = 40
UNCHECKED = (
    "Headroom: not checked; get_fitness(skill='{skill}', headroom=true), or `promptbreeder-mcp headroom {skill}`, says "
    "within a minute whether evolving is worth it."
)


async def check_headroom(bench: Workbench, name: str) -> Headroom:
    """Try cheap variants of the production prompt on search examples until it is clear; keep and return what was found.

    Raises:
        InvalidInput: for a skill without expected answers, or with too few search examples.
        ModelError: if the skill's model cannot be had.
    """

    def look(db: Tables) -> tuple[Skill, Version, tuple[StoredExample, ...], tuple[StoredExample, ...]]:
        train, search = (examples.of_split(db, name, split) for split in (Split.TRAIN, Split.SEARCH))
        return skills.get(db, name), versions.production(db, name), train, search[:ITEMS]

    skill, version, train, items = await bench.store.read(look)
    metric_of(skill)
    if len(items) < MIN_SEARCH_EXAMPLES:
        raise InvalidInput(
            f"'{name}' has {len(items)} search examples, and a headroom check needs {MIN_SEARCH_EXAMPLES}: add some "
            "with define_skill or `promptbreeder-mcp import` (three in ten become search examples)"
        )
    model = await bench.model(skill.model)
    decodings = skill.decodings if model.limits.choose else (Decoding.FREE,)
    variants = cheap_variants(version.prompt, _task(skill, version, train, decodings))
    decoded = [variant for variant in variants if variant.operator == DECODING]
    others = [[variant] for variant in variants if variant.operator != DECODING]
    check = Check(
        skill=name,
        version=version.n,
        expected=tuple(example.expected or "" for example in examples.as_read(skill, items)),
        labels=skill.labels,
        planned=len(variants),
        tried=(await _tried(bench, skill, Variant(AS_IT_IS, version.prompt), items),),
    )
    # Ways of decoding go together: they share what the model computes, and label bias shows in their difference.
    for batch in (decoded, *others):
        if check.is_clear:
            break
        check = check.with_tried([await _tried(bench, skill, variant, items) for variant in batch])
    found = check.result
    checked = Checked(
        skill=name,
        version=version.n,
        fingerprint=skill.measured_on(model.fingerprint),
        example_ids=tuple(example.id for example in items),
        body=found.model_dump_json(),
        created_at=bench.clock(),
    )
    await bench.store.write(lambda db: headroom.put(db, checked))
    return found


async def known_headroom(bench: Workbench, name: str) -> Headroom | None:
    """Return the last check of a skill if it is of today's production version, model, rules and examples."""

    def look(db: Tables) -> tuple[Skill, Checked | None, int, tuple[StoredExample, ...]]:
        search = examples.of_split(db, name, Split.SEARCH)
        return skills.get(db, name), headroom.get(db, name), versions.production(db, name).n, search[:ITEMS]

    skill, checked, production, items = await bench.store.read(look)
    if checked is None or checked.version != production or checked.example_ids != tuple(e.id for e in items):
        return None
    measured_on = skill.measured_on((await bench.model(skill.model)).fingerprint)
    return Headroom.model_validate_json(checked.body) if checked.fingerprint == measured_on else None


async def check_production(bench: Workbench, name: str | None, number: int | None) -> None:
    """Check the headroom of a skill whose production version may be named as well.

    Raises:
        InvalidInput: if no skill or another version is named; else as `check_headroom`.
        ModelError: if the skill's model cannot be had.
    """
    production = None if name is None else (await bench.store.read(lambda db: versions.production(db, name))).n
    if name is None or number not in {None, production}:
        raise InvalidInput("headroom is of a skill's production version: name the skill, and no other version")
    await check_headroom(bench, name)


async def with_headroom(bench: Workbench, found: Fitness) -> Fitness:
    """Return a fitness with what the last headroom check said, where it is of a version in production."""
    version = found.version
    if version is None or not version.production:
        return found
    name = version.skill
    if (await bench.store.read(lambda db: skills.get(db, name))).metric == "preference":
        return found
    known = await known_headroom(bench, name)
    said = str(known) if known else UNCHECKED.format(skill=name)
    return found.model_copy(update={"version": version.model_copy(update={"headroom": said})})


def _task(skill: Skill, version: Version, train: tuple[StoredExample, ...], decodings: tuple[Decoding, ...]) -> Task:
    return Task(
        description=skill.description,
        seeds=(version.prompt,),
        labels=skill.labels,
        decodings=tuple(decoding.value for decoding in decodings),
        train=examples.as_read(skill, train),
        expects_patterns=skill.expects_patterns,
        blocks=1,
        block_size=ITEMS,
    )


async def _tried(bench: Workbench, skill: Skill, variant: Variant, items: tuple[StoredExample, ...]) -> Tried:
    pairs = [(example.input, example.expected or "") for example in items]
    measured = await measure(bench, skill, variant.prompt, pairs, None)
    return Tried(
        what=variant.operator,
        decoding=variant.prompt.decoding,
        scores=measured.scores,
        answers=measured.answers,
        unparsable=measured.unparsable,
    )
