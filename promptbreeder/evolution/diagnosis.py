"""What the executor's own answers on train examples say about a prompt, and which kind of change that calls for.

The triggers are the "when to use" of five mutation strategies for small models: add structure, refine, merge, add
examples, change constraints. All are pure functions of what was answered.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from promptbreeder.evolution.asks import Task, Trial
from promptbreeder.prompt import Prompt
from promptbreeder.skill import Example
from promptbreeder.text import normalise

ATTEMPTS = 12
"""Train examples that show enough of a prompt's faults."""
OFTEN = 0.25
"""From this share of the attempts on, a fault is the prompt's and not the example's."""
_SLACK = 8
"""Characters by which an answer may always be longer or shorter."""
_STRENGTH = 2
"""Examples that each of two prompts must get right alone to be worth merging."""
_SPECIFIC_WORDS = 15
"""A shorter instruction can hardly say what to look for."""


def attemptable(train: Sequence[Example], prompts: Sequence[Prompt]) -> list[int]:
    """Return the indices of the train examples that have an expected answer and are shown by none of `prompts`."""
    shown = [shot.input for prompt in prompts for shot in prompt.demonstrations]
    return [number for number, example in enumerate(train) if example.expected and example.input not in shown]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Counts over the attempts of one prompt."""

    attempts: int
    wrong: tuple[int, ...]
    """Indices into `Task.train` of what was answered wrongly."""
    unparsable: int
    """Answers in which nothing of the expected form was found."""
    too_long: int
    """Wrong answers that are more than twice as long as the expected one."""
    too_short: int
    """Wrong answers that are less than half as long as the expected one."""
    confusions: tuple[tuple[str, str], ...]
    """Pairs of expected label and label answered instead, the most frequent first."""
    favourite: float
    """Share of the attempts that got the most frequent answer, less that answer's share among the expected ones."""

    @property
    def accuracy(self) -> float:
        """Share of the attempts that were right; 1 where nothing was attempted, since nothing failed."""
        return 1 - len(self.wrong) / self.attempts if self.attempts else 1.0

    def is_often(self, count: int) -> bool:
        """Tell whether `count` of the attempts is often."""
        return count > 0 and count >= OFTEN * self.attempts


def diagnose(task: Task, trials: Sequence[Trial]) -> Diagnosis:
    """Return what `trials` of one prompt show."""
    wrong = [trial for trial in trials if not trial.right]
    expected = {trial.item: task.train[trial.item].expected or "" for trial in trials}
    # An answer that names a label has the right form, whatever stands around it; a pattern's length is no answer's.
    open_ = [trial for trial in wrong if not (task.labels and trial.answer) and not task.expects_patterns]
    confused = Counter(
        (expected[t.item], t.answer) for t in wrong if task.labels and t.answer and not task.expects_patterns
    )
    given = Counter(trial.answer for trial in trials)
    wanted = Counter(expected.values())
    answer, times = given.most_common(1)[0] if given else ("", 0)
    return Diagnosis(
        attempts=len(trials),
        wrong=tuple(trial.item for trial in wrong),
        unparsable=sum(not trial.answer for trial in wrong),
        too_long=sum(_exceeds(trial.working, expected[trial.item]) for trial in open_),
        too_short=sum(_exceeds(expected[trial.item], trial.working) for trial in open_),
        confusions=tuple(pair for pair, _ in sorted(confused.items(), key=lambda entry: (-entry[1], entry[0]))),
        favourite=(times - wanted[answer]) / len(trials) if trials else 0.0,
    )


def is_vague(prompt: Prompt, task: Task, found: Diagnosis) -> bool:
    """Add structure: much fails, and the instruction is short, generic, or does not say what there is to choose."""
    unnamed = any(normalise(label) not in normalise(prompt.instruction) for label in task.labels)
    short = len(prompt.instruction.split()) < _SPECIFIC_WORDS
    return found.is_often(len(found.wrong)) and (short or unnamed)


def is_nearly_good(found: Diagnosis) -> bool:
    """Refine: good, but something still fails."""
    return 0.5 <= found.accuracy < 1  # noqa: PLR2004  more right than wrong


def is_misunderstood(found: Diagnosis) -> bool:
    """Add examples: the executor struggles to see what is asked.

    Most is wrong, much has not even the form of an answer, or one answer is given to nearly everything.
    """
    struggles = found.accuracy < 0.5 or found.is_often(found.unparsable)  # noqa: PLR2004  more wrong than right
    return struggles or (bool(found.wrong) and found.favourite >= OFTEN)


def is_badly_bounded(found: Diagnosis) -> bool:
    """Change constraints: answers are too long or too short against the expected ones, or not of their form."""
    return any(found.is_often(count) for count in (found.too_long, found.too_short, found.unparsable))


def are_complementary(left: Sequence[Trial], right: Sequence[Trial]) -> bool:
    """Merge: each of two prompts is right on some of the same examples where the other is wrong."""
    good, other = ({trial.item: trial.right for trial in trials} for trials in (left, right))
    shared = [item for item in good if item in other]
    alone = (
        sum(good[item] and not other[item] for item in shared),
        sum(other[item] and not good[item] for item in shared),
    )
    return min(alone) >= _STRENGTH


def _exceeds(text: str, measure: str) -> bool:
    return len(text.strip()) > 2 * len(measure.strip()) + _SLACK
