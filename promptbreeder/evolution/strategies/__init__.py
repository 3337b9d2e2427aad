"""The strategies by name, each with its profiles."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Generic, TypeVar

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.asks import Strategy, Task
from promptbreeder.evolution.auto_profiles import AUTO_PROFILES, AutoProfile
from promptbreeder.evolution.base_profile import RunProfile
from promptbreeder.evolution.evoprompt_profiles import DE_PROFILES, GA_PROFILES, EvoPromptProfile
from promptbreeder.evolution.mipro_profiles import MIPRO_PROFILES, MiproProfile
from promptbreeder.evolution.opro_profiles import OPRO_PROFILES, OproProfile
from promptbreeder.evolution.profiles import PROFILES, Profile
from promptbreeder.evolution.strategies.auto import auto
from promptbreeder.evolution.strategies.edits import EDITS_PROFILES, EditsProfile, edits
from promptbreeder.evolution.strategies.evoprompt_de import evoprompt_de
from promptbreeder.evolution.strategies.evoprompt_ga import evoprompt_ga
from promptbreeder.evolution.strategies.mipro import mipro, required_optuna
from promptbreeder.evolution.strategies.opro import opro
from promptbreeder.evolution.strategies.promptbreeder import promptbreeder
from promptbreeder.evolution.strategies.seeded import SHARES, Begin, seeded

P = TypeVar("P", bound=RunProfile)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A strategy with its parameters, ready to begin on a task."""

    name: str
    profile_name: str
    profile: RunProfile
    room: int
    """How many given prompts the first population takes."""
    begin: Begin
    """Makes the generator, to be driven."""
    optuna: str | None = None
    """Version of Optuna, where the strategy's asks depend on it."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[P]):
    """A strategy function, its profiles, and the one taken when none is named."""

    run: Callable[[Task, Random, P], Strategy]
    default_profile: str
    profiles: dict[str, P]

    def chosen(self, name: str, profile_name: str, generations: int | None, population: int | None) -> Chosen:
        """Return the strategy with one of its profiles, of which the numbers given are replaced."""
        profile = self.profiles[profile_name]
        if generations is not None:
            profile = replace(profile, generations=generations)
        if population is not None:
            profile = profile.resized(population)

        def begin(task: Task, rng: Random) -> Strategy:
            return self.run(task, rng, profile)

        return Chosen(name, profile_name, profile, profile.room, begin)


AnyEntry = (
    Entry[AutoProfile]
    | Entry[Profile]
    | Entry[EvoPromptProfile]
    | Entry[OproProfile]
    | Entry[EditsProfile]
    | Entry[MiproProfile]
)
STRATEGIES: dict[str, AnyEntry] = {
    "auto": Entry(auto, "smollm2", AUTO_PROFILES),
    "promptbreeder": Entry(promptbreeder, "smollm2", PROFILES),
    "evoprompt-ga": Entry(evoprompt_ga, "smollm2", GA_PROFILES),
    "evoprompt-de": Entry(evoprompt_de, "smollm2", DE_PROFILES),
    "opro": Entry(opro, "smollm2", OPRO_PROFILES),
    "edits": Entry(edits, "smollm2", EDITS_PROFILES),
    "mipro": Entry(mipro, "smollm2", MIPRO_PROFILES),
}


def choose(
    name: str, profile: str | None, *, generations: int | None, population: int | None, seed_with: str | None = None
) -> Chosen:
    """Return the named strategy; `generations` and `population` replace the profile's numbers where given.

    With `seed_with`, that strategy gets a third of the generations, and about a third of the budget, in its profile of
    the same name or else its default; what it finds is the first population of the named one, which gets the rest.

    Raises:
        InvalidInput: if a strategy or the profile is unknown, the population is none that the strategy can have, or the
            strategy needs a library that is not installed.
    """
    entry = _entry(name)
    profile_name = profile or entry.default_profile
    if profile_name not in entry.profiles:
        raise InvalidInput(f"{name} has no profile {profile_name[:64]!r}; take one of {', '.join(entry.profiles)}")
    optuna = required_optuna() if "mipro" in {name, seed_with} else None
    then = replace(entry.chosen(name, profile_name, generations, population), optuna=optuna)
    if seed_with is None:
        return then
    if seed_with == name:
        raise InvalidInput(f"seed_with names {name} itself; give another strategy, or leave it out")
    seeding = _entry(seed_with)
    share = max(1, then.profile.generations // SHARES)
    first = seeding.chosen(
        seed_with, profile_name if profile_name in seeding.profiles else seeding.default_profile, share, None
    )
    then = entry.chosen(name, profile_name, max(1, then.profile.generations - share), population)
    # The second strategy's start counts as a generation too.
    total = share + 1 + then.profile.generations
    begin = partial(seeded, first=first.begin, then=then.begin, room=then.room, total=total)
    return replace(then, room=first.room, begin=begin, optuna=optuna)


def _entry(name: str) -> AnyEntry:
    entry = STRATEGIES.get(name)
    if entry is None:
        raise InvalidInput(f"no strategy is called {name[:64]!r}; take one of {', '.join(STRATEGIES)}")
    return entry
