"""promptolution: EvoPromptGA, EvoPromptDE, OPRO and CAPO, with the library's own parameters.

EvoPrompt and CAPO want a population: the seed prompt and nine variations of it that the library asks the writer for.
"""

import random
from typing import Any

import numpy as np
import pandas as pd
from job import AT_ONCE, KEY, Job, found, main
from promptolution.llms import APILLM
from promptolution.optimizers.capo import CAPO
from promptolution.optimizers.evoprompt_de import EvoPromptDE
from promptolution.optimizers.evoprompt_ga import EvoPromptGA
from promptolution.optimizers.opro import OPRO
from promptolution.predictors.base_predictor import BasePredictor
from promptolution.tasks.reward_tasks import RewardTask
from promptolution.utils.prompt import Prompt
from promptolution.utils.prompt_creation import create_prompt_variation
from promptolution.utils.templates import DEFAULT_SYS_PROMPT

OPTIMIZERS = {"EvoPromptGA": EvoPromptGA, "EvoPromptDE": EvoPromptDE, "OPRO": OPRO, "CAPO": CAPO}
POPULATION = 10
BLOCK = 30
"""Lines of one block of CAPO's race (the library's default)."""
STEPS = 1_000
"""More than any budget allows."""


class Scored(BasePredictor):
    """Reads answers as the shared scorer does."""

    def __init__(self, llm: APILLM, job: Job) -> None:
        super().__init__(llm)
        self._metric = job.metric
        if job.labels:
            self.extraction_description = (
                f"The task is to classify the texts into one of those classes: {', '.join(job.labels)}."
            )

    def _extract_preds(self, preds: list[str]) -> list[str]:
        return [self._metric(reply, "").answer for reply in preds]


def _llm(job: Job, model: str, tokens: int, temperature: float) -> APILLM:
    return APILLM(
        api_url=job.url,
        model_id=model,
        api_key=KEY,
        max_concurrent_calls=AT_ONCE,
        max_tokens=tokens,
        call_timeout_s=3_600,
        gather_timeout_s=86_400,
        max_retries=0,
        client_kwargs={"max_retries": 0},
        call_kwargs={"temperature": temperature},
    )


def _table(lines: list[dict[str, str]]) -> pd.DataFrame:
    return pd.DataFrame({"x": [line["input"] for line in lines], "y": [line["expected"] for line in lines]})


def search(job: Job) -> dict[str, Any]:
    """Search until the budget ends; the library stops at the first request that is refused."""
    random.seed(job.seed)
    np.random.seed(job.seed)  # noqa: NPY002 - what the library draws from
    executor, writer = _llm(job, "executor", job.answer_tokens, 0.0), _llm(job, "writer", job.writer_tokens, 0.7)
    metric = job.metric
    task = RewardTask(
        df=_table(job.development),
        reward_function=lambda answer, y: metric(answer, y).score,
        x_column="x",
        y_column="y",
        reward_columns=["y"],
        task_description=job.seed_prompt,
        n_subsamples=BLOCK,
        eval_strategy="sequential_block" if job.method == "CAPO" else "full",
        seed=job.seed,
    )
    best = Prompt(job.seed_prompt)
    try:
        population = [job.seed_prompt]
        if job.method != "OPRO":
            population += create_prompt_variation([job.seed_prompt] * (POPULATION - 1), writer)
        more = {"df_few_shots": _table(job.train)} if job.method == "CAPO" else {}
        optimizer = OPTIMIZERS[job.method](
            predictor=Scored(executor, job), task=task, meta_llm=writer, initial_prompts=population, **more
        )
        optimizer.optimize(n_steps=STEPS)
        pairs = zip(optimizer.prompts, optimizer.scores, strict=False)
        best = max(pairs, key=lambda pair: np.nan_to_num(pair[1], nan=-1.0), default=(best, 0.0))[0]
    except RuntimeError as error:
        # Before the first step it does not catch what the endpoint refuses: then the seed prompt is all there is.
        if not job.exhausted():
            raise
        print(f"the budget did not last to the first step: {error}")
    return found(
        "promptolution",
        instruction=best.instruction,
        demonstrations=len(best.few_shots),
        messages=[
            {"role": "system", "content": DEFAULT_SYS_PROMPT},
            {"role": "user", "content": f"{best}\n{job.place}"},
        ],
        state={"instruction": best.instruction, "few_shots": best.few_shots},
    )


def answer(job: Job) -> list[str]:
    """Answer as its predictor does, before anything is read out of the replies."""
    prompt = Prompt(job.found["instruction"], job.found["few_shots"])
    executor = _llm(job, "executor", job.answer_tokens, 0.0)
    return executor.get_response([f"{prompt}\n{text}" for text in job.inputs])


if __name__ == "__main__":
    main(search, answer)
