"""What a strategy may ask for, and what it is answered.

A strategy is a plain generator: it yields asks and receives answers. It never sees a model, a clock or a database, and
all its randomness comes from the one `random.Random` it is given; that is what makes resume by replay sound and lets a
test drive it by hand. Every ask and answer is a frozen pydantic model, because both are journaled as JSON.

    texts  = yield Write(...)         Written: one raw text per request, as the writer model gave it
    scores = yield Measure(...)       Measured: one Score per prompt, on blocks of the search split
    tried  = yield Attempt(...)       Attempted: the executor's own working and answer on train examples
    guests = yield Immigrants()       Arrived: prompts handed in from outside since the last time
    _      = yield Generation(...)    Told: progress and lineage, no answer expected
    over   = yield Handover(...)      HandedOver: whether the strategy that goes first is to end here
"""

from collections.abc import Generator, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from promptbreeder.evolution.credit import Record
from promptbreeder.prompt import Message, Prompt
from promptbreeder.skill import Example


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Draft(_Frozen):
    """One request to the writer: chat messages, and how to sample."""

    messages: tuple[Message, ...]
    opening: str = ""
    """First words of the assistant's turn, put there so that a small writer continues instead of chatting."""
    temperature: float = 0.8
    seed: int
    """Drawn from the run's random generator; part of the cache key."""
    max_tokens: int = 96
    stop: tuple[str, ...] = ()
    """Texts at which to stop; a small writer rarely knows when it has said enough."""


class Write(_Frozen):
    """Ask the writer for texts, a batch at a time."""

    kind: Literal["write"] = "write"
    drafts: tuple[Draft, ...]


class Written(_Frozen):
    """Answer to `Write`: raw texts in the order of the drafts, without the opening; empty where the writer failed."""

    kind: Literal["written"] = "written"
    texts: tuple[str, ...]
    unsent: int = 0
    """How many of the last drafts the budget did not reach: their texts are empty, and not the writer's fault."""


class Measure(_Frozen):
    """Ask for prompts to be measured on blocks of the search split: the same items in the same order for each."""

    kind: Literal["measure"] = "measure"
    prompts: tuple[Prompt, ...]
    blocks: tuple[int, ...]
    """Indices of search blocks (`Task.blocks` many exist), measured in this order."""
    race: bool = False
    """A prompt that has lost to the best one measured on everything is not measured further; incomplete, it is told."""


class Score(_Frozen):
    """How one prompt did on the blocks asked for."""

    fitness: float
    """The skill's weighted fitness over the items measured; what ranks units."""
    accuracy: float
    """Mean correctness over the items measured, 0-1."""
    items: int
    """How many items were measured."""
    complete: bool
    """All blocks asked for were measured; an incomplete score ranks below every complete one."""
    unparsable: int = 0
    """Answers in which no answer of the expected form was found."""
    likelihood: float | None = None
    """Mean log-probability of the expected label, in nats; None where answers are not chosen among labels."""


class Measured(_Frozen):
    """Answer to `Measure`: one score per prompt, in order."""

    kind: Literal["measured"] = "measured"
    scores: tuple[Score, ...]


class Attempt(_Frozen):
    """Ask the executor to answer train examples under a prompt: material for workings-out and failures."""

    kind: Literal["attempt"] = "attempt"
    prompt: Prompt
    items: tuple[int, ...]
    """Indices into `Task.train`."""


class Trial(_Frozen):
    """One attempt: what the executor wrote, and whether its answer was right."""

    item: int
    working: str
    """All that the executor wrote before and including the answer."""
    answer: str
    right: bool


class Attempted(_Frozen):
    """Answer to `Attempt`, in the order of the items."""

    kind: Literal["attempted"] = "attempted"
    trials: tuple[Trial, ...]


class Immigrants(_Frozen):
    """Ask for the prompts handed in from outside since the last time."""

    kind: Literal["immigrants"] = "immigrants"


class Arrived(_Frozen):
    """Answer to `Immigrants`."""

    kind: Literal["arrived"] = "arrived"
    prompts: tuple[Prompt, ...] = ()
    parents: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """Of prompts that were made of those handed in, by content hash: what of; the runner's, to tell a generation by."""


class Unit(_Frozen):
    """A member of the population (PromptBreeder, arXiv 2309.16797, section 3).

    Its task-prompts and, in few-shot mode, its context of workings-out are the fields of `prompt`.
    """

    prompt: Prompt
    mutation_prompt: str
    score: Score | None = None
    operator: str = "seed"
    """What made it."""
    parents: tuple[str, ...] = ()
    """Content hashes of the prompts it was made from."""
    elites: tuple[str, ...] = ()
    """Task-prompts that were this unit's best so far, oldest first (lineage mutation, section 3.2.2)."""


class Generation(_Frozen):
    """Tell how far the search is: for progress, lineage, and credit of operators."""

    kind: Literal["generation"] = "generation"
    number: int
    total: int
    units: tuple[Unit, ...]
    rejected: dict[str, int] = Field(default_factory=dict)
    """Writer texts rejected so far, by reason."""
    written: int = 0
    """Writer texts received so far."""


class Told(_Frozen):
    """Answer to `Generation`."""

    kind: Literal["told"] = "told"


class Handover(_Frozen):
    """Ask, between two generations of a strategy that goes first, whether it has had its share of the budget."""

    kind: Literal["handover"] = "handover"
    ended: bool = False
    """It ended by itself: this only tells so."""


class HandedOver(_Frozen):
    """Answer to `Handover`."""

    kind: Literal["handed over"] = "handed over"
    now: bool
    """The other strategy goes on from here."""


Ask = Annotated[Write | Measure | Attempt | Immigrants | Generation | Handover, Field(discriminator="kind")]
Answer = Annotated[Written | Measured | Attempted | Arrived | Told | HandedOver, Field(discriminator="kind")]
Strategy = Generator[Ask, Answer, None]
MOST_LIST_CHARACTERS = 2_400
"""About six hundred tokens, which a small model reads in half a second."""


class Task(_Frozen):
    """All that a strategy may know about the skill; frozen in the run's row. Nothing of the gate split is in it."""

    description: str
    seeds: tuple[Prompt, ...]
    """Prompts to start from, the production prompt first; under another decoding where its own is not allowed."""
    labels: tuple[str, ...] = ()
    decodings: tuple[str, ...] = ("free",)
    """Values of `Decoding` that candidates may use, in the skill's order."""
    train: tuple[Example, ...] = ()
    expects_patterns: bool = False
    """What `train` expects are patterns: they judge answers and are none, so they are neither shown nor described."""
    blocks: int
    """Number of blocks that the search split is cut into."""
    block_size: int
    max_instruction_characters: int = 1_000
    list_characters: int = MOST_LIST_CHARACTERS
    """Of a list of demonstrations that is drawn anew: what the run can afford to read again and again."""
    priors: Mapping[str, Record] = Field(default_factory=dict)
    """How operators have done elsewhere, by name; empty where nothing is known."""

    def has_room_for(self, text: str, *sources: str) -> bool:
        """Tell whether an instruction is short enough: as a search may write them, or no longer than a source of it."""
        return len(text) <= max([self.max_instruction_characters, *map(len, sources)])
