"""Measure versions on the gate split, once: what is stored and still holds is not measured again."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptbreeder.evaluation.fitness import latency_score, latency_seconds, preference_score, weighted_fitness
from promptbreeder.evaluation.meter import Meter
from promptbreeder.evaluation.metrics import metric_of
from promptbreeder.lifecycle.gate import accuracy_of
from promptbreeder.prompt import Decoding, Prompt
from promptbreeder.results import Accuracy, FitnessParts, Row
from promptbreeder.runs.blocks import in_blocks
from promptbreeder.runs.judging import verdicts
from promptbreeder.skill import Skill, Split
from promptbreeder.store import duels, evaluations, skills, versions
from promptbreeder.store.evaluations import Evaluation
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.usecases.witnesses import Witnesses, witnesses
from promptbreeder.usecases.workbench import Workbench


async def fingerprint(bench: Workbench, name: str) -> str:
    """Return the fingerprint of the skill's model, loading it if need be."""
    skill = await bench.store.read(lambda db: skills.get(db, name))
    return (await bench.model(skill.model)).fingerprint


def stored_gate_accuracy(db: Tables, skill: str, version: int) -> Accuracy | None:
    """Return the latest gate accuracy of a version under its own decoding, if it was ever measured.

    As `gate_evaluation`, without the examples that came from answers of it or its parents or that its prompt shows.
    """
    decoding = versions.get(db, skill, version).prompt.decoding
    found = evaluations.latest(db, skill, version, Split.GATE, decoding=decoding)
    if found is None or not found.fingerprint.endswith(skills.get(db, skill).judged):
        return None
    return accuracy_of(found.on(witnesses(db, skill, version).ids).scores)


async def gate_evaluation(
    bench: Workbench, skill: Skill, version: Version, decoding: Decoding | None = None, *, beside: Version | None = None
) -> Evaluation:
    """Return the version's evaluation on today's gate split under its own (or the given) decoding, measuring it if new.

    What was measured on examples that have been corrected, retired or deleted since is left out; and so are examples
    that came from answers of the version itself, of the one that it is compared with (`beside`), or of their parents,
    or that their prompts show.

    Raises:
        ModelError: if the skill's model cannot be had.
    """
    wanted = decoding or version.prompt.decoding
    measured_on = skill.measured_on((await bench.model(skill.model)).fingerprint)

    def look(db: Tables) -> tuple[Witnesses, Witnesses, Evaluation | None]:
        own = witnesses(db, skill.name, version.n)
        shared = own if beside is None else witnesses(db, skill.name, version.n, beside.n)
        return (
            own,
            shared,
            evaluations.latest(db, skill.name, version.n, Split.GATE, decoding=wanted, fingerprint=measured_on),
        )

    own, shared, found = await bench.store.read(look)
    if found is not None and set(shared.ids) <= set(found.example_ids):
        return found.on(shared.ids)
    # All that may ever be asked of this version, so that the next comparison need not measure it again.
    prompt = version.prompt.but(decoding=wanted)
    prior = await prior_of(bench, skill, version, prompt)
    measured = await measure(bench, skill, prompt, [(e.input, e.expected or "") for e in own.examples], prior)
    evaluation = Evaluation(
        skill=skill.name,
        version=version.n,
        split=Split.GATE,
        decoding=wanted,
        fingerprint=measured_on,
        scores=measured.scores,
        example_ids=own.ids,
        fresh_tokens=measured.fresh_tokens,
        completion_tokens=measured.completion_tokens,
        unparsable=measured.unparsable,
        created_at=bench.clock(),
        unparsable_ids=tuple(number for number, parsed in zip(own.ids, measured.parsed, strict=True) if not parsed),
    )
    await bench.store.write(lambda db: evaluations.put(db, evaluation))
    bench.changed("measured", skill.name)
    return evaluation.on(shared.ids)


async def gate_accuracies(
    bench: Workbench, skill: Skill, version: Version, decodings: Sequence[Decoding]
) -> dict[Decoding, Accuracy]:
    """Return the version's gate accuracy under each way of decoding, measured where new; nothing without examples."""
    if skill.metric == "preference" or not await bench.store.read(
        lambda db: witnesses(db, skill.name, version.n).examples
    ):
        # So that no model is needed where it is not asked.
        return {}
    found = {d: accuracy_of((await gate_evaluation(bench, skill, version, d)).scores) for d in decodings}
    return {decoding: accuracy for decoding, accuracy in found.items() if accuracy is not None}


