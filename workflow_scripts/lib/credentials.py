"""Keeping passwords and tokens out of logs: libraries put URLs, and what they were given, into what they say."""

import logging
import re

SECRETS = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^/@\s]+@"  # user:password@ in a URL
    r"|\b(?:hf|api_org)_[A-Za-z0-9]{6,}"  # tokens of the Hugging Face hub
    r"|(?P<header>\bBearer )\S+",
    re.IGNORECASE,
)
HIDDEN = "***"


def without_credentials(text: str) -> str:
    """The text with *** for passwords in URLs, tokens of the hub and authorisations."""

    def hidden(match: re.Match) -> str:
        at = "@" if match["scheme"] else ""
        return f"{match['scheme'] or match['header'] or ''}{HIDDEN}{at}"

    return SECRETS.sub(hidden, text)


class Formatter(logging.Formatter):
    """Formats a record of the log, its traceback included, without credentials."""

    def format(self, record: logging.LogRecord) -> str:
        return without_credentials(super().format(record))
