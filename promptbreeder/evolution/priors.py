"""What the operators' records on other skills are worth to a run on this one."""

from collections.abc import Iterable, Mapping

from promptbreeder.evolution.credit import Record

DISCOUNT = 0.5
"""Another skill's trial counts half: what works there need not work here."""
SKILL_WEIGHT = 4
"""Trials of an operator that one skill counts for at most, however long it was searched."""


def priors_from(skills: Iterable[Mapping[str, Record]]) -> dict[str, Record]:
    """Return the priors that the operators' records on other skills, one mapping a skill, make together."""
    priors: dict[str, Record] = {}
    for records in skills:
        for name, record in sorted(records.items()):
            priors[name] = priors.get(name, Record()) + _discounted(record)
    return {name: record for name, record in priors.items() if record.tried}


def _discounted(record: Record) -> Record:
    scale = min(DISCOUNT, SKILL_WEIGHT / record.tried) if record.tried else 0.0
    return Record(scale * record.better, scale * record.tried)
