"""Bundles: a skill with its examples and versions as one JSON object, taken away and brought back.

What is measured on a gate is not believed: it is measured anew where the bundle is brought in. What is verified is
that the bundle is the one that was exported, and every prompt the one that was hashed.
"""

import secrets
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from anyio import to_thread
from pydantic import ValidationError

from promptbreeder.errors import Conflict, InvalidInput
from promptbreeder.likely_keys import masked_in
from promptbreeder.prompt import Prompt, content_hash
from promptbreeder.requests import Actor, Bundle, BundledVersion, explain
from promptbreeder.results import SkillReport
from promptbreeder.skill import Example, Settings, Skill, Split
from promptbreeder.store import events, examples, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.suspicion import flags_of
from promptbreeder.text import as_seen
from promptbreeder.usecases.defining import check_examples, examples_missing, split_counts
from promptbreeder.usecases.measuring import stored_gate_accuracy
from promptbreeder.usecases.workbench import Workbench, iso

_SHOWN = 10


async def export_skill(bench: Workbench, name: str, *, redact: bool = False) -> dict[str, object]:
    """Return the skill with its examples, versions and their gate accuracies as one JSON-able object.

    Its `name`, `description`, `prompt`, `labels`, `metric`, `settings` and `examples` are a skill file again. With
    `redact` likely keys are left out of every text, and the hashes are those of what is left.

    Raises:
        InvalidInput: if two versions are the same without the keys.
    """

    def look(db: Tables) -> dict[str, object]:
        skill = skills.get(db, name)
        production = events.production(db, name)
        bundle: dict[str, Any] = {
            "name": skill.name,
            "description": skill.description,
            "prompt": versions.get(db, name, production).prompt.instruction,
            "labels": list(skill.labels),
            "metric": skill.metric,
            "settings": skill.settings.model_dump(mode="json"),
            "salt": skill.salt,
            "examples": [
                {"input": example.input, "expected": example.expected, "split": example.split.value}
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
                for version in versions.all_versions(db, name)
            ],
        }
        if redact:
            bundle = _redacted(bundle)
        return {**bundle, "hash": content_hash(bundle)}

    return await bench.store.read(look)


def _redacted(bundle: dict[str, Any]) -> dict[str, Any]:
    left: dict[str, Any] = masked_in(bundle)
    same: dict[str, int] = {}
    for version in left["versions"]:
        number, digest = version["version"], content_hash(version["prompt"])
        if (other := same.setdefault(digest, number)) != number:
            raise InvalidInput(
                f"versions {other} and {number} differ in nothing but what looks like a key: without it they would be "
                "one, which no import takes. Export without --redact, take out `versions`, `production`, `model` and "
                "`hash`, and edit the skill file that is left."
            )
        version["content_hash"] = digest
    return left


async def import_bundle(bench: Workbench, data: Mapping[str, Any], actor: Actor) -> SkillReport:
    """Bring a skill back from a bundle: examples, all versions under their numbers, and production.

    Raises:
        InvalidInput: if it is no bundle, was changed since the export, or does not hold together; nothing is stored.
        Conflict: if there is a skill of that name.
    """
    bundle = _verified(data)
    prompts = [_prompt_of(version) for version in bundle.versions]
    _check_versions(bundle, prompts)
    skill = _skill_of(bundle)
    bench.models.make(skill.model)
    placed, moved = _unseen(bundle.examples, prompts)
    await to_thread.run_sync(check_examples, skill, placed)
    now = bench.clock()

    def store(db: Tables) -> SkillReport:
        if skills.find(db, skill.name) is not None:
            raise Conflict(
                f"there is a skill '{skill.name}' already, and a bundle is a whole skill: import it into another data "
                "folder (--home FOLDER). Without `versions`, `production`, `model` and `hash` the file adds its "
                "examples to the skill. Nothing was stored."
            )
        skills.add(db, skill, now=now)
        added = examples.add(db, skill, placed, now=now)
        for version, prompt in zip(bundle.versions, prompts, strict=True):
            _add_version(db, skill.name, version, prompt)
        counted = {"examples": added.added, "versions": len(prompts)}
        events.create(
            db,
            ts=now,
            skill=skill.name,
            version=bundle.production,
            actor=actor.kind,
            client=actor.client,
            data={**counted, "bundle": bundle.hash},
        )
        told = f"bundle {bundle.hash[:12]} (versions: {len(prompts)}, examples: {added.added}) imported"
        events.append(
            db,
            ts=now,
            skill=skill.name,
            kind="import",
            actor=actor.kind,
            client=actor.client,
            reason=told,
            after=bundle.production,
            data={**counted, "bundle": bundle.hash},
        )
        counts = split_counts(db, skill.name)
        return SkillReport(
            skill=skill.name,
            outcome="created",
            model=skill.model,
            metric=skill.metric,
            version=bundle.production,
            production=bundle.production,
            uris=(f"prompt://{skill.name}/versions/{bundle.production}",),
            added=added.added,
            duplicates=added.duplicates,
            contradictions=len(added.contradictions),
            examples=counts,
            examples_missing=examples_missing(skill, counts),
            warnings=_warnings(moved, bundle.versions, prompts),
            next_step=(
                f"Versions brought back: {len(prompts)}; {bundle.production} is in production. get_fitness("
                f"'{skill.name}') or `promptbreeder-mcp fitness {skill.name}` measures what it is worth here."
            ),
        )

    report = await bench.store.write(store)
    bench.changed("skills", skill.name)
    return report


