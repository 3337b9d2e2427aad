"""A version as a Python program that needs nothing but the `ollama` package."""

from promptbreeder.exports.carried import Carried
from promptbreeder.models.ollama.scoring import suspects
from promptbreeder.prompt import Decoding
from promptbreeder.text import CONTROL_TOKENS

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
CONTROL_TOKENS = {control!r}


def ask(text, **more):
    """Put the input into its place and ask, as the version was measured."""
    while (shorter := re.sub(CONTROL_TOKENS, "", text)) != text:
        text = shorter
    return ollama.generate(model=MODEL, prompt=BEFORE + text + AFTER, raw=True, **{{"options": OPTIONS, **more}})

'''
_FREE = '''
def answer(text):
    """Return what the model writes."""
    return ask(text)["response"].strip()
'''
_ONE_OF = '''
def one_of(text):
    """Return one of the labels, which the answer is held to."""
    more = {{"format": {{"type": "string", "enum": LABELS}}, "options": {{**OPTIONS, "num_predict": {longest}}}}}
    return json.loads(ask(text, **more)["response"])
'''
_HELD = '''

def answer(text):
    """Return what the model takes when it is held to the labels."""
    return one_of(text)
'''
_CHOOSING = '''

PRIOR = {prior!r}
# These may begin with the same token, or with one that ends within a character.
ALIKE = {suspects!r}
FIRST = {{}}


def first_token(label):
    """Return what the model begins a label with, by letting it repeat the label."""
    said = ollama.generate(
        model=MODEL, prompt=f"{{label}}\\n" * 4, raw=True, options={{**OPTIONS, "num_predict": 1}}, logprobs=True
    )
    return said["logprobs"][0]["token"] if said.get("logprobs") else ""


def answer(text):
    """Return the {likeliest}, by the first token of each."""
    said = ask(text, logprobs=True, top_logprobs=20).get("logprobs")
    if not said:
        return one_of(text)
    tops = {{top["token"]: top["logprob"] for top in (said[0], *said[0]["top_logprobs"])}}
    left = 1 - sum(map(math.exp, tops.values()))
    floor = min(*tops.values(), math.log(left) if left > 0 else -30.0)
    meant = {{token: [label for label in LABELS if token and label.startswith(token)] for token in tops}}
    scores = []
    for label, prior in zip(LABELS, PRIOR):
        own = [
            math.exp(value)
            for token, value in tops.items()
            if meant[token] == [label] or (token and token == FIRST.get(label))
        ]
        scores.append((math.log(sum(own)) if own else floor) - prior)
    return LABELS[scores.index(max(scores))]


for label in ALIKE:
    FIRST[label] = first_token(label)
if len(set(FIRST.values())) < len(FIRST) or any(not token or "\\ufffd" in token for token in FIRST.values()):
    print("labels cannot be told apart by their first tokens: holding answers to them instead", file=sys.stderr)
    answer = one_of
'''
_TAIL = """

if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")
    sys.stdout.reconfigure(encoding="utf-8")
    for line in sys.stdin:
        # An answer of several lines is printed as one.
        print(" ".join(answer(line.rstrip("\\n")).splitlines()))
"""


def snippet(carried: Carried) -> str:
    """Return the program.

    Its notes come after the first two lines, where Python would take `decoding: free` for the file's encoding.
    """
    decoding = _decoding(carried)
    before, after = carried.around_input()
    head = _HEAD.format(
        notes="\n".join(f"# {line}" for line in carried.notes(decoding)),
        model=carried.ollama_model,
        before=before,
        after=after,
        options=carried.options(carried.answer_tokens if decoding is Decoding.FREE else 1),
        labels=list(carried.labels),
        control=CONTROL_TOKENS.pattern,
    )
    return head + (_FREE if decoding is Decoding.FREE else _choosing(carried, decoding)) + _TAIL


def _choosing(carried: Carried, decoding: Decoding) -> str:
    """Return how the program chooses among the labels."""
    one_of = _ONE_OF.format(longest=max(len(label.encode()) for label in carried.labels) + 4)
    if not carried.goes_by_first_tokens:
        return one_of + _HELD
    calibrated = decoding is Decoding.CALIBRATED
    return one_of + _CHOOSING.format(
        prior=list(carried.prior or ()) if calibrated else [0.0] * len(carried.labels),
        suspects=suspects(carried.labels),
        likeliest="label that is likelier than usual" if calibrated else "likeliest label",
    )


def _decoding(carried: Carried) -> Decoding:
    """Return the way of decoding that so short a program can do."""
    if carried.prompt.decoding is Decoding.CALIBRATED and not (carried.prior and carried.goes_by_first_tokens):
        return Decoding.CONSTRAINED
    return carried.prompt.decoding
