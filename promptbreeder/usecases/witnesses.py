"""Witnesses: the gate examples, and the inputs of votes, that may tell one version from another.

An example that came in by the outcome of an answer was chosen, as a rule, because the answer was wrong: it speaks
against the version that gave it, and for any other, before anything is measured. So it says nothing of that version;
nor does one whose answer was right, since without the wrong ones these would speak for it. Nor does it say anything of
a version that was made from that one, whose mistakes it shares in part; nor of a version whose prompt shows it: to that
it is not unseen. Between other versions, it is an example like any other.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from promptbreeder.prompt import Prompt
from promptbreeder.skill import Skill, Split, input_hash
from promptbreeder.store import examples, outcomes, runs
from promptbreeder.store import versions as stored_versions
from promptbreeder.store.examples import StoredExample
from promptbreeder.store.tables import Tables
from promptbreeder.text import as_seen
from promptbreeder.usecases.quoting import quoted


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The gate split, as far as it may judge some versions."""

    examples: tuple[StoredExample, ...]
    """In the order of the split."""
    left_out: int
    """Gate examples that came in by an outcome of one of the versions or its parents, or that its prompt shows."""

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the examples, in their order."""
        return tuple(example.id for example in self.examples)


def witnesses(db: Tables, skill: str, *versions: int) -> Witnesses:
    """Return the gate examples in use that an unseen look at these versions may rest on.

    None of them, nor a direct parent of theirs, brought it in by an outcome, and none shows it in its prompt.
    """
    gate, compared = examples.of_split(db, skill, Split.GATE), [stored_versions.get(db, skill, n) for n in versions]
    chosen = outcomes.brought_in(db, skill, {n for version in compared for n in (version.n, *version.parents)})
    inputs = [example.input for example in gate]
    seen = frozenset[str]().union(*(shown(version.prompt, inputs) for version in compared))
    fair = tuple(example for example in gate if example.id not in chosen and example.input not in seen)
    return Witnesses(fair, len(gate) - len(fair))


def shown(prompt: Prompt, inputs: Iterable[str]) -> frozenset[str]:
    """Return those of the inputs that a prompt shows: as demonstrations, or quoted in its instructions."""
    known = tuple(inputs)
    demonstrated = {as_seen(shot.input) for shot in prompt.demonstrations}
    # A demonstration is another example where its marks differ: 1 + 2 is not 1 - 2.
    return quoted(f"{prompt.instruction}\n{prompt.second_instruction}", known) | {
        text for text in known if as_seen(text) in demonstrated
    }


def seen(db: Tables, skill: Skill, inputs: Collection[str], *versions: int) -> frozenset[str]:
    """Return those of the normalised inputs on which a vote is no evidence of how these versions do on others.

    A search example of the run that found one of them, or what a prompt shows. For a skill that is judged by votes
    alone there are none: no run chooses by answers there.
    """
    if skill.metric == "preference" or not inputs:
        return frozenset()
    found: set[str] = set()
    for number in versions:
        version = stored_versions.get(db, skill.name, number)
        found |= shown(version.prompt, inputs)
        if version.run_id is not None:
            identity = examples.identities(db, skill.name)
            ids = json.loads(runs.get(db, version.run_id).config)["plan"]["search_ids"]
            chosen_by = {identity[example] for example in ids}
            found.update(text for text in inputs if input_hash(skill.salt, text) in chosen_by)
    return frozenset(found)
