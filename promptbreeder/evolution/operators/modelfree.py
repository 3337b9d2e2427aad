"""The operators that need no writer, and how they step in when a writer has failed."""

from collections.abc import Callable, Sequence

from promptbreeder.evolution.asking import Step
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.operators.demonstrations import edit_demonstrations
from promptbreeder.evolution.operators.layout import change_decoding, change_layout
from promptbreeder.evolution.operators.phrase_edits import edit_phrases
from promptbreeder.evolution.population import Population

Move = Callable[[Unit, Population, Context], Unit]
MOVES: dict[str, Move] = {
    "phrases": edit_phrases,
    "demonstrations": edit_demonstrations,
    "layout": change_layout,
    "decoding": change_decoding,
}
_TRIES = 6


def as_operator(move: Move) -> Callable[[Unit, Population, Context], Step[Unit]]:
    """Return `move` under the signature of all operators."""

    def operator(unit: Unit, population: Population, context: Context) -> Step[Unit]:
        yield from ()
        return move(unit, population, context)

    return operator


def made_new(unit: Unit, population: Population, context: Context) -> Unit:
    """Return `unit`, moved at random until its prompt is none of the population's.

    After a few tries the duplicate is accepted: on a task with nothing to vary, a run must still go on.
    """
    taken = [member.prompt.content_hash for member in population]
    moved = unit
    for _ in range(_TRIES):
        if moved.prompt.content_hash not in taken:
            return moved
        moved = MOVES[context.rng.choice(list(MOVES))](unit, population, context)
    return moved


def renewed(child: Unit, population: Population, context: Context) -> Unit:
    """Return `child`, moved as in `made_new`; credit and lineage stay with what made it, the move adds its name."""
    made = made_new(child, population, context)
    if made is child:
        return child
    return made.model_copy(update={"operator": f"{child.operator}+{made.operator}", "parents": child.parents})


def all_renewed(children: Sequence[Unit], population: Population, context: Context) -> Population:
    """Return `children`, each `renewed` against the population and those before it."""
    new: list[Unit] = []
    for child in children:
        new.append(renewed(child, (*population, *new), context))
    return tuple(new)
