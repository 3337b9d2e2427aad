"""OpenAI's chat completions, as much as the libraries need that `endpoint.py` serves: what is asked, what is said."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from promptbreeder.models.base import Generate, Reply, Sampling
from promptbreeder.prompt import Message

MOST_TOKENS = 512
"""A reply's length at most, also where more or nothing is asked for: it must fit beside the prompt."""
OK, BAD, REFUSED, UNKNOWN, BROKEN = 200, 400, 403, 404, 500
Answered = tuple[int, dict[str, Any]]


class Part(BaseModel):
    """A piece of a turn's text."""

    text: str


class Turn(BaseModel):
    """One turn of the chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]

    def message(self) -> Message:
        """Return it as ours."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return Message("system" if self.role == "developer" else self.role, text)


class Request(BaseModel):
    """What is understood of a request; all else is ignored. Defaults are OpenAI's."""

    model: str
    messages: list[Turn] = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    stop: str | list[str] | None = None
    seed: int | None = None
    n: Literal[1] = 1
    stream: Literal[False] = False

    def key(self) -> str:
        """Return what makes two requests the same."""
        return self.model_dump_json()

    @property
    def repeatable(self) -> bool:
        """Whether asking again gives the same."""
        return self.temperature == 0 or self.seed is not None

    @property
    def longest(self) -> int:
        """Tokens that the reply may have."""
        return min(self.max_tokens or self.max_completion_tokens or MOST_TOKENS, MOST_TOKENS)

    def generate(self, seed: int) -> Generate:
        """Return the request to a model."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        sampling = Sampling(
            max_tokens=self.longest,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=self.top_p or 1.0,
            seed=seed if self.seed is None else self.seed,
            stop=tuple(stop),
        )
        return Generate(tuple(turn.message() for turn in self.messages), sampling)


def completion(request: Request, reply: Reply) -> Answered:
    """Return the response that holds `reply`."""
    read, written = reply.prompt_tokens, reply.completion_tokens
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": reply.text},
        "finish_reason": "length" if written >= request.longest else "stop",
    }
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    about = {"id": "chatcmpl", "object": "chat.completion", "created": 0, "model": request.model}
    return OK, {**about, "choices": [choice], "usage": usage}


def error(status: int, code: str, message: str) -> Answered:
    """Return the response that says why there is none."""
    return status, {"error": {"message": message, "type": code, "code": code, "param": None}}
