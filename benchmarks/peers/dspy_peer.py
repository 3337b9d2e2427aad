"""DSPy: MIPROv2 (its `medium` setting) and BootstrapFewShot over one `dspy.Predict`, with the library's chat adapter.

The answer is one of the labels by its type, as the library's own classification examples have it. A reply that the
adapter cannot read is asked for again as JSON, by the library, and counts as wrong where that cannot be read either.
"""

import random
from typing import Any, Literal

import dspy
from dspy.utils.callback import BaseCallback
from job import AT_ONCE, KEY, Job, found, main

MARKERS = 48
"""Tokens that the adapter's field markers take beside the answer."""
MOST_ERRORS = 10**9
"""Unreadable replies are wrong answers, not a reason to stop."""


class Best(BaseCallback):
    """Keeps the program that was best on all development lines: what is there when the budget ends a search."""

    def __init__(self, lines: int) -> None:
        self.program: dspy.Module | None = None
        self._lines = lines
        self._score = -1.0
        self._running: dict[str, dspy.Module] = {}

    def on_evaluate_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:  # noqa: ANN401
        """Note which program is judged on all lines."""
        del instance
        if len(inputs.get("devset") or []) == self._lines:
            self._running[call_id] = inputs["program"].deepcopy()

    def on_evaluate_end(self, call_id: str, outputs: Any, exception: Exception | None = None) -> None:  # noqa: ANN401
        """Keep it where it is the best so far."""
        program = self._running.pop(call_id, None)
        if program is not None and exception is None and outputs.score > self._score:
            self._score, self.program = outputs.score, program


def _lm(job: Job, model: str, tokens: int, temperature: float) -> dspy.LM:
    return dspy.LM(
        f"openai/{model}",
        api_base=job.url,
        api_key=KEY,
        temperature=temperature,
        max_tokens=tokens,
        cache=False,
        num_retries=0,
        timeout=3_600,
    )


def _program(job: Job) -> dspy.Predict:
    kind: Any = Literal[tuple(job.labels)] if job.labels else str
    fields = {"text": (str, dspy.InputField()), "answer": (kind, dspy.OutputField())}
    return dspy.Predict(dspy.Signature(fields, job.seed_prompt))


def _examples(lines: list[dict[str, str]]) -> list[dspy.Example]:
    return [dspy.Example(text=line["input"], answer=line["expected"]).with_inputs("text") for line in lines]


def search(job: Job) -> dict[str, Any]:
    """Search until the library or the budget ends; BootstrapFewShot needs no development lines."""
    scorer, program, best = job.metric, _program(job), Best(len(job.development))
    executor = _lm(job, "executor", job.answer_tokens + MARKERS, 0.0)
    dspy.configure(lm=executor, callbacks=[best], max_errors=MOST_ERRORS)

    def metric(example: dspy.Example, prediction: dspy.Prediction, trace: object = None) -> float | bool:
        score = scorer(str(prediction.answer), example.answer).score
        return score if trace is None else score == 1

    train = _examples(job.train)
    try:
        if job.method == "BootstrapFewShot":
            random.Random(job.seed).shuffle(train)
            program = dspy.BootstrapFewShot(metric=metric, max_errors=MOST_ERRORS).compile(program, trainset=train)
        else:
            optimizer = dspy.MIPROv2(
                metric=metric,
                prompt_model=_lm(job, "writer", job.writer_tokens, 1.0),
                task_model=executor,
                auto="medium",
                num_threads=AT_ONCE,
                max_errors=MOST_ERRORS,
                seed=job.seed,
            )
            # Judged with the budget gone all programs are wrong, so the best is one that was measured before.
            program = optimizer.compile(program, trainset=train, valset=_examples(job.development))
    except Exception as error:
        if not job.exhausted():
            raise
        print(f"the budget ended the search: {error}")
        program = best.program or program
    state = program.dump_state()
    adapter = dspy.ChatAdapter()
    return found(
        "dspy",
        instruction=program.signature.instructions,
        demonstrations=len(program.demos),
        messages=adapter.format(program.signature, program.demos, {"text": job.place}),
        state=state,
        opening="[[ ## answer ## ]]\n",
    )


def answer(job: Job) -> list[str]:
    """Answer as the program does; an empty text where the library could not read a reply."""
    program = _program(job)
    program.load_state(job.found)
    dspy.configure(lm=_lm(job, "executor", job.answer_tokens + MARKERS, 0.0))
    inputs = [dspy.Example(text=text).with_inputs("text") for text in job.inputs]

    def read(example: dspy.Example, prediction: dspy.Prediction) -> float:
        del example
        return float("answer" in prediction)

    evaluate = dspy.Evaluate(devset=inputs, metric=read, num_threads=AT_ONCE, max_errors=MOST_ERRORS)
    return [str(prediction.get("answer", "")) for _, prediction, _ in evaluate(program).results]


if __name__ == "__main__":
    main(search, answer)
