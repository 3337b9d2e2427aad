"""Define skills and extend them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from anyio import to_thread
from pydantic import ValidationError

from promptbreeder.errors import Conflict, InvalidInput, NotFound
from promptbreeder.evaluation.metrics import objection_to
from promptbreeder.prompt import Decoding, Prompt
from promptbreeder.requests import Actor, SkillDefinition, explain
from promptbreeder.results import SkillReport, SplitCounts
from promptbreeder.skill import MIN_SEARCH_EXAMPLES, Example, Settings, Skill
from promptbreeder.store import events, examples, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.text import shortened
from promptbreeder.usecases import warning
from promptbreeder.usecases.redefining import ChangedFields, changed_fields, told_fields
from promptbreeder.usecases.workbench import Workbench


@dataclass(frozen=True, slots=True)
class _Given:
    """What is to be stored with a skill."""

    prompts: tuple[str, ...]
    """The first is today's, the second a variant to compare it with; none: the skill keeps what it has."""
    examples: tuple[Example, ...]
    actor: Actor
    now: float


async def define_skill(
    bench: Workbench, definition: SkillDefinition, actor: Actor, *, must_be_new: bool = False
) -> SkillReport:
    """Create a skill, or add examples and perhaps new prompt versions to an existing one.

    Raises:
        InvalidInput: naming what is wrong; nothing is stored then.
        Conflict: if it `must_be_new` and there is one of that name.
    """
    known, stored = await bench.store.read(lambda db: _known(db, definition.name))
    model = known.model if known is not None else await bench.models.resolve(bench.default_model)
    variants = () if definition.variant is None else (definition.variant,)
    given = _Given((definition.prompt, *variants), definition.examples, actor, bench.clock())
    if len({" ".join(text.split()) for text in given.prompts}) < len(given.prompts):
        raise InvalidInput("the prompt and its variant are the same text, so there is nothing to compare")

    # Before the write, which must be short: whether an answer can be judged by may take its time (see `objection_to`).
    every: list[Example | examples.StoredExample] = [*given.examples, *stored]
    await to_thread.run_sync(check_examples, _skill_of(definition, known, model), every)

    def store(db: Tables) -> SkillReport:
        # Looked up anew: another process may have defined the skill in the meantime.
        known = skills.find(db, definition.name)
        if known is not None and must_be_new:
            raise Conflict(
                f"there is a skill '{known.name}' already; take another name. `promptbreeder-mcp import` adds rows "
                "of examples to it, and the prompt of a skill file of that name as a version. Nothing was stored."
            )
        _check_source(db, definition)
        return _stored(db, known, _skill_of(definition, known, model), given)

    report = await bench.store.write(store)
    bench.changed("skills", definition.name)
    return report


async def add_examples(bench: Workbench, name: str, given: Sequence[Example], actor: Actor) -> SkillReport:
    """Add examples to a skill; its prompts and all else stay.

    Raises:
        NotFound: if there is no such skill.
        InvalidInput: if an example does not fit it; nothing is stored then.
    """
    now = bench.clock()
    known, stored = await bench.store.read(lambda db: _known(db, name))
    if known is not None:
        every: list[Example | examples.StoredExample] = [*given, *stored]
        await to_thread.run_sync(check_examples, known, every)

    def store(db: Tables) -> SkillReport:
        skill = skills.get(db, name)
        return _stored(db, skill, skill, _Given((), tuple(given), actor, now))

    report = await bench.store.write(store)
    bench.changed("skills", name)
    return report


def _known(db: Tables, name: str) -> tuple[Skill | None, tuple[examples.StoredExample, ...]]:
    known = skills.find(db, name)
    return known, examples.all_examples(db, name) if known is not None else ()


def _stored(db: Tables, known: Skill | None, skill: Skill, given: _Given) -> SkillReport:
    """Store a skill with what is given, tell the history, and report."""
    check_examples(skill, [*given.examples, *examples.all_examples(db, skill.name)])
    if known is None:
        skills.add(db, skill, now=given.now)
    else:
        skills.update(db, skill)
    before = len(versions.all_versions(db, skill.name))
    added = examples.add(db, skill, given.examples, now=given.now)
    numbers = tuple(_add_version(db, skill, text, given.now) for text in given.prompts)
    redefined = changed_fields(known, skill) if known is not None else {}
    changes = _changes(redefined, added.added, [number for number in dict.fromkeys(numbers) if number > before])
    actor = given.actor
    if known is None:
        events.create(
            db,
            ts=given.now,
            skill=skill.name,
            version=numbers[0],
            actor=actor.kind,
            client=actor.client,
            data={"examples": added.added, "inherit_from": skill.inherit_from},
        )
    elif changes:
        events.append(
            db,
            ts=given.now,
            skill=skill.name,
            kind="extend",
            actor=actor.kind,
            client=actor.client,
            reason=changes,
            data={"examples": added.added, "version": numbers[0] if numbers else None, "changed": redefined},
        )
    counts = split_counts(db, skill.name)
    production = events.production(db, skill.name)
    numbers = numbers or (production,)
    return SkillReport(
        skill=skill.name,
        outcome="created" if known is None else "extended" if changes else "unchanged",
        model=skill.model,
        metric=skill.metric,
        version=numbers[0],
        variant=numbers[1] if len(numbers) > 1 else None,
        production=production,
        uris=tuple(f"prompt://{skill.name}/versions/{number}" for number in dict.fromkeys(numbers)),
        added=added.added,
        duplicates=added.duplicates,
        contradictions=len(added.contradictions),
        examples=counts,
        examples_missing=examples_missing(skill, counts),
        warnings=(
            *warning.of_examples(skill, counts, added),
            *warning.of_a_late_source(db, known, skill),
            *warning.of_shown_gate_examples(db, skill.name, numbers if given.prompts else ()),
            *warning.of_suspicious_text(db, skill.name, numbers if given.prompts else (), given.examples),
        ),
        next_step=_next_step(skill, counts, numbers, production),
    )


