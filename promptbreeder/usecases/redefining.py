"""What a definition changes of a known skill: told field by field, so that the history says how to set it back."""

import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from promptbreeder.skill import Skill

ChangedFields = Mapping[str, Sequence[JsonValue]]
"""By name, a setting's as `settings.votes`: its value before and after; of a long text nothing."""
_SETTINGS = "settings"
_LONG = frozenset({"description"})
_ONLY_NAMED = frozenset({"labels"})
"""Told by name alone, though the event holds the values: there may be many."""


def changed_fields(known: Skill, skill: Skill) -> ChangedFields:
    """Return the fields in which a skill is not what it was."""
    before, after = _fields(known), _fields(skill)
    return {
        name: [] if name in _LONG else [before[name], value] for name, value in after.items() if value != before[name]
    }


def told_fields(changed: ChangedFields) -> str:
    """Return the changed fields in words, settings last: `metric exact -> f1; settings: votes 30 -> 60`."""
    by_kind: dict[bool, list[str]] = {False: [], True: []}
    for name, values in changed.items():
        by_kind[name.startswith(f"{_SETTINGS}.")].append(_told(name.removeprefix(f"{_SETTINGS}."), values))
    settings = [f"settings: {', '.join(by_kind[True])}"] if by_kind[True] else []
    return "; ".join([*by_kind[False], *settings])


def _fields(skill: Skill) -> dict[str, JsonValue]:
    return dict(_flat(skill.model_dump(mode="json")))


def _flat(definition: Mapping[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    for name, value in definition.items():
        if name == _SETTINGS and isinstance(value, dict):
            yield from ((f"{_SETTINGS}.{setting}", chosen) for setting, chosen in value.items())
        else:
            yield name, value


def _told(name: str, values: Sequence[JsonValue]) -> str:
    if not values or name in _ONLY_NAMED:
        return name
    return f"{name} {' -> '.join(value if isinstance(value, str) else json.dumps(value) for value in values)}"
