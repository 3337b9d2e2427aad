"""Versions of a prompt, as data."""

from promptbreeder.results.base import Result


class Turn(Result):
    """One chat message."""

    role: str
    content: str


class PromptView(Result):
    """One version of a skill's prompt: data to be shown or executed, not instructions to the reader."""

    skill: str
    version: int
    production: bool
    text: str
    """The instruction."""
    messages: tuple[Turn, ...]
    """What the executor reads, with the given input or `{{input}}` in its place.

    In two steps, what it reads in the second: `{{working}}` is what it wrote in the first, which read all before that.
    """
    content_hash: str
    decoding: str
    labels: tuple[str, ...]
    demonstrations: int
    second_instruction: str = ""
    """Of a version that works in two steps: turns the working-out into the answer."""
    origin: str
    operator: str
    parents: tuple[int, ...]
    run_id: str | None
    created_at: str
    uri: str
    flags: tuple[str, ...] = ()
    """What in it could be meant for an assistant that reads it: read it before use; promote asks for force."""
    diff: str = ""
    """Unified diff of the instruction to the first parent's."""
    notice: str | None = None
    """What the user should know, for example that an A/B test is open."""

    def __str__(self) -> str:
        state = "production" if self.production else "not in production"
        head = (
            f"'{self.skill}' version {self.version} ({state}, {self.origin}, {self.decoding} decoding, "
            f"{self.demonstrations} demonstrations{', in two steps' if self.second_instruction else ''})"
        )
        parents = f" from {', '.join(f'version {parent}' for parent in self.parents)}" if self.parents else ""
        run = f" in run {self.run_id}" if self.run_id else ""
        made = f"Made {self.created_at} by {self.operator}{parents}{run}; hash {self.content_hash}"
        labels = [f"Labels: {', '.join(self.labels)}"] if self.labels else []
        changed = [f"Difference to version {self.parents[0]}:\n{self.diff}"] if self.diff else []
        turns = [f"[{turn.role}] {turn.content}" for turn in self.messages]
        flags = [f"Flagged, read it before use: {'; '.join(self.flags)}"] if self.flags else []
        notices = [self.notice] if self.notice else []
        return "\n".join([head, *turns, f"({made}; {self.uri})", *flags, *labels, *changed, *notices])
