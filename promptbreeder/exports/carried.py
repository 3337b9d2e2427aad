"""What is taken along of a version, and what each way of decoding is worth on the gate split."""

from collections.abc import Mapping
from dataclasses import dataclass

from promptbreeder.models import chatml
from promptbreeder.models.base import Sampling
from promptbreeder.models.ollama.bodies import options
from promptbreeder.prompt import Decoding, Message, Prompt

BUNDLED, PACKAGED = "smollm2:135m", "smollm2:135m-packaged"
"""The packaged weights' names: here, and in an Ollama that was handed them."""
CONTEXT = 4096
"""Tokens of context that the model is given: as many as when it was measured."""


@dataclass(frozen=True, slots=True)
class Carried:
    """One version of a skill, to be taken away."""

    skill: str
    version: int
    model: str
    """The model that it was evolved for, for example `ollama:smollm2:360m`."""
    prompt: Prompt
    labels: tuple[str, ...]
    answer_tokens: int
    prior: tuple[float, ...] | None
    """Calibration: what is taken off the log-probability of each label, where the version has one."""
    accuracies: Mapping[Decoding, str]
    """Gate accuracy in words, by decoding; empty where the skill has no examples to measure on."""
    chatml: bool = True
    """Whether the model is asked in ChatML; else with messages."""

    @property
    def goes_by_first_tokens(self) -> bool:
        """Whether labels were scored by the likeliest first tokens, which is all that an Ollama tells a program.

        Embedded engines see the probability of every label: their scores, and what calibrates them, are others.
        """
        return self.model.startswith("ollama:")

    @property
    def ollama_model(self) -> str:
        """The name under which an Ollama holds the model; for a file of the user's own, its path."""
        name = self.model.partition(":")[2]
        return PACKAGED if self.model == f"embedded:{BUNDLED}" else name

    def around_input(self) -> tuple[str, str]:
        """Return the whole chat as ChatML: what stands before the input, and what after it."""
        before, _, after = chatml.render(self.prompt.render(self._mark)).partition(self._mark)
        return before, after

    def messages(self, item: str) -> tuple[Message, ...]:
        """Return the chat with `item` in the input's place, as it is."""
        rendered = self.prompt.render(self._mark)
        return tuple(Message(role, content.replace(self._mark, item)) for role, content in rendered)

    def options(self, max_tokens: int | None = None) -> dict[str, object]:
        """Return Ollama's options under which the version was measured."""
        sampling = Sampling(max_tokens=max_tokens or self.answer_tokens)
        return options(sampling, context=CONTEXT, stop=(chatml.END_OF_TURN,) if self.chatml else ())

    @property
    def _mark(self) -> str:
        # The prompt's own text may hold any mark, but hardly its own digest.
        return f"input-{self.prompt.content_hash}"

    def notes(self, carried: Decoding) -> list[str]:
        """Return lines that say what this is, and what is lost when it is executed by `carried` decoding."""
        own = self.prompt.decoding
        lines = [f"Skill '{self.skill}', version {self.version}, evolved for {self.model} with {own} decoding."]
        if self.accuracies:
            told = "; ".join(f"{decoding} {accuracy}" for decoding, accuracy in self.accuracies.items())
            lines.append(f"Accuracy on the gate split by decoding: {told}.")
        if carried is not own:
            lines.append(f"This executes it with {carried} decoding: {own} decoding cannot be carried over.")
        if self.ollama_model == PACKAGED:
            lines.append("Get the model into Ollama first: promptbreeder-mcp pull --bundled")
        elif self.ollama_model.endswith(".gguf"):
            lines.append("Ollama knows a file by the name that `ollama create` gives it; put that name in its place.")
        return lines
