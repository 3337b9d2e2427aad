"""Segment ablation (PMPO)."""

from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.evolution.operators.ablation import ablated, cuts, pruned
from promptbreeder.evolution.phrases import split
from promptbreeder.prompt import Prompt

FOUR = Prompt(instruction="Read it. Be polite.\nName the queue. Hurry.")


def test_each_cut_is_the_instruction_without_one_segment() -> None:
    """One candidate a segment, and nothing else changed."""
    assert [ablated(FOUR, cut).instruction for cut in cuts(FOUR.instruction, 9)] == [
        "Be polite.\nName the queue. Hurry.",
        "Read it. Name the queue. Hurry.",
        "Read it. Be polite.\nHurry.",
        "Read it. Be polite.\nName the queue.",
    ]


@given(st.lists(st.sampled_from(("Be quick.", "Read it.", "Sort it!")), max_size=12), st.integers(1, 8))
def test_cuts_cover_every_phrase_once_in_few_runs(phrases: list[str], most: int) -> None:
    """A long instruction is cut in runs of neighbours, so that a round stays payable; something is always left."""
    text = " ".join(phrases)
    parts = cuts(text, most)
    places = [place for part in parts for place in part]
    assert len(parts) <= most
    assert places == (list(range(len(phrases))) if min(len(phrases), most) > 1 else [])
    assert all(split(ablated(Prompt(instruction=text), part).instruction) for part in parts)


def test_the_place_of_the_item_is_never_cut() -> None:
    """Without it there would be no template."""
    text = "Be quick. Text: {{input}} Now answer."
    kept = [ablated(Prompt(instruction=text), part).instruction for part in cuts(text, 5)]
    assert len(kept) == len(split(text)) - 1
    assert all("{{input}}" in instruction for instruction in kept)
    assert cuts("Sort {{input}}.", 5) == ()


def test_what_was_worth_nothing_is_pruned_together() -> None:
    """Worth is how much fitter the whole was; the segment that carries the prompt stays."""
    parts = cuts(FOUR.instruction, 4)
    worth = dict(zip([ablated(FOUR, part).content_hash for part in parts], (0.0, -0.1, 0.4, 0.0), strict=True))
    lean = pruned(FOUR, parts, lambda prompt: worth[prompt.content_hash])
    assert lean is not None
    assert lean.instruction == "Name the queue."


def test_pruning_needs_two_idle_segments_and_one_that_is_not() -> None:
    """One alone is measured already, and an empty instruction is none."""
    parts = cuts(FOUR.instruction, 4)
    first = ablated(FOUR, parts[0])
    assert pruned(FOUR, parts, lambda prompt: 0.0 if prompt == first else 1.0) is None
    assert pruned(FOUR, parts, lambda _: 0.0) is None
