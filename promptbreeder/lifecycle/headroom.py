"""Headroom: whether a search has anything to find, judged by cheap variants before anything is spent on one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from promptbreeder.evidence.intervals import wilson
from promptbreeder.evidence.noise import noise_floor
from promptbreeder.prompt import Decoding
from promptbreeder.results import Headroom, HeadroomKind

SOLVED, SOLVED_AT_LEAST = 0.95, 0.8
"""Accuracy from which on nothing is left to gain; the lower end of its interval too: a few answers prove little."""
BIASED = 0.25
"""A label given so much more often than it is right shows label bias."""
AS_IT_IS, DECODING = "as it is", "decoding"
"""What is tried first, and the variants that only take the answers in another way."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One prompt on the items of the check."""

    what: str
    """How it differs from the production prompt: the name of the edit."""
    decoding: str
    scores: tuple[float, ...]
    answers: tuple[str, ...]
    unparsable: int

    @property
    def accuracy(self) -> float:
        """Mean score."""
        return sum(self.scores) / max(1, len(self.scores))


@dataclass(frozen=True, slots=True)
class Check:
    """What was tried so far, the production prompt first."""

    skill: str
    version: int
    expected: tuple[str, ...]
    labels: tuple[str, ...]
    planned: int
    """Variants that there are, tried or not."""
    tried: tuple[Tried, ...]

    def with_tried(self, more: Sequence[Tried]) -> Self:
        """Return the check with more variants tried."""
        return replace(self, tried=(*self.tried, *more))

    @property
    def is_clear(self) -> bool:
        """Whether what was tried settles the verdict."""
        return self.kind != "none"

    @property
    def kind(self) -> HeadroomKind:
        """What the check found so far."""
        if self._now.accuracy >= SOLVED and wilson(sum(self._now.scores), len(self._now.scores)).low >= SOLVED_AT_LEAST:
            return "solved"
        if self._best.accuracy - self._now.accuracy <= self._noise:
            return "none"
        return "decoding" if self._best.what == DECODING else "room"

    @property
    def result(self) -> Headroom:
        """The check as it is told and stored."""
        n = max(1, len(self.expected))
        majority = max((self.expected.count(answer) for answer in self.expected), default=0) / n
        favourite, share, bias = self._favourite()
        found = Headroom(
            skill=self.skill,
            version=self.version,
            n=len(self.expected),
            as_it_is=self._now.accuracy,
            best=self._best.accuracy,
            best_by=_named(self._best),
            tried=len(self.tried) - 1,
            spread=self._best.accuracy - min(tried.accuracy for tried in self.tried),
            noise=self._noise,
            majority=majority if self.labels else None,
            unparsable=self._now.unparsable / n,
            favourite=favourite,
            favourite_share=share,
            label_bias=bias,
            kind=self.kind,
            worth_it=self.kind in {"decoding", "room"},
            verdict="",
        )
        return found.model_copy(update={"verdict": _sentence(found)})

    @property
    def _now(self) -> Tried:
        return self.tried[0]

    @property
    def _best(self) -> Tried:
        return max(self.tried, key=lambda tried: tried.accuracy)

    @property
    def _noise(self) -> float:
        rival = max(self.tried[1:] or self.tried, key=lambda tried: tried.accuracy)
        differences = [ours - theirs for ours, theirs in zip(rival.scores, self._now.scores, strict=True)]
        return noise_floor(differences, compared=self.planned)

    def _favourite(self) -> tuple[str | None, float | None, float | None]:
        """Return the label that the production prompt's text draws most, its share, and its share above what is right.

        Looked for where labels are chosen among and nothing is taken off them, if that was tried.
        """
        if not self.labels:
            return None, None, None
        plain = [tried for tried in self.tried if tried.what in {AS_IT_IS, DECODING}]
        answers = min(plain, key=lambda tried: tried.decoding != Decoding.CONSTRAINED).answers
        favourite = max(self.labels, key=answers.count)
        n = max(1, len(answers))
        return favourite, answers.count(favourite) / n, (answers.count(favourite) - self.expected.count(favourite)) / n


def _named(tried: Tried) -> str:
    return f"{tried.decoding} decoding" if tried.what == DECODING else tried.what


def _sentence(found: Headroom) -> str:
    if found.kind == "solved":
        return "Not worth evolving: it is nearly always right already."
    if found.tried == 0:
        return "Nothing to try: no way of decoding, demonstration or edit applies to this prompt."
    if found.kind == "none":
        return (
            f"Probably not worth evolving: none of {found.tried} cheap variants is further ahead than chance allows. "
            "Better labelled examples or a larger model may help more; a search with a large budget may still find "
            "something."
        )
    if found.kind == "room":
        return "Worth evolving: a variant that nobody searched for is clearly ahead already."
    biased = found.label_bias is not None and found.label_bias >= BIASED
    if biased and "calibrated" in found.best_by:
        reason = (
            f"the model says '{found.favourite}' far too often (label bias), and {found.best_by} alone puts it right"
        )
    else:
        reason = f"{found.best_by} alone is clearly ahead"
    more = "nothing else is needed" if found.best >= SOLVED else "examples may bring more"
    return f"Worth evolving, with a small budget first: {reason}; {more}."
