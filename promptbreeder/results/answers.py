"""Answers of a skill."""

from promptbreeder.results.base import Result


class Answered(Result):
    """Result of running a skill on one input."""

    call_id: str
    skill: str
    version: int
    answer: str
    decoding: str
    prompt_tokens: int
    completion_tokens: int
    label_logprobs: dict[str, float] | None = None
    labels_left_out: int = 0
    """Labels whose scores there was no room for: the least likely."""
    failure: str | None = None
    notice: str | None = None
    """What the user should know about this version, for example that its model has changed."""

    def __str__(self) -> str:
        if self.failure is not None:
            return f"No answer from version {self.version}: {self.failure}"
        scores = ", ".join(f"{label} {logprob:.2f}" for label, logprob in (self.label_logprobs or {}).items())
        lines = [
            self.answer,
            f"('{self.skill}' version {self.version}, {self.decoding} decoding, call {self.call_id})",
            f"{self.prompt_tokens} tokens read, {self.completion_tokens} written",
        ]
        if scores:
            left_out = f" ({self.labels_left_out} less likely labels left out)" if self.labels_left_out else ""
            lines.append(f"Log-probabilities: {scores}{left_out}")
        return "\n".join([*lines, self.notice] if self.notice else lines)
