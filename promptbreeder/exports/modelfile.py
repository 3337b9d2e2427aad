"""A Modelfile: `ollama create NAME -f FILE` makes a model that takes an input and answers as the version does.

The whole chat stands in TEMPLATE, as it was measured, with the input in its place: SYSTEM and MESSAGE could not hold an
instruction before the first demonstration, nor field names around the input.
"""

import json
import re

from promptbreeder.exports.carried import Carried
from promptbreeder.prompt import Decoding

_READ_OTHERWISE = re.compile(r'\{|"""')
"""What a Go template or the Modelfile would read as its own; also one brace, for another may follow."""


def modelfile(carried: Carried) -> str:
    """Return the Modelfile; it generates freely, which is all that a model by itself can do."""
    before, after = carried.around_input()
    lines = [
        *(f"# {line}" for line in (*carried.notes(Decoding.FREE), *_constrained(carried))),
        f"FROM {carried.ollama_model}",
        f'TEMPLATE """{_literal(before)}{{{{ .Prompt }}}}{_literal(after)}"""',
    ]
    for name, value in carried.options().items():
        lines.extend(f"PARAMETER {name} {json.dumps(one)}" for one in (value if isinstance(value, list) else [value]))
    return "\n".join(lines) + "\n"


def _constrained(carried: Carried) -> list[str]:
    if not carried.labels:
        return []
    schema = json.dumps({"type": "string", "enum": list(carried.labels)}, ensure_ascii=False)
    return [f'For constrained decoding send with each request: "format": {schema}']


def _literal(text: str) -> str:
    """Return text so that template and Modelfile leave it as it is.

    Of a Modelfile Ollama drops what cannot be printed, no-break and ideographic spaces included: a Go string brings it.
    """
    plain = _READ_OTHERWISE.sub(lambda found: _go(json.dumps(found.group())), text)
    return "".join(c if c in "\n\t" or c == " " or c.isprintable() else _go(f'"\\U{ord(c):08x}"') for c in plain)


def _go(string: str) -> str:
    return f"{{{{{string}}}}}"
