"""The options of a choice as a tree of tokens, so that what they share is read once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OptionTree:
    """Token paths of the options, each ended with the end of turn where one is the beginning of another.

    Without that, the shorter of two such options could never be less likely than the longer; where no option is the
    beginning of another, the end of turn tells nothing and is not paid for. A node is a beginning of a path; an inner
    one is followed by a token that must be scored.
    """

    paths: tuple[Path, ...]

    @classmethod
    def of(cls, options: Sequence[Sequence[int]], end_of_turn: int) -> "OptionTree":
        """Build the tree from the options' tokens."""
        paths = [tuple(tokens) for tokens in options]
        nested = any(a != b and b[: len(a)] == a for a in paths for b in paths) or () in paths
        return cls(tuple((*path, end_of_turn) if nested else path for path in paths))

    def inner_nodes(self) -> tuple[Path, ...]:
        """Return the distinct nodes after which a token must be scored, the root first, then by depth."""
        return tuple(dict.fromkeys(p[:depth] for depth in range(self.depth) for p in self.paths if len(p) > depth))

    def stems(self) -> tuple[Path, ...]:
        """Return the inner nodes that no other inner node goes on from: reading them reads all others."""
        nodes = self.inner_nodes()
        return tuple(node for node in nodes if not any(len(n) > len(node) and n[: len(node)] == node for n in nodes))

    def parts(self, most: int, cells: int) -> Iterator["OptionTree"]:
        """Cut the tree, in order, into trees of at most `most` stems and `cells` inner nodes; mostly it is one."""
        stems: list[Path] = []
        for stem in self.stems():
            # The root, and each stem's own nodes; what stems have in common is counted again and again.
            if stems and (len(stems) == most or 1 + sum(map(len, (*stems, stem))) > cells):
                yield self._with(stems)
                stems = []
            stems.append(stem)
        yield self._with(stems)

    def _with(self, stems: Sequence[Path]) -> "OptionTree":
        return OptionTree(tuple(path for path in self.paths if any(s[: len(path) - 1] == path[:-1] for s in stems)))

    @property
    def depth(self) -> int:
        """Length of the longest path."""
        return max(len(path) for path in self.paths)

    def nexts(self, node: Path) -> tuple[int, ...]:
        """Return the distinct tokens that follow `node` in the options."""
        depth = len(node)
        return tuple(dict.fromkeys(path[depth] for path in self.paths if len(path) > depth and path[:depth] == node))

    def forks(self) -> tuple[Path, ...]:
        """Return the nodes after which options part, the root first: where a choice is really made."""
        return tuple(node for node in self.inner_nodes() if len(self.nexts(node)) > 1)
