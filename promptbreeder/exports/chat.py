"""A version as a chat in JSON, for any program that takes messages."""

import json

from promptbreeder.exports.carried import Carried
from promptbreeder.prompt import Decoding

ITEM = "{{input}}"
"""Stands in the last user turn where the input goes."""


def chat(carried: Carried) -> str:
    """Return one JSON object: notes, model, messages with `{{input}}` in its place, labels, options of Ollama."""
    turns = [{"role": role, "content": content} for role, content in carried.messages(ITEM)]
    taken = {
        "notes": carried.notes(Decoding.FREE),
        "model": carried.ollama_model,
        "messages": turns,
        "labels": list(carried.labels),
        "options": carried.options(),
    }
    return json.dumps(taken, indent=2, ensure_ascii=False) + "\n"
