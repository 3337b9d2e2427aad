"""List skills, look at one."""

from promptbreeder.results import SkillLine
from promptbreeder.skill import Skill
from promptbreeder.store import events, examples, runs, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.measuring import stored_gate_accuracy
from promptbreeder.usecases.workbench import Workbench


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
