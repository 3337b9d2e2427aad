"""How likely each label is, from the log-probabilities that Ollama tells: the twenty likeliest tokens at each place.

Where every label begins with a token of its own, the first place tells all. Where labels share it, or it ends within a
character, which the server does not tell, the model is held to the labels, and each label gets the probability of the
way along which it leaves the one that was taken. Grammar and temperature do not touch the probabilities that are told.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptbreeder.models.ollama.answers import Answer

_END = (b"<|im_end|>", b"<|endoftext|>", b"</s>")
"""What an empty label begins with; most servers give the end of a turn no text."""
_NEVER = -30.0
_ILLEGIBLE = "\ufffd".encode()
REVISION = 2
"""Of these rules, for the fingerprint: scores by other rules must not be mixed with these."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place of an answer: the token that was taken there, and the likeliest ones with their log-probabilities."""

    taken: bytes
    tokens: tuple[tuple[bytes, float], ...]

    @property
    def floor(self) -> float:
        """An upper bound for what is not listed: the last one listed, or all that is left over."""
        listed = [value for _, value in self.tokens]
        left = 1 - math.fsum(math.exp(value) for value in listed)
        return max(_NEVER, min([*listed, math.log(left) if left > 0 else _NEVER]))


def places(answer: Answer) -> tuple[Place, ...]:
    """Return the places of an answer, empty where it tells no probabilities."""
    return tuple(
        Place(
            taken=taken.content,
            # What was taken is among the likeliest unless a grammar forced it.
            tokens=tuple({token.content: token.logprob for token in (taken, *(taken.top_logprobs or ()))}.items()),
        )
        for taken in answer.logprobs or ()
    )


def suspects(options: Sequence[str]) -> list[str]:
    """Return the options whose first token must be asked for: it may be another's, too, or end within a character."""
    begins = [option.encode()[:1] for option in options]
    return [o for o, begin in zip(options, begins, strict=True) if begins.count(begin) > 1 or not begin.isascii()]


def tell_apart(firsts: Sequence[bytes]) -> bool:
    """Whether these first tokens, one a label, tell the labels apart."""
    return all(first and _ILLEGIBLE not in first for first in firsts) and len(set(firsts)) == len(firsts)


def first_token_scores(place: Place, options: Sequence[str], firsts: Mapping[str, bytes]) -> tuple[float, ...]:
    """Return each option's log-probability by how it begins; the floor where no token of its own is listed.

    `firsts` has the token that the model itself begins an option with, for those where it was asked for.
    """
    wanted = [option.encode() for option in options]
    scores = []
    for option, text in zip(options, wanted, strict=True):
        others = [other for other in wanted if other != text]
        # A token that is a beginning of two labels speaks for the one that the model would begin with it, or neither.
        own = [
            value
            for token, value in place.tokens
            if _begins(text, token)
            and (token == firsts.get(option) or not any(_begins(other, token) for other in others))
        ]
        scores.append(_together(own) if own else place.floor)
    return tuple(scores)


def forked_scores(way: Sequence[Place], options: Sequence[str], said: str) -> tuple[float, ...]:
    """Return each option's log-probability up to where it leaves the way that was taken; both as JSON strings.

    `said` is the whole answer: which option it is may not be legible in the tokens, which may end within characters.
    """
    wanted = [quoted(option).encode() for option in options]
    scores = [0.0] * len(options)
    walking = list(range(len(options)))
    taken = b""
    for place in way:
        if len(walking) < 2:  # noqa: PLR2004 - nothing is left to tell apart
            break
        after = taken + place.taken
        on_it = [index for index in walking if _begins(wanted[index], after)]
        legible = bool(on_it)
        if not legible:
            on_it = [index for index in walking if options[index] == _unquoted(said)]
        for index in walking:
            own = [
                value
                for token, value in place.tokens
                if (
                    _begins(wanted[index], taken + token) and (index in on_it) == (token == place.taken)
                    if legible
                    else index in on_it and token == place.taken
                )
            ]
            scores[index] += _together(own) if own else place.floor
        walking, taken = on_it, after
    return tuple(scores)


def quoted(option: str) -> str:
    """Return the option as the JSON string that a constrained answer is."""
    return json.dumps(option, ensure_ascii=False)


def _unquoted(said: str) -> object:
    try:
        return json.loads(said)
    except ValueError:
        return None


def _begins(option: bytes, token: bytes) -> bool:
    """Tell whether an answer that begins with `token` may be `option`."""
    if not option:
        return not token or token.startswith(_END)
    return bool(token) and option.startswith(token)


def _together(values: Sequence[float]) -> float:
    highest = max(values)
    return min(0.0, highest + math.log(math.fsum(math.exp(value - highest) for value in values)))
