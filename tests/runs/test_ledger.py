"""The ledger: what is known of every candidate, and the one rule by which a winner is chosen."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.evolution.asks import Score
from promptbreeder.evolution.effects import agreement
from promptbreeder.prompt import Demonstration, Prompt
from promptbreeder.runs import ledger as ledger_module
from promptbreeder.runs.ledger import BlockResult, Ledger
from promptbreeder.runs.plan import Plan
from promptbreeder.skill import Skill

INCUMBENT = Prompt(instruction="The prompt that is in production and rather long.")
SHORT, MIDDLE, LONG = (Prompt(instruction="x" * length) for length in (5, 30, 80))
BLOCKS, ITEMS = 2, 10


@pytest.fixture
def plan() -> Plan:
    """Return the plan of a run on a skill without labels."""
    skill = Skill(name="s", description="d", model="m", salt="s")
    fields = {"skill": skill, "seeds": (INCUMBENT,), "incumbent": 1, "strategy": "auto", "profile": "p", "seed": 1}
    limits = {"token_limit": 1, "call_limit": 1, "seconds_limit": 1, "read_rate": 1, "write_rate": 1, "preference": 0.5}
    ids = {"train_ids": (), "search_ids": (), "gate_ids": (), "executor": "e", "writer": "w"}
    return Plan.model_validate({**fields, **limits, **ids})


@pytest.fixture
def ledger(plan: Plan) -> Ledger:
    """Return an empty ledger of two blocks."""
    return Ledger(plan, BLOCKS)


@pytest.fixture
def know(ledger: Ledger) -> Callable[..., None]:
    """Return a function that notes how many of ten a prompt got right, block by block."""

    def note(
        prompt: Prompt,
        *right: int,
        seconds: float = 0.1,
        likelihood: float | None = None,
        ledger: Ledger = ledger,
    ) -> None:
        ledger.enter([prompt])
        ledger.record(
            BlockResult(
                prompt=prompt.content_hash,
                block=block,
                scores=(1.0,) * count + (0.0,) * (ITEMS - count),
                unparsable=0,
                seconds=seconds,
                likelihood=likelihood,
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


def test_of_those_as_good_as_the_best_the_one_with_the_likeliest_right_answers_wins(
    ledger: Ledger, know: Callable[..., None]
) -> None:
    """Where likelihood ranks these prompts as accuracy does; one that is shown to be worse does not win by it."""
    know(INCUMBENT, 1, 1, likelihood=-3.0)
    for right in range(9):
        know(Prompt(instruction=f"number {right}"), right // 2, right - right // 2, likelihood=right / 10 - 2)
    know(SHORT, 9, 8, likelihood=-1.0)
    know(LONG, 8, 8, likelihood=-0.5)
    know(MIDDLE, 6, 6, likelihood=-0.1)
    winner = ledger.winner()
    assert winner is not None
    assert winner[0] == LONG


def test_a_prompt_that_is_certain_of_the_right_answers_is_the_likeliest(
    ledger: Ledger, know: Callable[..., None]
) -> None:
    """A log-probability of 0 is the best there is, and not one that is not known."""
    know(INCUMBENT, 1, 1, likelihood=-3.0)
    for right in range(9):
        know(Prompt(instruction=f"number {right}"), right // 2, right - right // 2, likelihood=right / 10 - 2)
    know(LONG, 9, 9, likelihood=0.0)
    know(SHORT, 9, 9, likelihood=-0.1)
    winner = ledger.winner()
    assert winner is not None
    assert winner[0] == LONG


def test_finalists_are_the_promising_ones_that_are_not_measured_in_full(
    ledger: Ledger, know: Callable[..., None]
) -> None:
    """Best first, as many as asked for; what was never measured is none, and neither is what has lost."""
    know(INCUMBENT, 7, 7)
    know(SHORT, 6)
    know(LONG, 8)
    know(MIDDLE, 7)
    know(Prompt(instruction="hopeless"), 1)
    ledger.enter([Prompt(instruction="never measured")])
    assert ledger.finalists(2) == (LONG, MIDDLE)
    assert ledger.finalists(9) == (LONG, MIDDLE, SHORT)


@given(rights=st.lists(st.lists(st.integers(0, ITEMS), max_size=BLOCKS), max_size=12), count=st.integers(0, 12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_finalists_are_all_that_have_not_lost_and_lack_a_block(
    rights: list[list[int]], count: int, plan: Plan, know: Callable[..., None]
) -> None:
    """Asked for as many as there are, no other is left out and none is among them; asked for fewer, the first."""
    ledger = Ledger(plan, BLOCKS)
    prompts = [INCUMBENT, *(Prompt(instruction=f"number {number}") for number in range(11))]
    for prompt, right in zip(prompts, rights, strict=False):
        know(prompt, *right, ledger=ledger)
    entered = prompts[: len(rights)]
    measured = [p for p, right in zip(entered, rights, strict=True) if right]
    open_ = [p for p in measured if not ledger.full_score(p).complete and not ledger.has_lost(p)]
    found = ledger.finalists(12)
    assert sorted(p.instruction for p in found) == sorted(p.instruction for p in open_)
    assert ledger.finalists(count) == found[:count]
    others = [p for p in entered if p != INCUMBENT]
    assert ledger.all_have_lost() == (bool(others) and all(ledger.has_lost(p) for p in others))


def test_looking_for_finalists_ranks_the_candidates_once(
    ledger: Ledger, know: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many have lost: what they have lost to is the same for all.

    Catches a search of hundreds of candidates at whose end a server does not answer for seconds.
    """
    know(INCUMBENT, 1, 1, likelihood=-3.0)
    for number in range(20):
        know(Prompt(instruction=f"good {number}"), 9, 9, likelihood=-1.0)
        know(Prompt(instruction=f"lost {number}"), 0, likelihood=-3.0)
    ranked = []

    def counted(scores: Mapping[str, Mapping[int, Score]]) -> float | None:
        ranked.append(len(scores))
        return agreement(scores)

    monkeypatch.setattr(ledger_module, "agreement", counted)
    assert ledger.finalists(3) == ()
    assert ledger.all_have_lost() is False
    assert len(ranked) == 2