async def prior_of(bench: Workbench, skill: Skill, version: Version, prompt: Prompt) -> tuple[float, ...] | None:
    """Return the calibration that `prompt` is executed with: the version's own where it was measured on this model."""
    if prompt.decoding is not Decoding.CALIBRATED:
        return None
    model = await bench.model(skill.model)
    stored = version.prior_on(skill.measured_on(model.fingerprint))
    if stored is not None:
        return stored
    return await (await bench.evaluator(skill)).prior(prompt, Meter())


async def fitness_parts(bench: Workbench, skill: Skill, evaluation: Evaluation) -> FitnessParts:
    """Return the weighted fitness of an evaluation, which must have scores, and what it is made of."""
    model = await bench.model(skill.model)
    rates, answered_by = await model.rates(), skill.answered_by(model.weights)
    wins, losses = await bench.store.read(
        lambda db: duels.record(duels.counting(db, skill.name, answered_by), evaluation.version)
    )
    n = len(evaluation.scores)
    seconds = latency_seconds(evaluation.fresh_tokens / n, evaluation.completion_tokens / n, rates)
    accuracy = sum(evaluation.scores) / n
    speed = latency_score(seconds, skill.settings.latency_limit_seconds)
    preference = preference_score(wins, losses)
    return FitnessParts(
        fitness=weighted_fitness(skill.settings, accuracy, speed, preference),
        accuracy=accuracy,
        latency_score=speed,
        latency_seconds=seconds,
        preference=preference,
    )


async def comparison_table(bench: Workbench, name: str, version: int) -> tuple[Row, ...]:
    """Return the rows that show what a version brought, and how much of it is the decoding; all on the gate split."""
    skill = await bench.store.read(lambda db: skills.get(db, name))
    first, evolved = await bench.store.read(lambda db: (versions.get(db, name, 1), versions.get(db, name, version)))
    rows = [_row("your prompt as it is", await gate_evaluation(bench, skill, first, Decoding.FREE, beside=evolved))]
    if skill.labels:
        constrained = await gate_evaluation(bench, skill, first, Decoding.CONSTRAINED, beside=evolved)
        rows.append(_row("your prompt, choosing among the labels", constrained))
    if evolved.n != first.n:
        rows.append(_row("evolved prompt", await gate_evaluation(bench, skill, evolved, beside=first)))
        free = await gate_evaluation(bench, skill, evolved, Decoding.FREE, beside=first)
        rows.append(_row("evolved prompt, pasted as text", free))
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class Measured:
    """One prompt's answers, judged."""

    scores: tuple[float, ...]
    answers: tuple[str, ...]
    parsed: tuple[bool, ...]
    fresh_tokens: int
    completion_tokens: int

    @property
    def unparsable(self) -> int:
        """The number of answers in which no answer of the expected form was found."""
        return self.parsed.count(False)


async def measure(
    bench: Workbench,
    skill: Skill,
    prompt: Prompt,
    pairs: Sequence[tuple[str, str]],
    prior: Sequence[float] | None,
) -> Measured:
    """Return how `prompt` does on pairs of input and expected answer, block by block; raises ModelError."""
    evaluator, metric = await bench.evaluator(skill), metric_of(skill)
    meter = Meter()
    scores: list[float] = []
    answers: list[str] = []
    parsed: list[bool] = []
    fresh = completion = 0
    for block in in_blocks(pairs):
        given = await evaluator.answer(prompt, [text for text, _ in block], meter, prior=prior)
        judged = await verdicts(metric, [answer.text for answer in given], [expected for _, expected in block])
        for answer, verdict in zip(given, judged, strict=True):
            scores.append(0.0 if answer.failure else verdict.score)
            answers.append(verdict.answer)
            parsed.append(answer.failure is None and verdict.parsed)
            fresh += answer.fresh_tokens
            completion += answer.completion_tokens
    return Measured(tuple(scores), tuple(answers), tuple(parsed), fresh, completion)


def _row(name: str, evaluation: Evaluation) -> Row:
    measured = accuracy_of(evaluation.scores)
    if measured is None:
        return Row(name=name)
    tokens = (evaluation.fresh_tokens + evaluation.completion_tokens) / measured.n
    return Row(name=name, **measured.model_dump(), tokens=round(tokens, 1))
