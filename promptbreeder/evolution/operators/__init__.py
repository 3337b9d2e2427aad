"""The mutation operators by name.

Each takes a unit, the population around it and the context, may ask, and ends in a child. A child with the parent's
prompt means that the operator had nothing to offer; `mutated` then makes the child without a model.
"""

from collections.abc import Callable

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.asking import Step
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.operators.differential import differential
from promptbreeder.evolution.operators.direct import first_order, zero_order
from promptbreeder.evolution.operators.distribution import eda, eda_rank, lineage
from promptbreeder.evolution.operators.hypermutation import first_order_hyper, zero_order_hyper
from promptbreeder.evolution.operators.lamarck import lamarck
from promptbreeder.evolution.operators.modelfree import MOVES, as_operator, renewed
from promptbreeder.evolution.operators.remedied import remedied
from promptbreeder.evolution.population import Population, child_of

Operator = Callable[[Unit, Population, Context], Step[Unit]]
OPERATORS: dict[str, Operator] = {
    "zero-order": zero_order,
    "first-order": first_order,
    "eda": eda,
    "eda-rank": eda_rank,
    "lineage": lineage,
    "zero-order-hyper": zero_order_hyper,
    "first-order-hyper": first_order_hyper,
    "lamarck": lamarck,
    "differential": differential,
    "remedy": remedied,
    **{name: as_operator(move) for name, move in MOVES.items()},
}


def mutated(name: str, unit: Unit, population: Population, context: Context) -> Step[Unit]:
    """Return the child that the operator `name` makes of `unit`, its prompt new to the population if at all possible.

    Raises:
        InvalidInput: if there is no such operator.
    """
    if name not in OPERATORS:
        raise InvalidInput(f"no operator is called {name!r}; take some of {', '.join(OPERATORS)}")
    child = yield from OPERATORS[name](unit, population, context)
    if child is unit:
        child = child_of(unit, name, unit.prompt)
    return renewed(child, (unit, *population), context).model_copy(update={"score": None})
