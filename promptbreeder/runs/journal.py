"""The journal of a run, as the driver sees it: an append-only list of asks and what they were answered."""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from promptbreeder.evaluation.meter import Usage
from promptbreeder.evolution import asks
from promptbreeder.prompt import Prompt
from promptbreeder.runs.ledger import BlockResult


class Gate(BaseModel):
    """The runner's own ask, which no strategy can make: measure two prompts on the gate split, paired."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["gate"] = "gate"
    incumbent: Prompt
    challenger: Prompt
    incumbent_prior: tuple[float, ...] | None = None
    """The calibration that the incumbent is executed with; None: it is calibrated like the challenger."""


class Probe(BaseModel):
    """The runner's own ask: let the best prompt answer train examples, to show what fails; answered like `Attempt`."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["probe"] = "probe"
    prompt: Prompt
    tokens: int
    """What it may take, about; as many train examples as fit are answered."""


class GateSide(BaseModel):
    """One prompt on the gate split."""

    model_config = ConfigDict(frozen=True)

    scores: tuple[float, ...]
    """Correctness, item by item, in the order of the plan's gate ids; both sides equally long."""
    unparsable: int
    fresh_tokens: int
    completion_tokens: int
    prior: tuple[float, ...] | None = None
    """The calibration that it was measured with."""
    parsed: tuple[bool, ...] | None = None
    """Item by item, whether the answer had the expected form; None in a journal from before that was kept."""

    def on(self, kept: Sequence[bool]) -> Self:
        """Return the side on the gate items that are kept; the counts stay those of all items."""
        # Shorter than the plan's ids where the budget ended first.
        scores = tuple(itertools.compress(self.scores, kept))
        parsed = None if self.parsed is None else tuple(itertools.compress(self.parsed, kept))
        return self.model_copy(update={"scores": scores, "parsed": parsed})


class Gated(BaseModel):
    """Answer to `Gate`."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["gated"] = "gated"
    incumbent: GateSide
    challenger: GateSide

    def on(self, kept: Sequence[bool]) -> "Gated":
        """Return both sides on the gate items that are kept; `kept` is in the order of the plan's gate ids."""
        return Gated(incumbent=self.incumbent.on(kept), challenger=self.challenger.on(kept))


AnyAsk = asks.Write | asks.Measure | asks.Attempt | asks.Immigrants | asks.Generation | asks.Handover | Probe | Gate
AnyAnswer = Annotated[
    asks.Written | asks.Measured | asks.Attempted | asks.Arrived | asks.Told | asks.HandedOver | Gated,
    Field(discriminator="kind"),
]


class Entry(BaseModel):
    """What is stored for one ask: the answer, and all else that the runner derives its state from."""

    model_config = ConfigDict(frozen=True)

    answer: AnyAnswer
    usage: Usage
    """What answering cost, nominally and really."""
    charged: tuple[str, ...] = ()
    """Keys of the blocks that were charged."""
    results: tuple[BlockResult, ...] = ()
    """New block results that the answer was computed from."""
    exhausted: bool = False
    """The budget ended while this was being answered; the answer is what was reached."""
    seconds: float = 0.0
    """Active time of the run when this was answered."""


ENTRY = TypeAdapter(Entry)


def ask_hash(ask: AnyAsk) -> str:
    """Return the identity of an ask: a replay that asks something else runs other code than wrote the journal."""
    return hashlib.sha256(ask.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Stored:
    """One journaled ask."""

    ask_kind: str
    ask_hash: str
    entry: Entry


Welcome = Callable[[tuple[Prompt, ...]], asks.Arrived]
"""Makes the answer to `Immigrants` of the prompts taken; it may be called again where the store was busy."""


class Journal(Protocol):
    """Where the driver reads and writes its journal; every append checks that the run is still this process's."""

    async def read(self) -> tuple[Stored, ...]:
        """Return all entries, in order."""
        ...

    async def append(self, number: int, ask: AnyAsk, entry: Entry) -> None:
        """Store the answer to the `number`-th ask.

        Raises:
            LeaseLost: if another process took the run over.
        """
        ...

    async def append_arrivals(self, number: int, ask: AnyAsk, seconds: float, welcome: Welcome) -> Entry:
        """Take the prompts handed in from outside and store what `welcome` answers them, in one transaction."""
        ...
