"""Write the newest commits of hub repositories into a study where its revisions are still zeros.

Run as `python -m workflow_scripts.config.pin studies/paper.yaml` (`make pin STUDY=…`) where there is network; it says
which repositories are still to be pinned, and what each is pinned to. The text is edited in place, so that comments stay; a
revision that is already pinned is never changed.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from workflow_scripts.jobs.downloads import hub_errors
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import write_text
from workflow_scripts.jobs.messages import one_line

UNPINNED = "0" * 40
KINDS = {"hub": "model", "repository": "dataset"}  # of repositories, by the keys that name them


def pin(text: str, newest: Callable[[str, str], str]) -> str:
    """Return the YAML text with zeros replaced; `newest(kind, repository)` gives a commit, kind being model or dataset.

    Raises:
        StudyError: the text is no YAML, or a revision of zeros stands beside no repository.
    """
    try:
        document = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise StudyError(f"this is no YAML: {one_line(error)}") from error
    # Quoted: a commit of digits alone would be read as a number.
    commits = [(revision, f'"{newest(kind, name)}"') for kind, name, revision in _unpinned(document)]
    for revision, commit in reversed(commits):
        text = text[: revision.start_mark.index] + commit + text[revision.end_mark.index :]
    return text


def _unpinned(document: yaml.Node | None) -> list[tuple[str, str, yaml.Node]]:
    """Return kind, name and revision of the repositories that are to be pinned, in the order of the text.

    Raises:
        StudyError: as `pin`.
    """
    found: dict[int, tuple[str, str, yaml.Node]] = {}
    waiting = [document] if document else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        if not isinstance(node, yaml.MappingNode):
            continue
        waiting += [value for _, value in node.value]
        fields = {key.value: value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
        if "revision" in fields and fields["revision"].value == UNPINNED:
            revision = fields["revision"]
            key = next((key for key in KINDS if key in fields), None)
            if key is None:
                raise StudyError(
                    f"line {revision.start_mark.line + 1}: the revision stands beside no hub and no repository."
                )
            found[revision.start_mark.index] = KINDS[key], fields[key].value, revision
    return [found[place] for place in sorted(found)]


def newest_commit(kind: str, repository: str) -> str:
    """Return the newest commit of a repository on the hub.

    Raises:
        StudyError: the hub cannot be reached, or the repository cannot be seen.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError

    try:
        return HfApi().repo_info(repository, repo_type=kind).sha
    except HFValidationError as error:
        raise StudyError(f"{repository} is no name of a repository, owner/name: {one_line(error)}") from error
    except hub_errors() as error:
        raise StudyError(f"cannot ask the hub for {kind} {repository}: {one_line(error)}") from error


def unpinned(text: str) -> list[str]:
    """Return the repositories whose revision is still zeros, each as `model owner/name`.

    Raises:
        StudyError: as `pin`.
    """
    found: list[str] = []
    pin(text, lambda kind, repository: found.append(f"{kind} {repository}") or UNPINNED)
    return list(dict.fromkeys(found))


def main(path: Path, newest: Callable[[str, str], str] = newest_commit) -> None:
    """Pin what a study leaves to be pinned, and say what.

    Raises:
        StudyError: as `pin` and `newest_commit`; the study stays as it is.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise StudyError(f"cannot read {path}: {one_line(error)}") from error
    if not (waiting := unpinned(text)):
        print(f"{path}: every revision is pinned.")
        return
    print(f"{path}: still to be pinned: {', '.join(waiting)}.")
    commits: dict[tuple[str, str], str] = {}

    def once(kind: str, repository: str) -> str:
        if (kind, repository) not in commits:
            commits[kind, repository] = newest(kind, repository)
            print(f"{kind} {repository}: {commits[kind, repository]}")
        return commits[kind, repository]

    write_text(path, pin(text, once))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("error: name one study, as in make pin STUDY=studies/paper.yaml.")
    try:
        main(Path(sys.argv[1]))
    except StudyError as error:
        sys.exit(f"error: {error}")
