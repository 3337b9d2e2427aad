"""ChatML, the chat format that SmolLM2 was tuned on, rendered by ourselves.

Backends' own templates differ (some inject a default system text, some leave turns open), and what is measured must be
exactly what is executed. Untrusted text is defused here again: a control token in it would open a turn.
"""

from collections.abc import Sequence

from promptbreeder.prompt import Message
from promptbreeder.text import defuse

END_OF_TURN = "<|im_end|>"


def render(messages: Sequence[Message], opening: str = "") -> str:
    """Return the chat as one text that ends inside the assistant's turn, after `opening`."""
    turns = "".join(f"<|im_start|>{role}\n{defuse(content)}{END_OF_TURN}\n" for role, content in messages)
    return f"{turns}<|im_start|>assistant\n{defuse(opening)}"
