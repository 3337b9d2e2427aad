"""Show versions of a prompt as data, and how they differ."""

import difflib
import json

from promptbreeder.results import PromptView, Turn
from promptbreeder.skill import Skill
from promptbreeder.store import skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.suspicion import flags_of
from promptbreeder.text import scrub
from promptbreeder.usecases.ab_tests import offer
from promptbreeder.usecases.running import within_limit
from promptbreeder.usecases.workbench import Workbench, iso

WORKING = "{{working}}"
"""Stands where a prompt of two steps takes what the executor wrote in the first."""


async def get_prompt(
    bench: Workbench, name: str, number: int | None, text: str | None, *, offering: bool
) -> PromptView:
    """Return one version (default: production) as data, rendered for `text` or with a placeholder.

    With `offering`, what is in production may come with the notice that an A/B test is open.
    """

    def look(db: Tables) -> tuple[Skill, Version, Version, Version | None]:
        production = versions.production(db, name)
        version = production if number is None else versions.get(db, name, number)
        parent = versions.get(db, name, version.parents[0]) if version.parents else None
        return skills.get(db, name), production, version, parent

    skill, production, version, parent = await bench.store.read(look)
    shown = "{{input}}" if text is None else within_limit(scrub(text))
    found = view(skill, version, production.n, parent, shown)
    if not offering or number is not None:
        return found
    return found.model_copy(update={"notice": await offer(bench, name, text)})


def view(skill: Skill, version: Version, production: int, parent: Version | None, text: str) -> PromptView:
    """Return a version as it is shown."""
    prompt = version.prompt
    messages = prompt.render_second(text, WORKING) if prompt.second_instruction else prompt.render(text)
    return PromptView(
        skill=skill.name,
        version=version.n,
        production=version.n == production,
        text=prompt.instruction,
        messages=tuple(Turn(role=role, content=content) for role, content in messages),
        content_hash=version.content_hash,
        decoding=prompt.decoding,
        labels=skill.labels,
        demonstrations=len(prompt.demonstrations),
        second_instruction=prompt.second_instruction,
        origin=version.origin,
        operator=version.operator,
        parents=version.parents,
        run_id=version.run_id,
        created_at=iso(version.created_at),
        uri=f"prompt://{skill.name}/versions/{version.n}",
        flags=tuple(map(str, flags_of(prompt))),
        diff="" if parent is None else diff(parent, version),
    )


async def list_versions(bench: Workbench, name: str, after: int, limit: int | None) -> tuple[PromptView, ...]:
    """Return the versions of a skill with a number above `after`, oldest first; at most `limit`."""

    def look(db: Tables) -> tuple[PromptView, ...]:
        skill, production = skills.get(db, name), versions.production(db, name).n
        stored = {version.n: version for version in versions.all_versions(db, name)}
        return tuple(
            view(skill, version, production, stored[version.parents[0]] if version.parents else None, "{{input}}")
            for version in [version for version in stored.values() if version.n > after][:limit]
        )

    return await bench.store.read(look)


def diff(before: Version, after: Version) -> str:
    """Return a unified diff of what two versions show to the executor, demonstrations and decoding included."""
    lines = difflib.unified_diff(
        _lines(before), _lines(after), f"version {before.n}", f"version {after.n}", lineterm="", n=1
    )
    return "\n".join(lines)


def _lines(version: Version) -> list[str]:
    prompt = version.prompt
    shots = [json.dumps([shot.input, shot.output], ensure_ascii=False) for shot in prompt.demonstrations]
    return [
        *prompt.instruction.splitlines(),
        *prompt.second_instruction.splitlines(),
        *shots,
        f"(decoding: {prompt.decoding}; {prompt.format.model_dump_json(exclude_defaults=True)})",
    ]
