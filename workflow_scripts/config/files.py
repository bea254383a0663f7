"""The files of the config as they are written. YAML silently keeps the last of two equal keys; they are refused here."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from workflow_scripts.jobs.errors import StudyError


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
