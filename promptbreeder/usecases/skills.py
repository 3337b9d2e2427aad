"""Define skills, extend them, list them, take them away as a bundle."""

import secrets
from collections.abc import Sequence

from pydantic import ValidationError

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.metrics import objection_to
from promptbreeder.prompt import Prompt
from promptbreeder.requests import Actor, SkillDefinition, explain
from promptbreeder.results import SkillLine, SkillReport, SplitCounts
from promptbreeder.skill import MIN_GATE_EXAMPLES, MIN_SEARCH_EXAMPLES, Example, Settings, Skill
from promptbreeder.store import events, examples, runs, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.measuring import stored_gate_accuracy
from promptbreeder.usecases.workbench import Workbench, iso

FEW_EXAMPLES = 20
_SHOWN = 3
_QUOTED = 60


async def define_skill(bench: Workbench, definition: SkillDefinition, actor: Actor) -> SkillReport:
    """Create a skill, or add examples and perhaps a new prompt version to an existing one.

    Raises:
        InvalidInput: naming what is wrong; nothing is stored then.
    """
    known = await bench.store.read(lambda db: skills.find(db, definition.name))
    model = known.model if known is not None else await bench.models.resolve(bench.default_model)
    prompt = Prompt(instruction=definition.prompt)
    now = bench.clock()

    def store(db: Tables) -> SkillReport:
        # Looked up anew: another process may have defined the skill in the meantime.
        known = skills.find(db, definition.name)
        skill = _skill_of(definition, known, model)
        _check_examples(skill, [*definition.examples, *examples.all_examples(db, skill.name)])
        if known is None:
            skills.add(db, skill, now=now)
        else:
            skills.update(db, skill)
        before = len(versions.all_versions(db, skill.name))
        added = examples.add(db, skill, definition.examples, now=now)
        version = versions.add(
            db,
            skill.name,
            prompt,
            origin="human",
            parents=(),
            operator="hand-written",
            run_id=None,
            calibration=None,
            now=now,
        )
        if known is None:
            events.create(
                db,
                ts=now,
                skill=skill.name,
                version=version,
                actor=actor.kind,
                client=actor.client,
                data={"examples": added.added},
            )
        elif changes := _changes(known, skill, added.added, version if version > before else None):
            events.append(
                db,
                ts=now,
                skill=skill.name,
                kind="extend",
                actor=actor.kind,
                client=actor.client,
                reason=changes,
                data={"examples": added.added, "version": version},
            )
        counts = SplitCounts(**{split.value: count for split, count in examples.counts(db, skill.name).items()})
        production = events.production(db, skill.name)
        return SkillReport(
            skill=skill.name,
            model=skill.model,
            version=version,
            production=production,
            added=added.added,
            duplicates=added.duplicates,
            examples=counts,
            warnings=_warnings(skill, counts, added.contradictions),
            next_step=_next_step(skill, counts, version, production),
        )

    report = await bench.store.write(store)
    bench.changed("skills", definition.name)
    return report


async def list_skills(bench: Workbench) -> tuple[SkillLine, ...]:
    """Return one line a skill, by name."""

    def look(db: Tables) -> tuple[SkillLine, ...]:
        lines = []
        for skill in skills.all_skills(db):
            production = events.production(db, skill.name)
            live = runs.live(db, skill.name)
            lines.append(
                SkillLine(
                    skill=skill.name,
                    description=skill.description,
                    model=skill.model,
                    production=production,
                    versions=len(versions.all_versions(db, skill.name)),
                    examples=sum(examples.counts(db, skill.name).values()),
                    gate=stored_gate_accuracy(db, skill.name, production),
                    run=live.run_id if live is not None else None,
                )
            )
        return tuple(lines)

    return await bench.store.read(look)


async def export_skill(bench: Workbench, name: str) -> dict[str, object]:
    """Return the skill with its examples, versions and their gate accuracies as one JSON-able object.

    Its `name`, `description`, `prompt`, `labels`, `metric`, `settings` and `examples` are a skill file again.
    """

    def look(db: Tables) -> dict[str, object]:
        skill = skills.get(db, name)
        production = events.production(db, name)
        stored = versions.all_versions(db, name)
        return {
            "name": skill.name,
            "description": skill.description,
            "prompt": versions.get(db, name, production).prompt.instruction,
            "labels": list(skill.labels),
            "metric": skill.metric,
            "settings": skill.settings.model_dump(mode="json"),
            "salt": skill.salt,
            "examples": [
                {"input": example.input, "expected": example.expected, "split": example.split}
                for example in examples.all_examples(db, name)
            ],
            "model": skill.model,
            "production": production,
            "versions": [
                {
                    "version": version.n,
                    "content_hash": version.content_hash,
                    "prompt": version.prompt.model_dump(mode="json"),
                    "origin": version.origin,
                    "operator": version.operator,
                    "parents": list(version.parents),
                    "calibration": version.calibration,
                    "gate": gate.model_dump() if (gate := stored_gate_accuracy(db, name, version.n)) else None,
                    "created_at": iso(version.created_at),
                }
                for version in stored
            ],
        }

    return await bench.store.read(look)


