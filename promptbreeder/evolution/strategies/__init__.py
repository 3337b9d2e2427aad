"""The strategies by name, each with its profiles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.asks import Strategy, Task
from promptbreeder.evolution.profiles import PROFILES
from promptbreeder.evolution.strategies.edits import EDITS_PROFILES, edits
from promptbreeder.evolution.strategies.promptbreeder import promptbreeder


@dataclass(frozen=True, slots=True)
class Entry:
    """A strategy function, its profiles, and the one taken when none is named."""

    run: Callable[[Task, Random, Any], Strategy]
    default_profile: str
    profiles: Mapping[str, Any]
    """Dataclasses of the strategy's own, all with `population`, `survivors` and `generations`."""


STRATEGIES: dict[str, Entry] = {
    "auto": Entry(promptbreeder, "smollm2", PROFILES),
    "promptbreeder": Entry(promptbreeder, "smollm2", PROFILES),
    "edits": Entry(edits, "smollm2", EDITS_PROFILES),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A strategy with its parameters, ready to begin on a task."""

    name: str
    profile_name: str
    run: Callable[[Task, Random, Any], Strategy]
    profile: Any

    def begin(self, task: Task, rng: Random) -> Strategy:
        """Return the generator, to be driven."""
        return self.run(task, rng, self.profile)


def choose(name: str, profile: str | None, *, generations: int | None, population: int | None) -> Chosen:
    """Return the named strategy; `generations` and `population` replace the profile's numbers where given.

    Raises:
        InvalidInput: if the strategy or the profile is unknown.
    """
    entry = STRATEGIES.get(name)
    if entry is None:
        raise InvalidInput(f"no strategy is called {name[:64]!r}; take one of {', '.join(STRATEGIES)}")
    profile_name = profile or entry.default_profile
    chosen = entry.profiles.get(profile_name)
    if chosen is None:
        raise InvalidInput(f"{name} has no profile {profile_name[:64]!r}; take one of {', '.join(entry.profiles)}")
    if generations is not None:
        chosen = replace(chosen, generations=generations)
    if population is not None:
        chosen = replace(chosen, population=population, survivors=min(chosen.survivors, population))
    return Chosen(name, profile_name, entry.run, chosen)
