"""What the use cases are asked: validated once, here, whichever door the request came through."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from promptbreeder.errors import InvalidInput
from promptbreeder.prompt import MAX_PROMPT_CHARACTERS
from promptbreeder.skill import NOT_BLANK, SCRUBBED, Example, Metric, Scrubbed, Settings
from promptbreeder.text import scrub

MAX_EXAMPLES = 10_000
"""That are taken at a time; a skill may have more."""
MAX_EXAMPLES_PER_CALL = 500
MAX_CANDIDATES = 64
BUDGET_TOKENS = (2_000, 2_000_000)
DEFAULT_BUDGET_TOKENS = 75_000
MAX_SEED = 2**31 - 1
_SHOWN = 8
"""Problems that one message lists at most."""


PromptText = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS), SCRUBBED, NOT_BLANK]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: recorded with every change."""

    kind: Literal["human", "assistant", "system"]
    client: str
    """Name and version of the client program, as it gives them: scrubbed like all text from outside."""

    def __post_init__(self) -> None:
        """Let no character in that could not be stored."""
        object.__setattr__(self, "client", scrub(self.client))


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Return the validated request.

        Raises:
            InvalidInput: naming every field that is wrong and why.
        """
        try:
            return cls.model_validate(dict(data))
        except ValidationError as error:
            raise InvalidInput(explain(error)) from error


class SkillDefinition(_Request):
    """A skill as a user describes it: a file in `examples/`, or the arguments of define_skill."""

    name: str
    description: Annotated[str, Field(max_length=2_000), SCRUBBED, NOT_BLANK] | None = None
    """Default: that of the skill; a new one must have one."""
    prompt: PromptText
    variant: PromptText | None = None
    """A second prompt of the user's own: becomes a version beside the first, to be compared with it."""
    examples: tuple[Example, ...] = Field(default=(), max_length=MAX_EXAMPLES)
    labels: tuple[Scrubbed, ...] = ()
    metric: Metric | None = None
    """Default: `label` where there are labels, else `exact`."""
    salt: Annotated[Scrubbed, Field(min_length=1, max_length=64)] | None = None
    """Decides which example falls into which split; default: random for a new skill. Given, the split is repeatable."""
    settings: Settings | None = None
    """Default: those of the skill, or the defaults for a new one."""
    inherit_from: Annotated[Scrubbed, Field(max_length=64)] | None = None
    """Another skill: what can be carried over of its production prompt is tried first in the first run."""


class EvolveRequest(_Request):
    """What to evolve, and how much to spend."""

    skill: str
    strategy: str = "auto"
    profile: str | None = None
    seed_with: str | None = None
    """Strategy that makes the first population of `strategy`."""
    generations: int | None = Field(default=None, ge=1, le=200)
    population: int | None = Field(default=None, ge=2, le=100)
    budget_tokens: int = Field(default=DEFAULT_BUDGET_TOKENS, ge=BUDGET_TOKENS[0], le=BUDGET_TOKENS[1])
    seed: int = Field(default=1, ge=0, le=MAX_SEED)
    candidates: tuple[PromptText, ...] = Field(default=(), max_length=MAX_CANDIDATES)
    run_id: str | None = None


class BundledCalibration(_Request):
    """Mean log-probability of each label under a version, and where it was measured."""

    fingerprint: Annotated[Scrubbed, Field(max_length=1_000)]
    prior: tuple[Annotated[float, Field(allow_inf_nan=False)], ...]


class BundledVersion(_Request):
    """One version in a bundle."""

    version: int = Field(ge=1)
    content_hash: str
    prompt: dict[str, Any]
    """As it was hashed; a `Prompt` once that was verified."""
    origin: str
    operator: Annotated[Scrubbed, Field(max_length=100)]
    parents: tuple[int, ...]
    calibration: BundledCalibration | None
    gate: dict[str, Any] | None
    """For whoever reads the file: it is measured anew here."""
    created_at: Annotated[
        AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(9999, 1, 1, tzinfo=UTC))
    ]


class Bundle(SkillDefinition):
    """A whole skill as `export` writes it: a skill file with its model and all versions, sealed by a hash."""

    examples: tuple[Example, ...] = ()
    """As many as the skill had."""
    model: Annotated[Scrubbed, Field(max_length=300)]
    production: int
    versions: tuple[BundledVersion, ...] = Field(min_length=1)
    hash: str
    """Of all else in the file."""


def explain(error: ValidationError) -> str:
    """Return a validation error as one plain sentence a field, without pydantic's links or the input's bodies."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown; leave it out, or correct the name"
        lines.append(f"{where}: {message}" if where else message)
    return "; ".join(lines[:_SHOWN]) + (f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else "")


def parse_json(text: str) -> Mapping[str, Any]:
    """Return the JSON object in `text`.

    Raises:
        InvalidInput: if it is not one.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not a JSON file: {error}") from error
    if not isinstance(data, dict):
        raise InvalidInput("the file holds no JSON object; a skill is {name, description, prompt, examples, ...}")
    return data
