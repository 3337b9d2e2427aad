"""Evaluator: answers blocks of inputs under a prompt, by the prompt's own way of decoding."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.cached import CachedModel, token_bound
from promptbreeder.evaluation.calibration import frequencies, prior_for, shares
from promptbreeder.evaluation.meter import Meter
from promptbreeder.models.base import Choice, Choose, Generate, Sampling
from promptbreeder.prompt import Decoding, Message, Prompt
from promptbreeder.text import normalise

MAX_WORKING_TOKENS = 96
"""Longest working-out of a two-step prompt."""
_BYTES_PER_TOKEN = 3.5
"""Text has about four bytes a token. Admission to a budget goes by one, to be sure; an estimate needs not be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the executor answered to one input."""

    text: str
    working: str = ""
    """What a two-step prompt wrote before the answer."""
    logprobs: tuple[float, ...] = ()
    """Raw log-probability of each label, where labels were chosen among."""
    shares: tuple[float, ...] = ()
    """Log-probability of each label among all of them, the label prior removed where the prompt says so, in nats."""
    prompt_tokens: int = 0
    fresh_tokens: int = 0
    """Read anew for this item when the prefix is warm."""
    completion_tokens: int = 0
    failure: str | None = None


class Evaluator:
    """Answers inputs under prompts, with one model, for one set of labels."""

    def __init__(
        self,
        model: CachedModel,
        *,
        labels: tuple[str, ...],
        max_answer_tokens: int,
        calibration: Sequence[Sequence[str]],
        known: Sequence[str | None],
    ) -> None:
        """Set up.

        `calibration` are blocks of inputs on which the model shows its liking for labels. A candidate is calibrated on
        the very block that it is measured on, which costs nothing, one that is kept on all of them. `known` are right
        answers, which tell how frequent each label is.
        """
        self._model = model
        self._labels = labels
        self._max_answer_tokens = max_answer_tokens
        self._calibration = tuple(tuple(block) for block in calibration)
        self._frequencies = frequencies(labels, known)

    async def answer(
        self, prompt: Prompt, inputs: Sequence[str], meter: Meter, *, prior: Sequence[float] | None = None
    ) -> tuple[Answer, ...]:
        """Answer one block of inputs.

        `prior` is a version's stored calibration. Without it a calibrated prompt is calibrated on these inputs where
        they are a calibration block, and else on the first of these blocks.

        Raises:
            OverBudget: before anything that might not fit the budget is sent.
            InvalidInput: if labels are to be chosen among but there are none, or the model cannot.
            ModelError: if the backend is dead.
        """
        if prompt.second_instruction:
            return await self._answer_in_two_steps(prompt, inputs, meter, prior)
        return await self._final(prompt, inputs, [prompt.render(text) for text in inputs], meter, prior)

    def expected_tokens(self, prompt: Prompt, inputs: Sequence[str]) -> int:
        """Return about how many tokens answering one block of inputs takes, nothing of it cached."""
        read = token_bound([prompt.render(text) for text in inputs], shared=self._model.limits.shares_prefix)
        written = self._max_answer_tokens if prompt.decoding is Decoding.FREE else 0
        written += MAX_WORKING_TOKENS if prompt.second_instruction else 0
        return round(read / _BYTES_PER_TOKEN) + written * len(inputs)

    def likelihood(self, answer: Answer, expected: str) -> float | None:
        """Return the log-probability of the expected label in `answer`, in nats; None where none was chosen.

        It comes with the choice and costs no further call.
        """
        names = [normalise(label) for label in self._labels]
        known = normalise(expected)
        return answer.shares[names.index(known)] if answer.shares and known in names else None

    async def prior(self, prompt: Prompt, meter: Meter) -> tuple[float, ...]:
        """Return what calibrating on all calibration inputs takes off each label under `prompt`; raises as `answer`."""
        return await self._prior(prompt, self._calibration, meter)

    async def _prior(self, prompt: Prompt, blocks: Sequence[Sequence[str]], meter: Meter) -> tuple[float, ...]:
        raw = prompt.but(decoding=Decoding.CONSTRAINED)
        answers = [answer for block in blocks for answer in await self.answer(raw, block, meter)]
        return prior_for([answer.logprobs for answer in answers if answer.logprobs], self._frequencies)

    async def _answer_in_two_steps(
        self, prompt: Prompt, inputs: Sequence[str], meter: Meter, prior: Sequence[float] | None
    ) -> tuple[Answer, ...]:
        # PromptBreeder, section 3: the first task-prompt makes a working-out, the second turns it into the answer.
        sampling = Sampling(max_tokens=MAX_WORKING_TOKENS)
        workings = await self._generate([prompt.render(text) for text in inputs], sampling, meter)
        asked = [prompt.render_second(text, made.text) for text, made in zip(inputs, workings, strict=True)]
        answers = await self._final(prompt, inputs, asked, meter, prior)
        return tuple(
            Answer(
                text=answer.text,
                working=made.text,
                logprobs=answer.logprobs,
                shares=answer.shares,
                prompt_tokens=made.prompt_tokens + answer.prompt_tokens,
                # The second call reads its own turn after what the first has read and written, which is still warm.
                fresh_tokens=made.fresh_tokens + max(1, answer.prompt_tokens - made.prompt_tokens),
                completion_tokens=made.completion_tokens + answer.completion_tokens,
                failure=made.failure or answer.failure,
            )
            for made, answer in zip(workings, answers, strict=True)
        )

    async def _final(
        self,
        prompt: Prompt,
        inputs: Sequence[str],
        rendered: Sequence[tuple[Message, ...]],
        meter: Meter,
        prior: Sequence[float] | None,
    ) -> tuple[Answer, ...]:
        if prompt.decoding is Decoding.FREE:
            return await self._generate(rendered, Sampling(max_tokens=self._max_answer_tokens), meter)
        if not self._labels or not self._model.limits.choose:
            raise InvalidInput(
                f"{prompt.decoding} decoding needs labels and a model that can choose among them; "
                "give the skill labels, or use free decoding"
            )
        if prompt.decoding is Decoding.CONSTRAINED:
            prior = (0.0,) * len(self._labels)
        elif prior is None:
            own = [tuple(inputs)] if tuple(inputs) in self._calibration else self._calibration[:1]
            prior = await self._prior(prompt, own, meter)
        block = await self._model.choose([Choose(messages, self._labels) for messages in rendered], meter)
        return tuple(self._chosen(choice, prior, block.prefix_tokens) for choice in block.answers)

    def _chosen(self, choice: Choice, prior: Sequence[float], prefix_tokens: int) -> Answer:
        of_labels = () if choice.failure else shares(choice.logprobs, prior)
        return Answer(
            text=self._labels[of_labels.index(max(of_labels))] if of_labels else "",
            logprobs=choice.logprobs,
            shares=of_labels,
            prompt_tokens=choice.prompt_tokens,
            fresh_tokens=max(0, choice.prompt_tokens - prefix_tokens),
            completion_tokens=choice.completion_tokens,
            failure=choice.failure,
        )

    async def _generate(
        self, rendered: Sequence[tuple[Message, ...]], sampling: Sampling, meter: Meter
    ) -> tuple[Answer, ...]:
        block = await self._model.generate([Generate(messages, sampling) for messages in rendered], meter)
        return tuple(
            Answer(
                text=reply.text,
                prompt_tokens=reply.prompt_tokens,
                fresh_tokens=max(0, reply.prompt_tokens - block.prefix_tokens),
                completion_tokens=reply.completion_tokens,
                failure=reply.failure,
            )
            for reply in block.answers
        )
