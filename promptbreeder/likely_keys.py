"""Likely keys: texts of the forms that API keys, tokens and private keys have.

By form alone: a password is just a word, and is not found. Used to warn of keys in examples, and to leave them out of
what is taken away.
"""

import re
from typing import Any

MASK = "[redacted]"
_KEYS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*PRIVATE KEY-----|(?:(?:\s|\\n)*[A-Za-z0-9+/=]{30,})*)"
    r"|\b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]{1,20}[-_]){0,4}[A-Za-z0-9]{16,}[\w-]*"  # OpenAI, Anthropic, Stripe
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{30,}|\bglpat-[\w-]{20,}"
    r"|\bhf_[A-Za-z0-9]{30,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[\w-]{30,}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bAIza[\w-]{35}"  # Slack, Google
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"  # JSON web token
    r"|(?<=Bearer )[\w.~+/-]{20,}=*"
    r"|(?<=://)[^\s/:@]+:[^\s/]+(?=@)",  # user and password in an address
    re.DOTALL,
)


def holds_key(text: str) -> bool:
    """Tell whether a text holds something of the form of a key."""
    return _KEYS.search(text) is not None


def masked(text: str) -> str:
    """Return `text` with `[redacted]` in the place of each likely key."""
    return _KEYS.sub(MASK, text)


def masked_in(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a copy of `value` in which every text, names of fields apart, is masked."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [masked_in(entry) for entry in value]
    return {name: masked_in(entry) for name, entry in value.items()} if isinstance(value, dict) else value
