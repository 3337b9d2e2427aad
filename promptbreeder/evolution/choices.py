"""A grid of prompts: instruction x demonstrations x decoding, and a prompt's place in it.

Prompts from outside are taken in by widening the grid, so that each of their parts can be combined with all others.
"""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from promptbreeder.prompt import Decoding, Demonstration, Prompt


class Point(NamedTuple):
    """Which choice is made on each axis, by index."""

    frame: int
    shots: int
    decoding: int


@dataclass(slots=True)
class Grid:
    """The choices on each axis."""

    frames: list[Prompt]
    """Instructions with their layout: prompts without demonstrations, decoded freely."""
    shots: list[tuple[Demonstration, ...]]
    decodings: tuple[Decoding, ...]

    @property
    def sizes(self) -> Point:
        """How many choices each axis has."""
        return Point(len(self.frames), len(self.shots), len(self.decodings))

    def take_in(self, prompt: Prompt) -> None:
        """Widen the grid so that `prompt` is in it, unless it is decoded in a way that the task does not allow."""
        if prompt.decoding not in self.decodings:
            return
        frame = _frame(prompt)
        self.frames += [frame] if frame not in self.frames else []
        self.shots += [prompt.demonstrations] if prompt.demonstrations not in self.shots else []

    def at(self, point: Point) -> Prompt:
        """Return the prompt at `point`."""
        shots, decoding = self.shots[point.shots], self.decodings[point.decoding]
        return self.frames[point.frame].but(demonstrations=shots, decoding=decoding)

    def place_of(self, prompt: Prompt) -> Point | None:
        """Return where `prompt` is; None for one that was not taken in."""
        frame = _frame(prompt)
        if frame in self.frames and prompt.demonstrations in self.shots and prompt.decoding in self.decodings:
            return Point(
                self.frames.index(frame),
                self.shots.index(prompt.demonstrations),
                self.decodings.index(prompt.decoding),
            )
        return None

    def points(self) -> list[Point]:
        """Return all points, in order."""
        return [Point(*indices) for indices in product(*map(range, self.sizes))]


def _frame(prompt: Prompt) -> Prompt:
    return prompt.but(demonstrations=(), decoding=Decoding.FREE)