def _add_version(db: Tables, skill: Skill, text: str, now: float) -> int:
    allowed = skill.decodings
    return versions.add(
        db,
        skill.name,
        # A text written by hand is meant to be read as it is; but where the skill forbids that, it must not be so.
        Prompt(instruction=text, decoding=Decoding.FREE if Decoding.FREE in allowed else allowed[0]),
        origin="human",
        parents=(),
        operator="hand-written",
        run_id=None,
        calibration=None,
        now=now,
    )


def _check_source(db: Tables, definition: SkillDefinition) -> None:
    """Refuse to inherit from a skill that is not there."""
    source = definition.inherit_from
    if source is None:
        return
    if source == definition.name:
        raise InvalidInput(f"inherit_from names '{source}' itself; name another skill, or leave it out")
    try:
        skills.get(db, source)
    except NotFound as error:
        raise InvalidInput(f"inherit_from: {error}. Nothing was stored.") from error


def split_counts(db: Tables, skill: str) -> SplitCounts:
    """Return how many examples in use each split has."""
    return SplitCounts(**{split.value: count for split, count in examples.counts(db, skill).items()})


def _skill_of(definition: SkillDefinition, known: Skill | None, model: str) -> Skill:
    description = definition.description or (known.description if known is not None else None)
    if description is None:
        raise InvalidInput("description: a new skill needs one, a sentence on what the task is; nothing was stored")
    labels = definition.labels or (known.labels if known is not None else ())
    metric = definition.metric or (known.metric if known is not None else "label" if labels else "exact")
    try:
        return Skill(
            name=definition.name,
            description=description,
            labels=labels,
            metric=metric,
            settings=definition.settings or (known.settings if known is not None else Settings()),
            model=known.model if known is not None else model,
            salt=known.salt if known is not None else definition.salt or secrets.token_hex(8),
            inherit_from=definition.inherit_from or (known.inherit_from if known is not None else None),
        )
    except ValidationError as error:
        raise InvalidInput(explain(error)) from error


def _changes(redefined: ChangedFields, examples_added: int, new_versions: Sequence[int]) -> str:
    """Return in a few words how a known skill was extended; empty where nothing changed."""
    changes = [f"{examples_added} examples added"] if examples_added else []
    changes += [f"version {number} written" for number in new_versions]
    if redefined:
        changes.append(f"definition changed ({told_fields(redefined)})")
    return ", ".join(changes)


def check_examples(skill: Skill, given: Sequence[Example | examples.StoredExample]) -> None:
    """Refuse examples whose answers the skill's metric cannot judge by.

    Raises:
        InvalidInput: naming the first of them; a stored one by its id alone, since it may be one that stays unseen.
    """
    if skill.metric == "preference":
        return
    silent = [example for example in given if example.expected is None or not example.expected.strip()]
    if silent:
        raise InvalidInput(
            f"{len(silent)} examples have no `expected` answer, the first {_named(skill, silent[0])}; add it, or use "
            "metric 'preference' for a skill that is judged by votes alone. Nothing was stored."
        )
    first: dict[str, Example | examples.StoredExample] = {}
    for example in given:
        if example.expected:
            first.setdefault(example.expected, example)
    for expected, example in first.items():
        if (objection := objection_to(skill, expected)) is not None:
            told = isinstance(example, Example)
            what = f"an example expects {_quote(expected)}, but" if told else "a stored example has no fitting answer:"
            raise InvalidInput(
                f"{what} {objection}; correct the example ({_named(skill, example)}), or labels and metric. Nothing "
                "was stored."
            )


def examples_missing(skill: Skill, counts: SplitCounts) -> int:
    """Return about how many more examples it takes to evolve a skill; 0 for one that is judged by votes alone."""
    missing = 0 if skill.metric == "preference" else max(0, MIN_SEARCH_EXAMPLES - counts.search)
    return -(-missing * 10 // 3)


def _next_step(skill: Skill, counts: SplitCounts, numbers: Sequence[int], production: int) -> str:
    other = next((number for number in reversed(numbers) if number != production), None)
    if other is not None:
        return (
            f"Version {other} is stored but not in production; compare_prompts(skill='{skill.name}', a={production}, "
            f"b={other}) for votes, get_fitness('{skill.name}', {other}) for what promote asks for."
        )
    if skill.metric == "preference":
        return "Define a second prompt under the same name, then compare_prompts."
    if examples_missing(skill, counts):
        return f"Add more examples; evolving needs {MIN_SEARCH_EXAMPLES} search examples."
    return f"evolve_prompt(skill='{skill.name}')"


def _named(skill: Skill, example: Example | examples.StoredExample) -> str:
    if isinstance(example, Example):
        return _quote(example.input)
    return f"id {example.id}: `promptbreeder-mcp examples {skill.name} --after {example.id - 1} --limit 1` shows it"


def _quote(text: str) -> str:
    return repr(shortened(text))
