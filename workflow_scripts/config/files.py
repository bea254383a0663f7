"""The files of the config as they are written: which study they make, and where a key stands.

YAML silently keeps the last of two equal keys; they are refused here.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import write_text

DEFAULT = "config.yaml"  # the default study, of which all others are overlays
COMMAND_LINE = "--config"
NOTHING: Mapping[str, Any] = MappingProxyType({})
MARK = "study.json"  # in a folder of results: which files made it


def refuse_repeated_keys(files: Sequence[str]) -> None:
    """Refuse config files in which a mapping has a key twice.

    Raises:
        StudyError: with one line for each such key: its file, its path and the lines where it stands.
    """
    found = [
        f"{file}: {key} is in line {first} and again in line {second}, and YAML takes the last alone; delete one"
        for file in files
        for key, first, second in _repeated_keys(Path(file).read_text(encoding="utf-8"))
    ]
    if found:
        raise StudyError("the config is not valid:\n" + "\n".join(f"  {line}" for line in found))


def in_precedence(files: Iterable[str], overlays: Iterable[str]) -> list[str]:
    """Return config files with those last that win over the others: overlays as they are given, in their order."""
    given = list(overlays)
    return [*(file for file in files if file not in given), *given]


def study_of(overlays: Iterable[str]) -> list[str]:
    """Return the files that tell a study from others, as one would type them: its overlays, or `config.yaml` alone."""
    return [shown_path(file) for file in overlays if Path(file).name != DEFAULT] or [DEFAULT]


def results_of(study: Sequence[str]) -> str:
    """Return the folder of results of a study that names none: `results-mine` of `studies/mine.yaml`.

    That of the default study is `results`; names of further overlays follow, as in `results-paper-larger`.
    """
    names = [re.sub(r"[^A-Za-z0-9._]+", "-", Path(file).stem).strip("-") for file in study if file != DEFAULT]
    return "-".join(["results", *filter(None, names)])


def refuse_results_of_another(results: Path, study: Sequence[str]) -> None:
    """Refuse a folder of results that was made by another study, which this one would write over.

    A further overlay on the same study is no other study.

    Raises:
        StudyError: the folder is another study's.
    """
    if not (mark := results / MARK).is_file():
        return
    made_by = json.loads(mark.read_text(encoding="utf-8"))["files"]
    if all(this == that for this, that in zip(made_by, study, strict=False)):
        return
    raise StudyError(
        f"results: {results} holds what {' with '.join(made_by)} made, and {' with '.join(study)} would write over it; give this "
        f"study a folder of its own, such as {results_of(study)}. If it is the same study, by another name, delete {mark}."
    )


def mark_results(results: Path, study: Sequence[str]) -> None:
    """Write into a folder of results which study makes it, unless it says so already."""
    if not (mark := results / MARK).is_file():
        write_text(mark, json.dumps({"files": list(study)}, indent=1) + "\n")


def place_of(key: str, files: Sequence[str], given: Mapping[str, Any] = NOTHING) -> str | None:
    """Return where a key is set, like `studies/mine.yaml, line 7`, or `--config`; None where nothing is said of it.

    Args:
        key: Path of the key, like `models.mine.k`. Of what is not there the line of the section is given, where it
            should be, unless that is the whole config.
        files: Config files, of which later ones win.
        given: What the command line says, which wins over the files.
    """
    found = [(*_line_of(_nodes(file), key), file) for file in reversed(files)]
    found.insert(0, (*_line_of(yaml.compose(json.dumps(dict(given), default=str)), key), COMMAND_LINE))
    depth, line, file = max(found, key=lambda each: each[0])
    place = file if file == COMMAND_LINE else f"{shown_path(file)}, line {line}"
    return place if depth else None


def placed(problem: str, files: Sequence[str], given: Mapping[str, Any] = NOTHING) -> str:
    """Return a problem, which begins with its key and a colon, with the place of the key where that is known."""
    place = place_of(problem.partition(": ")[0], files, given)
    return problem if place is None else f"{problem} ({place})"


def shown_path(file: str) -> str:
    """Return a path as one would type it: from the working directory where the file lies below it."""
    return os.path.relpath(file) if Path(file).absolute().is_relative_to(Path.cwd()) else file


def _nodes(file: str) -> yaml.Node | None:
    """What is written in a file, of which nothing is built yet; nothing where it is no YAML."""
    try:
        return yaml.compose(Path(file).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, yaml.YAMLError):
        return None  # JSON with tabs, which Snakemake has read


def _line_of(node: yaml.Node | None, key: str, depth: int = 0, line: int = 0) -> tuple[int, int]:
    """The number of keys on the way to a key that are there, and the line of the last of them."""
    inner: list[tuple[str, int, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        inner = [(str(name.value), name.start_mark.line + 1, value) for name, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        inner = [(str(place), value.start_mark.line + 1, value) for place, value in enumerate(node.value)]
    # A name may have dots of its own.
    for name, at, value in sorted(inner, key=lambda each: -len(each[0])):
        if key == name or key.startswith(f"{name}."):
            return _line_of(value, key[len(name) + 1 :], depth + 1, at)
    return depth, line


def _repeated_keys(text: str) -> Iterator[tuple[str, int, int]]:
    """The path of each repeated key in a YAML text, and the lines of its first place and of the other."""
    try:
        # Nodes from which nothing is built yet, so that both keys are still there.
        waiting = [("", yaml.compose(text, Loader=yaml.SafeLoader))]
    except yaml.YAMLError:
        return  # JSON with tabs, which Snakemake has read
    seen = set()  # an alias leads to a node again, perhaps from within it
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(f"{path}.{number}", inner) for number, inner in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            lines: dict[tuple[str, str], int] = {}
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue  # a list as a key, which the config has none of
                here, line = f"{path}.{key.value}".removeprefix("."), key.start_mark.line + 1
                if (key.tag, key.value) in lines:
                    yield here, lines[key.tag, key.value], line
                lines.setdefault((key.tag, key.value), line)
                waiting.append((here, value))
