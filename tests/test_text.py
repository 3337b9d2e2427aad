"""Which characters may enter."""

import sys
import unicodedata

from promptbreeder.text import scrub


def test_all_characters_may_enter_but_controls_and_lone_surrogates() -> None:
    """Newline and tab are kept; a carriage return becomes a newline."""
    refused = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if scrub(f"a{character}b") != unicodedata.normalize("NFC", f"a{character}b")
    ]
    controls = [character for character in map(chr, range(0xA0)) if unicodedata.category(character) == "Cc"]
    surrogates = [chr(number) for number in range(0xD800, 0xE000)]
    assert refused == [character for character in controls if character not in "\n\t"] + surrogates
    assert all(scrub(f"a{character}b") == "ab" for character in refused if character != "\r")
    assert scrub("a\r\nb\rc\nd\te") == "a\nb\nc\nd\te"
