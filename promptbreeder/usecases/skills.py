"""List skills, look at one, take it away as a bundle."""

from promptbreeder.results import SkillLine
from promptbreeder.skill import Skill
from promptbreeder.store import events, examples, runs, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.measuring import stored_gate_accuracy
from promptbreeder.usecases.workbench import Workbench, iso


async def get_skill(bench: Workbench, name: str) -> Skill:
    """Return what a skill is; raises NotFound, naming the skills that there are."""
    return await bench.store.read(lambda db: skills.get(db, name))


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
