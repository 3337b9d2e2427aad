"""Skill: a named task on a small model, its examples, and the hash split that keeps the gate honest.

A split is a function of the skill's salt and the input as it is seen alone: it is stable as examples arrive, and
duplicates land together, so no example can leak from the gate into a prompt by being given twice.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from promptbreeder.labels import is_one_letter
from promptbreeder.prompt import Decoding
from promptbreeder.text import as_seen, normalise, scrub

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
MAX_EXAMPLE_CHARACTERS = 16_000
MAX_LABELS = 64
LABEL_TOKENS, TEXT_TOKENS = 16, 32
MAX_LABEL_CHARACTERS = 200
TRAIN_SHARE, SEARCH_SHARE = 0.3, 0.3
"""The rest, four in ten, is the gate split."""
MIN_SEARCH_EXAMPLES = 8
"""Evolving needs at least this many search examples."""
MIN_GATE_EXAMPLES = 20
"""With fewer gate examples the evidence is called insufficient."""
LEAST_VOTES = 7
"""With fewer votes no preference can be shown: 7 to 0 is the quickest."""

Metric = Literal["label", "exact", "contains", "regex", "number", "list", "json", "f1", "preference"]
_REVISED: Final[Mapping[Metric, int]] = {"json": 2, "list": 3, "number": 3}
"""Metrics that have judged otherwise before, and the metrics' version in which they last changed.

What they judged then is not compared with what they judge now."""
_LETTERS_REVISED: Final = 3
"""When labels of one letter came to be told from words; all other labels are judged as ever."""


def _scrubbed(value: object) -> object:
    return scrub(value) if isinstance(value, str) else value


def _not_blank(text: str) -> str:
    if not text.strip():
        message = "must not be empty"
        raise ValueError(message)
    return text


SCRUBBED = BeforeValidator(_scrubbed)
"""Stands after the length in an annotation, and comes before it: lengths are checked on what is left of a text."""
Scrubbed = Annotated[str, SCRUBBED]
NOT_BLANK = AfterValidator(_not_blank)
_JUDGED = " judged="


class Split(StrEnum):
    """train: demonstrations, failures shown to writers. search: fitness. gate: the reported accuracy, nothing else."""

    TRAIN = "train"
    SEARCH = "search"
    GATE = "gate"


class Example(BaseModel):
    """One input and, unless the skill is judged by taste alone, the answer that is right for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Annotated[str, Field(max_length=MAX_EXAMPLE_CHARACTERS), SCRUBBED, NOT_BLANK]
    expected: Annotated[str, Field(max_length=MAX_EXAMPLE_CHARACTERS), SCRUBBED] | None = None
    split: Split | None = None
    """Set to place the example by hand; normally the content hash decides."""