def test_what_could_not_win_even_with_a_perfect_rest_has_lost(ledger: Ledger, know: Callable[..., None]) -> None:
    """To win against the incumbent takes more than one item; 5 and then 10 of 10 are just one more than 14."""
    know(INCUMBENT, 7, 7)
    know(SHORT, 5)
    assert ledger.has_lost(SHORT)
    know(MIDDLE, 6)
    assert not ledger.has_lost(MIDDLE)
    # Against a leader that is not the incumbent a shorter prompt needs no more than to come within one item.
    know(LONG, 9, 9)
    assert ledger.winner() == (LONG, ledger.full_score(LONG))
    assert ledger.has_lost(MIDDLE)
    shorter = Prompt(instruction="y")
    know(shorter, 7)
    assert not ledger.has_lost(shorter)


def test_what_is_shown_to_be_worse_has_lost_though_it_could_still_win(
    ledger: Ledger, know: Callable[..., None]
) -> None:
    """Six losses and no win of ten, with ten more to come; after five losses it goes on."""
    know(INCUMBENT, 0, 0)
    know(LONG, 8, 1)
    know(SHORT, 2)
    assert ledger.has_lost(SHORT)
    know(MIDDLE, 3)
    assert not ledger.has_lost(MIDDLE)


def test_nothing_has_lost_before_there_is_a_leader_and_the_incumbent_never(
    ledger: Ledger, know: Callable[..., None]
) -> None:
    """All others are judged against the incumbent, so it is always measured in full."""
    know(INCUMBENT, 0)
    know(SHORT, 0)
    assert not ledger.has_lost(SHORT)
    know(LONG, 10, 10)
    assert ledger.has_lost(SHORT)
    assert not ledger.has_lost(INCUMBENT)


def test_a_faster_prompt_is_not_dropped_for_being_less_right(ledger: Ledger, know: Callable[..., None]) -> None:
    """Fitness decides, and the test is one of accuracy: what is faster may make up for it."""
    know(INCUMBENT, 0, 0)
    know(LONG, 6, 3, seconds=2.0)
    know(SHORT, 0, seconds=0.1)
    assert not ledger.has_lost(SHORT)
    know(MIDDLE, 0, seconds=2.0)
    assert ledger.has_lost(MIDDLE)


def test_agreement_is_told_when_enough_prompts_have_likelihoods(ledger: Ledger, know: Callable[..., None]) -> None:
    """Ten prompts, the likelier the better; and then the likelier of two equals is the first finalist."""
    assert ledger.agreement() is None
    know(INCUMBENT, 0, 0)
    for right in range(10):
        know(Prompt(instruction=f"prompt {right}"), right, likelihood=-10.0 + right)
    assert ledger.agreement() == pytest.approx(1)
    keen, dull = Prompt(instruction="keen"), Prompt(instruction="dull")
    know(dull, 8, likelihood=-9.0)
    know(keen, 8, likelihood=-1.0)
    finalists = ledger.finalists(12)
    assert finalists.index(keen) < finalists.index(dull)


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
