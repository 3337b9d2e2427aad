"""The options of a choice as a tree of tokens, so that what they share is read once."""

from collections.abc import Sequence
from dataclasses import dataclass

Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OptionTree:
    """Token paths of the options, each ended with the end of turn where one is the beginning of another.

    Without that, the shorter of two such options could never be less likely than the longer; where no option is the
    beginning of another, the end of turn tells nothing and is not paid for.
    """

    paths: tuple[Path, ...]

    @classmethod
    def of(cls, options: Sequence[Sequence[int]], end_of_turn: int) -> "OptionTree":
        """Build the tree from the options' tokens."""
        paths = [tuple(tokens) for tokens in options]
        nested = any(a != b and b[: len(a)] == a for a in paths for b in paths)
        return cls(tuple((*path, end_of_turn) if nested else path for path in paths))

    def inner_nodes(self, depth: int) -> tuple[Path, ...]:
        """Return the distinct beginnings of length `depth` after which a further token must be scored."""
        return tuple(dict.fromkeys(path[:depth] for path in self.paths if len(path) > depth))

    @property
    def depth(self) -> int:
        """Length of the longest path."""
        return max(len(path) for path in self.paths)

    def nexts(self, node: Path) -> tuple[int, ...]:
        """Return the distinct tokens that follow `node` in the options."""
        depth = len(node)
        return tuple(dict.fromkeys(path[depth] for path in self.paths if len(path) > depth and path[:depth] == node))

    def forks(self) -> tuple[Path, ...]:
        """Return the beginnings after which options part, the root first: where a choice is really made."""
        nodes = [node for depth in range(self.depth) for node in self.inner_nodes(depth)]
        return tuple(node for node in nodes if len(self.nexts(node)) > 1)
