"""What is wrong with a config, as its user is told: the key, what it must be, and what was given."""

import datetime
from collections.abc import Sequence
from typing import Any

from workflow_scripts.jobs.messages import did_you_mean, without_credentials

SHOWN_CHARACTERS = 80  # of a key or a wrong value, in a message
LINE_CHARACTERS = 1000  # of a message on one key


class Problems(ValueError):
    """What is wrong with a config as a whole: each problem begins with its key and a colon."""

    def __init__(self, problems: Sequence[str]):
        super().__init__("; ".join(problems))
        self.problems = problems


def explain(problem: Any, schema: dict[str, Any] | None = None) -> str:
    """Return what pydantic found wrong: the key, what it must be, and what was given.

    Args:
        problem: An error of pydantic's.
        schema: JSON schema of what was validated, from which a key like an unknown one is suggested.
    """
    path = ".".join(_shown(part) for part in problem["loc"] if part != "[key]")
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        near = did_you_mean(str(problem["loc"][-1]), _keys(schema, problem["loc"][:-1]) if schema else [])
        message = f"no such key; {near or 'see docs/config.md for the keys of this section'}"
    elif problem["type"] == "missing":
        message = "is required"
    elif "input" in problem and not isinstance(problem["input"], dict) and problem["type"] != "value_error":
        message += f" (given: {_written(problem['input'])})"
        if problem["type"] == "string_type" and isinstance(problem["input"], int | float | datetime.date):
            message += "; put it in quotes"
    return _shortened(without_credentials(f"{path or 'the config'}: {message}"), LINE_CHARACTERS)


def _keys(schema: dict[str, Any], path: Sequence[str | int]) -> list[str]:
    """The keys that the section of a path may have."""
    section = schema
    for part in path:
        inner = [section.get("properties", {}).get(part), section.get("items"), section.get("additionalProperties")]
        inner += section.get("patternProperties", {}).values()
        section = next((each for each in inner if isinstance(each, dict)), {})
        options = [section, *section.get("anyOf", [])]  # a section, or null
        names = [option["$ref"].rsplit("/", 1)[-1] for option in options if "$ref" in option]
        section = schema["$defs"][names[0]] if names else section
    return list(section.get("properties", {}))


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
