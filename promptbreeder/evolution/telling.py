"""What goes between a search and its surroundings: guests that join it, and the reports of its generations."""

from collections.abc import Callable

from promptbreeder.evolution.asking import Step, tell
from promptbreeder.evolution.asks import Generation, Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.measuring import ranked
from promptbreeder.evolution.population import Population
from promptbreeder.evolution.validation import Rejection
from promptbreeder.prompt import Prompt


def immigrant(prompt: Prompt) -> Unit:
    """Return the unit of a prompt handed in from outside, for strategies without mutation-prompts."""
    return Unit(prompt=prompt, mutation_prompt="", operator="immigrant")


def newcomers(units: Population, prompts: tuple[Prompt, ...], guest: Callable[[Prompt], Unit]) -> list[Unit]:
    """Return the units that `guest` makes of those prompts that are not among `units`, each once."""
    known = [unit.prompt.content_hash for unit in units]
    guests = {prompt.content_hash: prompt for prompt in prompts if prompt.content_hash not in known}
    return [guest(prompt) for prompt in guests.values()]


def joined(
    units: Population, prompts: tuple[Prompt, ...], guest: Callable[[Prompt], Unit], ledger: Ledger
) -> Population:
    """Let prompts handed in from outside replace the worst measured units, all but one of them.

    More guests than that make the population larger: none is pushed out before it was measured.
    """
    joining = newcomers(units, prompts, guest)
    order = ranked(tuple(unit for unit in units if unit.score), ledger)
    for leaving in order[:0:-1][: len(joining)]:
        place = next(index for index, unit in enumerate(units) if unit.prompt == leaving.prompt)
        units = (*units[:place], joining.pop(0), *units[place + 1 :])
    return (*units, *joining)


def report(number: int, units: Population, context: Context) -> Step[None]:
    """Tell of generation `number`."""
    yield from tell(
        Generation(
            number=number,
            total=context.profile.generations,
            units=units,
            rejected=dict(context.tally.rejected),
            written=context.tally.written,
        )
    )


def without_unsent(told: Generation, unsent: int) -> Generation:
    """Return what is told without the texts that nobody was asked for, which a strategy takes for empty ones."""
    less = {Rejection.EMPTY.value: unsent}
    left = {reason: count - less.get(reason, 0) for reason, count in told.rejected.items()}
    rejected = {reason: count for reason, count in left.items() if count > 0}
    return told.model_copy(update={"rejected": rejected, "written": told.written - unsent})
