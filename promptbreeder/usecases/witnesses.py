"""Witnesses: the gate examples that may tell one version from another.

An example that came in by the outcome of an answer was chosen, as a rule, because the answer was wrong: it speaks
against the version that gave it, and for any other, before anything is measured. So it says nothing of that version;
nor does one whose answer was right, since without the wrong ones these would speak for it. Between versions that came
before or after, it is an example like any other.
"""

from dataclasses import dataclass

from promptbreeder.skill import Split
from promptbreeder.store import examples, outcomes
from promptbreeder.store.examples import StoredExample
from promptbreeder.store.tables import Tables


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The gate split, as far as it may judge some versions."""

    examples: tuple[StoredExample, ...]
    """In the order of the split."""
    left_out: int
    """Gate examples that came in by an outcome of one of the versions."""

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the examples, in their order."""
        return tuple(example.id for example in self.examples)


def witnesses(db: Tables, skill: str, *versions: int) -> Witnesses:
    """Return the gate examples in use that did not come in by an outcome of one of these versions."""
    gate, chosen = examples.of_split(db, skill, Split.GATE), outcomes.brought_in(db, skill, versions)
    fair = tuple(example for example in gate if example.id not in chosen)
    return Witnesses(fair, len(gate) - len(fair))
