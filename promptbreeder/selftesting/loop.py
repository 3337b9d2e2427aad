"""One run of the whole loop on a skill where there is nothing to find."""

from dataclasses import dataclass
from random import Random

from promptbreeder.errors import NotPromotable, RunError
from promptbreeder.prompt import Decoding
from promptbreeder.requests import EvolveRequest
from promptbreeder.selftesting.null import null_skill
from promptbreeder.selftesting.voting import VOTER, voted_to_the_end
from promptbreeder.service import Service

WAIT_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How a loop searches."""

    strategy: str
    decoding: Decoding
    budget_tokens: int = 50_000
    generations: int | None = 2
    population: int | None = 8


@dataclass(frozen=True, slots=True)
class Looped:
    """What came of one loop."""

    promoted: bool
    ahead_on_search: bool
    """A candidate was better than production where the search chose it: enough for a rule without a gate."""
    ahead_on_gate: bool
    """It was better on the gate split as well, by however little: enough for a rule without statistics."""
    tokens: int


async def loop(service: Service, name: str, seed: int, effort: Effort) -> Looped:
    """Define a null skill, evolve it, and try to promote what was found: at once, and again after every vote.

    Raises:
        RunError: if the run did not come to its end, with its last word.
    """
    await service.define_skill(null_skill(name, seed, effort.decoding), VOTER, must_be_new=True)
    request = EvolveRequest(
        skill=name,
        strategy=effort.strategy,
        generations=effort.generations,
        population=effort.population,
        budget_tokens=effort.budget_tokens,
        seed=seed,
    )
    run = await service.evolve(request, VOTER, wait_seconds=WAIT_SECONDS)
    if run.status != "finished" or run.baseline is None:
        raise RunError(f"run {run.run_id} of the self-test is {run.status}: {run.verdict}")
    version = run.version
    return Looped(
        promoted=version is not None and await _ever_promoted(service, name, version, Random(seed)),
        ahead_on_search=run.best is not None and run.best.search_score > run.baseline,
        # A run makes a version of its winner only if that has more right on the gate split.
        ahead_on_gate=version is not None,
        tokens=run.tokens,
    )


async def _ever_promoted(service: Service, name: str, version: int, rng: Random) -> bool:
    promoted = False

    async def attempt() -> bool:
        nonlocal promoted
        try:
            await service.promote(name, version, "self-test", VOTER)
        except NotPromotable:
            return False
        promoted = True
        return True

    if not await attempt():
        await voted_to_the_end(service, name, version, rng, attempt)
    return promoted