def _verified(data: Mapping[str, Any]) -> Bundle:
    """Return the bundle in `data`, if it is as it was exported."""
    bundle = Bundle.parse(data)
    try:
        found = content_hash({name: value for name, value in data.items() if name != "hash"})
    except UnicodeEncodeError as error:
        raise InvalidInput("the bundle holds characters that no text can hold (lone surrogates)") from error
    # Which prompt was changed says more than that something was.
    for version in bundle.versions:
        if content_hash(version.prompt) != version.content_hash:
            raise InvalidInput(
                f"version {version.version} in the bundle is not the one that was exported: its prompt hashes to "
                f"{content_hash(version.prompt)[:12]}, and the bundle says {version.content_hash[:12]!r}. Export the "
                "skill again. Nothing was stored."
            )
    if found != bundle.hash:
        raise InvalidInput(
            f"the bundle was changed since it was exported: it hashes to {found[:12]}, and says {bundle.hash[:12]!r}. "
            "Export the skill again; or take out `versions`, `production`, `model` and `hash`, and what is left is a "
            "skill file that may be edited. Nothing was stored."
        )
    return bundle


def _prompt_of(version: BundledVersion) -> Prompt:
    odd = next((text for text in _texts(version.prompt) if any(map(_is_control, text))), None)
    if odd is not None:
        raise InvalidInput(f"version {version.version} in the bundle holds control characters; nothing was stored")
    try:
        prompt = Prompt.model_validate(version.prompt)
    except ValidationError as error:
        raise InvalidInput(f"version {version.version} in the bundle: {explain(error)}") from error
    if prompt.model_dump(mode="json") != version.prompt:
        raise InvalidInput(
            f"version {version.version} in the bundle is no prompt of this version of promptbreeder-mcp; upgrade both "
            "sides to the same. Nothing was stored."
        )
    return prompt


def _check_versions(bundle: Bundle, prompts: list[Prompt]) -> None:
    """Refuse versions that are not numbered from 1 on, that repeat one another, or that come from none of them."""
    numbers = [version.version for version in bundle.versions]
    labels = len(bundle.labels)
    wrong = (
        "its versions are not numbered from 1 on"
        if numbers != list(range(1, len(numbers) + 1))
        else "two of its versions are the same"
        if len(set(prompts)) < len(prompts)
        else "a version has a parent that comes after it"
        if any(not 0 < parent < version.version for version in bundle.versions for parent in version.parents)
        else "its production is none of its versions"
        if bundle.production not in numbers
        else "a calibration does not fit its labels"
        if any(v.calibration is not None and len(v.calibration.prior) != labels for v in bundle.versions)
        else ""
    )
    if wrong:
        raise InvalidInput(f"the bundle does not hold together: {wrong}. Export the skill again. Nothing was stored.")


def _skill_of(bundle: Bundle) -> Skill:
    try:
        return Skill(
            name=bundle.name,
            description=bundle.description or "",
            labels=bundle.labels,
            metric=bundle.metric or ("label" if bundle.labels else "exact"),
            settings=bundle.settings or Settings(),
            model=bundle.model,
            salt=bundle.salt or secrets.token_hex(8),
        )
    except ValidationError as error:
        raise InvalidInput(explain(error)) from error


def _unseen(given: tuple[Example, ...], prompts: list[Prompt]) -> tuple[list[Example], int]:
    """Return the examples, those that a prompt demonstrates in the train split, and how many that moved."""
    shown = {as_seen(shot.input) for prompt in prompts for shot in prompt.demonstrations}
    placed = [
        example.model_copy(update={"split": Split.TRAIN}) if as_seen(example.input) in shown else example
        for example in given
    ]
    return placed, sum(new.split != old.split for new, old in zip(placed, given, strict=True))


def _add_version(db: Tables, name: str, version: BundledVersion, prompt: Prompt) -> None:
    calibration = version.calibration
    versions.add(
        db,
        name,
        prompt,
        origin="import",
        parents=version.parents,
        operator=version.operator,
        run_id=None,
        calibration=None
        if calibration is None
        else {"fingerprint": calibration.fingerprint, "prior": list(calibration.prior)},
        now=version.created_at.timestamp(),
    )


def _warnings(moved: int, given: tuple[BundledVersion, ...], prompts: list[Prompt]) -> tuple[str, ...]:
    warnings = []
    if moved:
        warnings.append(
            f"examples that a version demonstrates, moved to the train split, since they are not unseen: {moved}"
        )
    flagged = [version.version for version, prompt in zip(given, prompts, strict=True) if flags_of(prompt)]
    if flagged:
        shown = ", ".join(map(str, flagged[:_SHOWN])) + (", ..." if len(flagged) > _SHOWN else "")
        warnings.append(f"versions with suspicious text, to be read before they are used: {shown}")
    return tuple(warnings)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)


def _is_control(character: str) -> bool:
    return character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cs"}
