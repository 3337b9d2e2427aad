"""The ledger: what is known of every candidate, and the one rule by which a winner is chosen."""

from collections.abc import Callable

import pytest

from promptbreeder.prompt import Demonstration, Prompt
from promptbreeder.runs.ledger import BlockResult, Ledger
from promptbreeder.runs.plan import Plan
from promptbreeder.skill import Skill

INCUMBENT = Prompt(instruction="The prompt that is in production and rather long.")
SHORT, MIDDLE, LONG = (Prompt(instruction="x" * length) for length in (5, 30, 80))
BLOCKS, ITEMS = 2, 10


@pytest.fixture
def ledger() -> Ledger:
    """Return an empty ledger of two blocks."""
    skill = Skill(name="s", description="d", model="m", salt="s")
    fields = {"skill": skill, "seeds": (INCUMBENT,), "incumbent": 1, "strategy": "auto", "profile": "p", "seed": 1}
    limits = {"token_limit": 1, "call_limit": 1, "seconds_limit": 1, "read_rate": 1, "write_rate": 1, "preference": 0.5}
    ids = {"train_ids": (), "search_ids": (), "gate_ids": (), "executor": "e", "writer": "w"}
    return Ledger(Plan.model_validate({**fields, **limits, **ids}), BLOCKS)


@pytest.fixture
def know(ledger: Ledger) -> Callable[..., None]:
    """Return a function that notes how many of ten a prompt got right, block by block."""

    def note(prompt: Prompt, *right: int, seconds: float = 0.1) -> None:
        ledger.enter([prompt])
        ledger.record(
            BlockResult(
                prompt=prompt.content_hash,
                block=block,
                scores=(1.0,) * count + (0.0,) * (ITEMS - count),
                unparsable=0,
                seconds=seconds,
            )
            for block, count in enumerate(right)
        )

    return note


def test_the_best_complete_candidate_wins(ledger: Ledger, know: Callable[..., None]) -> None:
    """One that was only measured in part does not, however lucky it was."""
    know(INCUMBENT, 2, 2)
    know(SHORT, 4, 4)
    know(LONG, 9, 9)
    know(MIDDLE, 10)
    winner = ledger.winner()
    assert winner is not None
    assert winner[0] == LONG
    assert winner[1].accuracy == 0.9
    assert winner[1].complete


def test_nothing_complete_is_no_winner(ledger: Ledger, know: Callable[..., None]) -> None:
    """Rather none than one by luck."""
    assert ledger.winner() is None
    know(INCUMBENT, 5)
    assert ledger.winner() is None


def test_within_one_item_of_the_best_the_incumbent_stays(ledger: Ledger, know: Callable[..., None]) -> None:
    """A change needs a reason; two items are one."""
    know(INCUMBENT, 5, 5)
    know(SHORT, 5, 6)
    assert ledger.winner() == (INCUMBENT, ledger.full_score(INCUMBENT))
    know(LONG, 7, 6)
    winner = ledger.winner()
    assert winner is not None
    assert winner[0] == LONG


def test_among_candidates_that_cannot_be_told_apart_the_shortest_wins(
    ledger: Ledger, know: Callable[..., None]
) -> None:
    """Its demonstrations counted: noise in the fitness otherwise breeds gibberish."""
    shown = SHORT.but(demonstrations=(Demonstration(input="y" * 100, output="z"),))
    know(INCUMBENT, 1, 1)
    know(LONG, 9, 8)
    know(shown, 9, 8)
    know(MIDDLE, 8, 8)
    winner = ledger.winner()
    assert winner is not None
    assert winner[0] == MIDDLE


def test_finalists_are_the_promising_ones_that_are_not_measured_in_full(
    ledger: Ledger, know: Callable[..., None]
) -> None:
    """Best first, as many as asked for; what was never measured is none."""
    know(INCUMBENT, 9, 9)
    know(SHORT, 3)
    know(LONG, 8)
    know(MIDDLE, 7)
    ledger.enter([Prompt(instruction="never measured")])
    assert ledger.finalists(2) == (LONG, MIDDLE)
    assert ledger.finalists(9) == (LONG, MIDDLE, SHORT)


def test_a_block_is_measured_once(ledger: Ledger, know: Callable[..., None]) -> None:
    """The first result of a block stands, as the journal has it."""
    know(SHORT, 3)
    know(SHORT, 9, 9)
    assert ledger.full_score(SHORT).accuracy == pytest.approx(0.6)
    assert ledger.score(SHORT, [0]).accuracy == pytest.approx(0.3)


def test_a_slow_prompt_loses_against_a_fast_one_that_is_as_right(ledger: Ledger, know: Callable[..., None]) -> None:
    """Latency counts beyond the skill's limit of one second."""
    know(INCUMBENT, 1, 1)
    know(SHORT, 8, 8, seconds=2.0)
    know(LONG, 8, 8, seconds=1.0)
    winner = ledger.winner()
    assert winner is not None
    assert winner[0] == LONG
    assert ledger.full_score(SHORT).accuracy == ledger.full_score(LONG).accuracy


def test_what_was_not_measured_is_incomplete_and_worth_nothing(ledger: Ledger) -> None:
    """An empty score must not read as a bad one that is known."""
    ledger.enter([SHORT])
    score = ledger.full_score(SHORT)
    assert (score.items, score.complete, score.fitness) == (0, False, 0.0)


def test_fitter_means_fitter_on_the_blocks_that_both_have_seen(ledger: Ledger, know: Callable[..., None]) -> None:
    """A lucky easy block of one alone counts for nothing; without a common block there is no answer."""
    know(INCUMBENT, 2, 10)
    know(SHORT, 3)
    assert ledger.is_fitter(SHORT.content_hash, INCUMBENT.content_hash) is True
    assert ledger.is_fitter(INCUMBENT.content_hash, SHORT.content_hash) is False
    assert ledger.is_fitter(SHORT.content_hash, SHORT.content_hash) is False
    ledger.enter([LONG])
    assert ledger.is_fitter(LONG.content_hash, SHORT.content_hash) is None
    assert ledger.is_fitter("never seen", SHORT.content_hash) is None


def test_leaders_are_the_fittest_of_each_text(ledger: Ledger, know: Callable[..., None]) -> None:
    """Measured in full, best first; the same text with other demonstrations is shown once."""
    twin = SHORT.but(demonstrations=(Demonstration(input="a", output="b"),))
    know(SHORT, 5, 5)
    know(twin, 7, 7)
    know(MIDDLE, 6, 6)
    know(LONG, 10)
    assert [prompt for prompt, _ in ledger.leaders(5)] == [twin, MIDDLE]
    assert [prompt for prompt, _ in ledger.leaders(1)] == [twin]