def _skill_of(definition: SkillDefinition, known: Skill | None, model: str) -> Skill:
    labels = definition.labels or (known.labels if known is not None else ())
    metric = definition.metric or (known.metric if known is not None else "label" if labels else "exact")
    try:
        return Skill(
            name=definition.name,
            description=definition.description,
            labels=labels,
            metric=metric,
            settings=definition.settings or (known.settings if known is not None else Settings()),
            model=known.model if known is not None else model,
            salt=known.salt if known is not None else definition.salt or secrets.token_hex(8),
        )
    except ValidationError as error:
        raise InvalidInput(explain(error)) from error


def _changes(known: Skill, skill: Skill, examples_added: int, new_version: int | None) -> str:
    """Return in a few words how a known skill was extended; empty where nothing changed."""
    changes = [f"{examples_added} examples added"] if examples_added else []
    if new_version is not None:
        changes.append(f"version {new_version} written")
    if skill != known:
        changes.append("definition changed")
    return ", ".join(changes)


def _check_examples(skill: Skill, given: Sequence[Example | examples.StoredExample]) -> None:
    if skill.metric == "preference":
        return
    silent = [example.input for example in given if example.expected is None or not example.expected.strip()]
    if silent:
        raise InvalidInput(
            f"{len(silent)} examples have no `expected` answer, the first {_quote(silent[:1])}; add it, or use metric "
            "'preference' for a skill that is judged by votes alone. Nothing was stored."
        )
    for expected in sorted({example.expected for example in given if example.expected}):
        if (objection := objection_to(skill, expected)) is not None:
            raise InvalidInput(
                f"an example expects {_quote([expected])}, but {objection}; correct the example, or labels and metric. "
                "Nothing was stored."
            )


def _warnings(skill: Skill, counts: SplitCounts, contradictions: Sequence[examples.Contradiction]) -> tuple[str, ...]:
    total = counts.train + counts.search + counts.gate
    warnings = [
        f"{_quote([clash.input])} is stored with {clash.kept!r} and was given again with {clash.given!r}; kept the "
        "first"
        for clash in contradictions[:_SHOWN]
    ]
    if len(contradictions) > _SHOWN:
        warnings.append(f"{len(contradictions) - _SHOWN} more examples contradict stored ones; the stored were kept")
    if skill.metric == "preference":
        warnings.append("judged by votes alone: nothing can be measured, so it cannot be evolved")
    elif total < FEW_EXAMPLES:
        warnings.append(f"{total} examples are too few: {FEW_EXAMPLES} are the least for any evidence, 100 are good")
    elif counts.gate < MIN_GATE_EXAMPLES:
        warnings.append(
            f"{counts.gate} gate examples: evidence will be insufficient below {MIN_GATE_EXAMPLES}; about "
            f"{-(-(MIN_GATE_EXAMPLES - counts.gate) * 10 // 4)} more examples would do"
        )
    return tuple(warnings)


def _next_step(skill: Skill, counts: SplitCounts, version: int, production: int) -> str:
    if version != production:
        return (
            f"Version {version} is stored but not in production; compare_prompts(skill='{skill.name}', a={production}, "
            f"b={version}) or promote it."
        )
    if skill.metric == "preference":
        return "Define a second prompt under the same name, then compare_prompts."
    if counts.search < MIN_SEARCH_EXAMPLES:
        missing = MIN_SEARCH_EXAMPLES - counts.search
        return f"Add about {-(-missing * 10 // 3)} more examples; evolving needs {MIN_SEARCH_EXAMPLES} search examples."
    return f"evolve_prompt(skill='{skill.name}')"


def _quote(texts: Sequence[str]) -> str:
    return ", ".join(repr(text if len(text) <= _QUOTED else f"{text[: _QUOTED - 3]}...") for text in texts)
