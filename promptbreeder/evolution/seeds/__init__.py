"""The mutation-prompts and thinking styles that a population starts from, written for this project, one a line.

The paper lists its own in appendices C and D; these are short and plain, because the smallest writers must follow them.
"""

from functools import cache
from importlib.resources import files


def mutation_prompts() -> tuple[str, ...]:
    """Return what may be asked of a writer to change a task-prompt."""
    return _lines("mutation_prompts.txt")


def thinking_styles() -> tuple[str, ...]:
    """Return general ways of approaching a task, which make first re-descriptions differ from each other."""
    return _lines("thinking_styles.txt")


@cache
def _lines(name: str) -> tuple[str, ...]:
    text = (files("promptbreeder.evolution.seeds") / name).read_text(encoding="utf-8")
    return tuple(line.strip() for line in text.splitlines() if line.strip())
