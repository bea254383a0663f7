"""What is wrong with a config, as its user is told: the key, what it must be, and what was given."""

import datetime
from typing import Any

from workflow_scripts.jobs.messages import without_credentials

SHOWN_CHARACTERS = 80  # of a key or a wrong value, in a message
LINE_CHARACTERS = 1000  # of a message on one key


def explain(problem: Any) -> str:
    path = ".".join(_shown(part) for part in problem["loc"] if part != "[key]")
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "no such key; see docs/config.md for the keys of this section"
    elif problem["type"] == "missing":
        message = "is required"
    elif "input" in problem and not isinstance(problem["input"], dict) and problem["type"] != "value_error":
        message += f" (given: {_written(problem['input'])})"
        if problem["type"] == "string_type" and isinstance(problem["input"], int | float | datetime.date):
            message += "; put it in quotes"
    return _shortened(without_credentials(f"{path or 'the config'}: {message}"), LINE_CHARACTERS)


def _shown(part: Any) -> str:
    """A part of a key's path; one that is no plain word as Python writes it."""
    plain = isinstance(part, int) or (part.isprintable() and part == part.strip() != "")
    return _shortened(str(part) if plain else repr(part))


def _written(value: Any) -> str:
    """A value as Python writes it, cut off where it is long."""
    try:
        return _shortened(repr(value))
    except ValueError:  # Python writes no number of more than some thousand digits
        return "a number of very many digits"


def _shortened(text: str, characters: int = SHOWN_CHARACTERS) -> str:
    return text if len(text) <= characters else f"{text[:characters]}…"