class Weights(BaseModel):
    """What fitness is made of; the three add up to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: float = Field(default=0.7, ge=0, le=1)
    latency: float = Field(default=0.2, ge=0, le=1)
    preference: float = Field(default=0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _sum_is_one(self) -> Self:
        total = self.accuracy + self.latency + self.preference
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            message = f"the weights add up to {total:g}; make accuracy + latency + preference = 1"
            raise ValueError(message)
        return self


PRESETS: dict[str, Weights] = {
    "balanced": Weights(accuracy=0.7, latency=0.2, preference=0.1),
    "fast": Weights(accuracy=0.5, latency=0.4, preference=0.1),
    "taste": Weights(accuracy=0.6, latency=0.2, preference=0.2),
    "accurate": Weights(accuracy=0.8, latency=0.1, preference=0.1),
}


class Settings(BaseModel):
    """What a skill's owner may tune."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: Weights = PRESETS["balanced"]
    latency_limit_seconds: float = Field(default=1.0, gt=0, le=600)
    """Up to here an answer is fast enough; at twice this the latency score is 0."""
    allowed_decoding: tuple[Decoding, ...] = (Decoding.FREE, Decoding.CONSTRAINED, Decoding.CALIBRATED)
    max_answer_tokens: int | None = Field(default=None, ge=1, le=1024)
    """Longest free answer; default: 16 for a skill with labels, 32 for others."""
    number_tolerance: float = Field(default=1e-6, ge=0, allow_inf_nan=False)
    """Metric `number`: largest absolute difference that still counts as right."""
    min_improvement: float = Field(default=0.05, ge=0, le=1)
    """Promotion: by so much the gate accuracy must be above production's."""
    min_accuracy: float | None = Field(default=None, ge=0, le=1)
    """Promotion: the least gate accuracy, whatever production's is."""
    token_limit: int | None = Field(default=None, ge=1)
    """Promotion: most tokens that an answer may take on average, read anew with a warm prefix and generated."""
    votes: int = Field(default=30, ge=LEAST_VOTES, le=10_000)
    """Votes after which a test of two versions ends without a preference; ties are votes."""
    days: float = Field(default=7, gt=0, le=3_650)
    """Days after its first vote when it does."""
    show_probability: float = Field(default=0.5, ge=0, le=1)
    """How often run_skill and get_prompt say that such a test is open."""
    opt_in_auto_promote: bool = Field(default=False, strict=True)
    """Promote a version by itself as soon as a run or a vote has made it ready."""

    opt_in_drift_actions: bool = False
    """The monitor may start an evolution, and roll back, by itself; otherwise it says what it would do."""

    @model_validator(mode="before")
    @classmethod
    def _known_and_expanded(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        if strange := [scrub(str(name))[:64] for name in data if name not in cls.model_fields]:
            message = f"unknown: {', '.join(strange[:5])}; there are {', '.join(cls.model_fields)}"
            raise ValueError(message)
        weights = data.get("weights", {})
        if isinstance(weights, Mapping | Weights):
            return data
        if (preset := PRESETS.get(str(weights))) is None:
            message = (
                f"unknown weights preset {scrub(str(weights))[:64]!r}; take one of {', '.join(PRESETS)}, or give "
                '{"accuracy": ..., "latency": ..., "preference": ...}, three numbers that add up to 1'
            )
            raise ValueError(message)
        return {**data, "weights": preset}

    @model_validator(mode="after")
    def _some_decoding(self) -> Self:
        if not self.allowed_decoding:
            message = "allowed_decoding is empty; allow at least one of free, constrained, calibrated"
            raise ValueError(message)
        return self


class Skill(BaseModel):
    """What a skill is, apart from its examples, versions and history."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: Annotated[str, Field(max_length=2_000), SCRUBBED, NOT_BLANK]
    labels: tuple[Scrubbed, ...] = Field(default=(), max_length=MAX_LABELS)
    metric: Metric = "exact"
    settings: Settings = Settings()
    model: str
    """The executor that the skill is bound to, as its backend names it."""
    salt: str
    """Random, drawn at creation: decides the splits."""
    inherit_from: str | None = None
    """Another skill, whose production prompt the first run begins with as far as it can be carried over."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not SLUG.fullmatch(self.name):
            message = (
                f"{scrub(self.name)[:80]!r} is not a skill name; use 1-64 of a-z, 0-9 and '-', beginning with a letter "
                "or digit, for example 'ticket-route'"
            )
            raise ValueError(message)
        if not self.model.isprintable():
            message = "the model's name holds line breaks or characters that cannot be seen"
            raise ValueError(message)
        if any(not label.strip() or len(label) > MAX_LABEL_CHARACTERS for label in self.labels):
            message = f"a label is empty or longer than {MAX_LABEL_CHARACTERS} characters"
            raise ValueError(message)
        if len(self.labels) == 1:
            message = "one label leaves nothing to choose; give at least two labels, or none for free text"
            raise ValueError(message)
        if len({normalise(label) for label in self.labels}) != len(self.labels):
            message = "two labels are the same apart from case or spaces; make them distinct"
            raise ValueError(message)
        if self.metric == "label" and not self.labels:
            message = "metric 'label' needs the list of labels"
            raise ValueError(message)
        return self

    @property
    def decodings(self) -> tuple[Decoding, ...]:
        """The ways of decoding that this skill can use: without labels only free generation makes sense."""
        if not self.labels:
            return (Decoding.FREE,)
        return self.settings.allowed_decoding

    @property
    def expects_patterns(self) -> bool:
        """Whether what examples expect is a pattern that right answers match, and no right answer itself."""
        return self.metric == "regex"

    def as_labels(self, answers: Iterable[str | None]) -> tuple[str | None, ...]:
        """Return expected answers as their labels are written: an example may have other letters or spacing.

        Under a metric that tells letters or spacing apart, or without labels, as they are.
        """
        if self.metric not in {"label", "exact"}:
            return tuple(answers)
        written = {normalise(label): label for label in self.labels}
        return tuple(None if answer is None else written.get(normalise(answer), answer) for answer in answers)

    @property
    def answer_tokens(self) -> int:
        """Longest free answer, in tokens; what has not named a label by then will not."""
        return self.settings.max_answer_tokens or (LABEL_TOKENS if self.labels else TEXT_TOKENS)

    @property
    def family(self) -> str:
        """The model's family, whatever its size and backend: what is learnt on one member is tried on the others."""
        name = re.split(r"[/\\]", self.model.lower().removeprefix("ollama:").removeprefix("embedded:"))[-1]
        found = re.match(r"[a-z]+[0-9.]*[0-9]|[a-z]+", name)
        return found.group() if found else name

    @property
    def judged_since(self) -> int:
        """The metrics' version since which answers to this skill are judged as they are; 0: since ever."""
        if self.metric == "label" and any(map(is_one_letter, self.labels)):
            return _LETTERS_REVISED
        return _REVISED.get(self.metric, 0)

    @property
    def judged(self) -> str:
        """Digest of all that decides how answers are taken and judged: labels, metric and limits can be redefined."""
        rules: tuple[object, ...] = (self.metric, self.labels, self.answer_tokens, self.settings.number_tolerance)
        if self.judged_since:
            rules = (*rules, self.judged_since)
        return hashlib.sha256(repr(rules).encode()).hexdigest()[:12]

    def measured_on(self, fingerprint: str) -> str:
        """Return the identity of measurements made under the present rules on the model `fingerprint`."""
        return f"{fingerprint}{_JUDGED}{self.judged}"

    @staticmethod
    def same_model(measured_on: str, fingerprint: str) -> bool:
        """Tell whether measurements were made on the model `fingerprint`, under whatever rules."""
        return measured_on.rpartition(_JUDGED)[0] == fingerprint

    def answered_by(self, weights: str) -> str:
        """Return what votes are about: answers of these weights under the present rules.

        Not of the model's fingerprint: an update of what computes makes a user's votes no older than their taste.
        """
        return f"{weights}{_JUDGED}{self.judged}"

    @staticmethod
    def weights_of(answered_by: str) -> str:
        """Return the weights that answered, under whatever rules."""
        return answered_by.rpartition(_JUDGED)[0]

    def split_of(self, example: Example) -> Split:
        """Return the split of `example`: 30 % train, 30 % search, 40 % gate by content hash."""
        if example.split is not None:
            return example.split
        share = int(input_hash(self.salt, example.input)[:13], 16) / 16**13
        if share < TRAIN_SHARE:
            return Split.TRAIN
        return Split.SEARCH if share < TRAIN_SHARE + SEARCH_SHARE else Split.GATE


def input_hash(salt: str, text: str) -> str:
    """Return the hexadecimal SHA-256 of the salt and the input as it is seen: the example's identity in a skill."""
    return hashlib.sha256(f"{salt}\0{as_seen(text)}".encode()).hexdigest()
