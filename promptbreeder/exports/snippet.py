"""A version as a Python program that needs nothing but the `ollama` package."""

from promptbreeder.exports.carried import Carried
from promptbreeder.prompt import Decoding

_HEAD = '''"""One input a line on stdin, one answer a line on stdout; needs the `ollama` package."""

{notes}
import json
import math
import re
import sys

import ollama

MODEL = {model!r}
BEFORE = {before!r}
AFTER = {after!r}
OPTIONS = {options!r}
LABELS = {labels!r}


def ask(text, **more):
    """Put the input into its place and ask, as the version was measured."""
    while (shorter := re.sub(r"<\\|\\w+\\|>", "", text)) != text:
        text = shorter
    return ollama.generate(model=MODEL, prompt=BEFORE + text + AFTER, raw=True, options=OPTIONS, **more)

'''
_FREE = '''
def answer(text):
    """Return what the model writes."""
    return ask(text)["response"].strip()
'''
_CONSTRAINED = '''
def answer(text):
    """Return one of the labels."""
    return json.loads(ask(text, format={"type": "string", "enum": LABELS})["response"])
'''
_CALIBRATED = '''PRIOR = {prior!r}


def answer(text):
    """Return the label that is likelier than usual, by the first token of each."""
    first = ask(text, logprobs=True, top_logprobs=20)["logprobs"][0]
    tops = {{top["token"]: top["logprob"] for top in (first, *first["top_logprobs"])}}
    left = 1 - sum(map(math.exp, tops.values()))
    floor = min(*tops.values(), math.log(left) if left > 0 else -30.0)
    scores = []
    for label, prior in zip(LABELS, PRIOR):
        own = [math.exp(value) for token, value in tops.items() if token and label.startswith(token)]
        scores.append((math.log(sum(own)) if own else floor) - prior)
    return LABELS[scores.index(max(scores))]
'''
_TAIL = """

if __name__ == "__main__":
    for line in sys.stdin:
        print(answer(line.rstrip("\\n")))
"""


def snippet(carried: Carried) -> str:
    """Return the program.

    Its notes come after the first two lines, where Python would take `decoding: free` for the file's encoding.
    """
    decoding = _decoding(carried)
    before, after = carried.around_input()
    longest = max((len(label.encode()) for label in carried.labels), default=0) + 4
    tokens = {Decoding.FREE: carried.answer_tokens, Decoding.CONSTRAINED: longest, Decoding.CALIBRATED: 1}[decoding]
    head = _HEAD.format(
        notes="\n".join(f"# {line}" for line in carried.notes(decoding)),
        model=carried.ollama_model,
        before=before,
        after=after,
        options=carried.options(tokens),
        labels=list(carried.labels),
    )
    body = {Decoding.FREE: _FREE, Decoding.CONSTRAINED: _CONSTRAINED}.get(decoding)
    return head + (body or _CALIBRATED.format(prior=list(carried.prior or ()))) + _TAIL


def _decoding(carried: Carried) -> Decoding:
    """Return the way of decoding that so short a program can do."""
    if carried.prompt.decoding is not Decoding.CALIBRATED:
        return carried.prompt.decoding
    # Labels that begin alike may share their first token; telling them apart takes more than a page.
    distinct = len({label[:1] for label in carried.labels}) == len(carried.labels)
    return Decoding.CALIBRATED if distinct and carried.prior else Decoding.CONSTRAINED
