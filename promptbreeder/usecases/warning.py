"""What whoever defines a skill is warned of; nothing of it is refused."""

from collections.abc import Iterator, Sequence

from promptbreeder.likely_keys import holds_key
from promptbreeder.results import SplitCounts
from promptbreeder.skill import MIN_GATE_EXAMPLES, Example, Skill, Split
from promptbreeder.store import examples, runs, versions
from promptbreeder.store.tables import Tables
from promptbreeder.suspicion import flags_of, told
from promptbreeder.text import shortened
from promptbreeder.usecases.witnesses import shown

FEW_EXAMPLES = 27
"""Of so many, three in ten are about as many search examples as a run needs."""
_SHOWN = 3


def of_examples(skill: Skill, counts: SplitCounts, added: examples.Added) -> tuple[str, ...]:
    """Return what is wrong with the examples: contradictions, and too few of them."""
    total, contradictions = counts.train + counts.search + counts.gate, added.contradictions
    warnings = [
        f"{shortened(clash.input)!r} is stored with {clash.kept!r} and was given again with {clash.given!r}; "
        "kept the first"
        for clash in contradictions[:_SHOWN]
    ]
    if len(contradictions) > _SHOWN:
        warnings.append(f"{len(contradictions) - _SHOWN} more examples contradict stored ones; the stored were kept")
    if added.retired:
        warnings.append(f"examples given again that were retired, and stay out of use: {added.retired}")
    if skill.metric == "preference":
        warnings.append("judged by votes alone: nothing can be measured, so it cannot be evolved")
    elif total < FEW_EXAMPLES:
        warnings.append(
            f"{total} examples are too few: evolving needs about {FEW_EXAMPLES}, evidence about 50, 100 are good"
        )
    elif counts.gate < MIN_GATE_EXAMPLES:
        warnings.append(
            f"{counts.gate} gate examples: evidence will be insufficient below {MIN_GATE_EXAMPLES}; about "
            f"{-(-(MIN_GATE_EXAMPLES - counts.gate) * 10 // 4)} more examples would do"
        )
    return tuple(warnings)


def of_a_late_source(db: Tables, known: Skill | None, skill: Skill) -> tuple[str, ...]:
    """Return that `inherit_from` was given too late, where it was."""
    if known is None or skill.inherit_from == known.inherit_from or not runs.has_finished(db, skill.name):
        return ()
    return ("inherit_from changes nothing any more: it is for the first run, and one has finished",)


def of_shown_gate_examples(db: Tables, skill: str, numbers: Sequence[int]) -> Iterator[str]:
    """Yield how many gate examples a new version shows, which then cannot judge it."""
    inputs = [example.input for example in examples.of_split(db, skill, Split.GATE)]
    for number in dict.fromkeys(numbers):
        if seen := shown(versions.get(db, skill, number).prompt, inputs):
            yield (
                f"version {number} shows gate examples, which should stay unseen: {len(seen)}. They are left out where "
                "it is judged; define a prompt without them to be judged on all"
            )


def of_suspicious_text(db: Tables, skill: str, numbers: Sequence[int], given: Sequence[Example]) -> Iterator[str]:
    """Yield what is suspicious in new versions, and how many new examples seem to hold a key."""
    for number in dict.fromkeys(numbers):
        if flagged := told(flags_of(versions.get(db, skill, number).prompt)):
            yield f"version {number}: {flagged} Promoting it asks for force"
    keys = sum(holds_key(f"{example.input}\n{example.expected}") for example in given)
    if keys:
        yield (
            f"examples that seem to hold a key or token: {keys}. Examples may be shown in prompts and are exported; "
            "`promptbreeder-mcp examples` finds and deletes them, `export --redact` leaves such keys out"
        )
