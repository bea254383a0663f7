"""What libraries say, made fit to be shown: in one line, and without the passwords and tokens that they were given."""

import difflib
import re
from collections.abc import Iterable
from typing import Any, TextIO

SECRETS = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^/@\s]+@"  # user:password@ in a URL
    r"|\b(?:hf|api_org)_[A-Za-z0-9]{6,}"  # tokens of the Hugging Face hub
    r"|(?P<header>\bBearer )\S+",
    re.IGNORECASE,
)
HIDDEN = "***"


def one_line(error: BaseException, characters: int = 500) -> str:
    """Return what an error says, in one line that is cut off if need be, to be part of a message."""
    told = " ".join(str(error).split()) or type(error).__name__
    return told if len(told) <= characters else f"{told[:characters]}…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question whether a known name was meant that is like an unknown one; nothing where none is like it."""
    by_lower_case = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    return f"did you mean {by_lower_case[near[0]]}?" if near else ""


def without_credentials(text: str) -> str:
    """Return the text with *** for passwords in URLs, tokens of the hub and authorisations."""

    def hidden(match: re.Match) -> str:
        return f"{match['scheme'] or match['header'] or ''}{HIDDEN}{'@' if match['scheme'] else ''}"

    return SECRETS.sub(hidden, text)


class DiscreetStream:
    """A text stream that writes to another one all that it is given but credentials."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; of how many characters it was."""
        self._stream.write(without_credentials(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
