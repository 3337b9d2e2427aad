"""GEPA with its default adapter and parameters: the prompt is the system turn, the input the user's."""

from typing import Any

import gepa
from gepa.adapters.default_adapter.default_adapter import DefaultAdapter, EvaluationResult
from gepa.lm import LM
from job import AT_ONCE, KEY, Job, found, main

MOST_CALLS = 50_000
"""More than any budget allows; what was asked before is free, and must not go on for ever."""


def _settings(job: Job, tokens: int, temperature: float) -> dict[str, Any]:
    return {
        "temperature": temperature,
        "max_tokens": tokens,
        "api_base": job.url,
        "api_key": KEY,
        "timeout": 3_600,
    }


def _data(lines: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [{"input": line["input"], "additional_context": {}, "answer": line["expected"]} for line in lines]


def search(job: Job) -> dict[str, Any]:
    """Search until the budget ends; the best on the development lines is taken."""
    metric = job.metric

    def judge(data: dict[str, Any], response: str) -> EvaluationResult:
        if metric(response, data["answer"]).score == 1:
            return EvaluationResult(score=1.0, feedback=f"Correct: the answer is '{data['answer']}'.")
        feedback = f"Incorrect: the correct answer is '{data['answer']}'. Answer with that alone."
        return EvaluationResult(score=metric(response, data["answer"]).score, feedback=feedback)

    instruction = job.seed_prompt
    try:
        result = gepa.optimize(
            seed_candidate={"instruction": instruction},
            trainset=_data(job.train),
            valset=_data(job.development),
            adapter=DefaultAdapter(
                model="openai/executor",
                evaluator=judge,
                max_litellm_workers=AT_ONCE,
                litellm_batch_completion_kwargs=_settings(job, job.answer_tokens, 0.0),
            ),
            reflection_lm="openai/writer",
            reflection_lm_kwargs=_settings(job, job.writer_tokens, 1.0),
            max_metric_calls=MOST_CALLS,
            stop_callbacks=[lambda _: job.exhausted()],
            raise_on_exception=False,
            seed=job.seed,
        )
        instruction = result.best_candidate["instruction"]
    except Exception as error:
        # Not even the seed prompt could be measured: the engine lets out what stopped it.
        if not job.exhausted():
            raise
        print(f"the budget did not last to the first step: {error}")
    return found(
        "gepa",
        instruction=instruction,
        demonstrations=0,
        messages=_chat(instruction, job.place),
        state={"instruction": instruction},
    )


def answer(job: Job) -> list[str]:
    """Answer as its default adapter does."""
    chats = [_chat(job.found["instruction"], text) for text in job.inputs]
    executor = LM("openai/executor", **_settings(job, job.answer_tokens, 0.0))
    return executor.batch_complete(chats, max_workers=AT_ONCE)


def _chat(instruction: str, text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": instruction}, {"role": "user", "content": text}]


if __name__ == "__main__":
    main(search, answer)
