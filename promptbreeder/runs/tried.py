"""Tried: how often what an operator made is better than what it was made from, whatever the strategy."""

from collections.abc import Iterable

from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.credit import Record, credited
from promptbreeder.runs.guests import Guests
from promptbreeder.runs.ledger import Ledger


class Tried:
    """The units that one run was told of."""

    def __init__(self, ledger: Ledger, guests: Guests) -> None:
        """Begin with none."""
        self._ledger = ledger
        self._guests = guests
        self._told: dict[str, Unit] = {}

    def note(self, units: Iterable[Unit]) -> None:
        """Remember units, each as it was first: whoever makes a prompt again has not made it."""
        for unit in units:
            self._told.setdefault(unit.prompt.content_hash, self._guests.credited(unit))

    def records(self) -> dict[str, Record]:
        """Return each operator's record, by name."""
        found: dict[str, Record] = {}
        for content_hash, unit in self._told.items():
            better = self._ledger.is_fitter(content_hash, unit.parents[0]) if unit.parents else None
            if better is not None:
                name, earned = credited(unit.operator)
                found[name] = found.get(name, Record()) + Record(int(better and earned), 1)
        return found
