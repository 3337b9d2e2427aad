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
    return ollama.generate(model=MODEL, prompt=BEFORE + text + AFTER, raw=True, **{{"options": OPTIONS, **more}})

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
    meant = {{token: [label for label in LABELS if token and label.startswith(token)] for token in tops}}
    scores = []
    for label, prior in zip(LABELS, PRIOR):
        own = [math.exp(value) for token, value in tops.items() if meant[token] == [label]]
        scores.append((math.log(sum(own)) if own else floor) - prior)
    return LABELS[scores.index(max(scores))]
'''
_ALIKE = '''

def first_token(label):
    """Return what the model begins a label with, by letting it repeat the label."""
    said = ollama.generate(
        model=MODEL, prompt=f"{{label}}\\n" * 4, raw=True, options={{**OPTIONS, "num_predict": 1}}, logprobs=True
    )
    return said["logprobs"][0]["token"] if said["logprobs"] else ""


def one_of(text):
    """Return one of the labels, without calibration."""
    more = {{"format": {{"type": "string", "enum": LABELS}}, "options": {{**OPTIONS, "num_predict": {longest}}}}}
    return json.loads(ask(text, **more)["response"])


# These begin with the same letter. By their first tokens they can be told apart only where those differ.
alike = {alike!r}
if len(set(map(first_token, alike))) < len(alike):
    print("labels share their first token: answering without calibration", file=sys.stderr)
    answer = one_of
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
    if decoding is Decoding.CALIBRATED:
        body = _CALIBRATED.format(prior=list(carried.prior or ()))
        firsts = [label[:1] for label in carried.labels]
        if alike := [label for label in carried.labels if firsts.count(label[:1]) > 1]:
            body += _ALIKE.format(alike=alike, longest=longest)
    else:
        body = {Decoding.FREE: _FREE, Decoding.CONSTRAINED: _CONSTRAINED}[decoding]
    return head + body + _TAIL


def _decoding(carried: Carried) -> Decoding:
    """Return the way of decoding that so short a program can do."""
    if carried.prompt.decoding is Decoding.CALIBRATED and not carried.prior:
        return Decoding.CONSTRAINED
    return carried.prompt.decoding
