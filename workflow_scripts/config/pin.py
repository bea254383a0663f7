"""Write the newest commits of hub repositories into a study where its revisions are still zeros.

Run as `python -m workflow_scripts.config.pin studies/paper.yaml` (`make pin STUDY=…`) where there is network; it says
which repositories are still to be pinned, and what each is pinned to. Lines are edited in place, so that comments stay; a
revision that is already pinned is never changed.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import write_text

UNPINNED = "0" * 40
REPOSITORY = re.compile(r"^\s*(?P<kind>hub|repository): (?P<name>\S+)")
REVISION = re.compile(rf"^(?P<before>\s*revision: ){re.escape(chr(34))}?{UNPINNED}{re.escape(chr(34))}?")


def pin(text: str, newest: Callable[[str, str], str]) -> str:
    """Return the YAML text with zeros replaced; `newest(kind, repository)` gives a commit, kind being model or dataset.

    Raises:
        StudyError: a revision of zeros does not follow the line of its repository.
    """
    lines, repository = [], None
    for number, line in enumerate(text.split("\n"), start=1):
        if match := REPOSITORY.match(line):
            repository = ("model" if match["kind"] == "hub" else "dataset", match["name"])
        if match := REVISION.match(line):
            if repository is None:
                raise StudyError(f"line {number}: the revision must follow the line of its hub or repository.")
            # Quoted: a commit of digits alone would be read as a number.
            line = f'{match["before"]}"{newest(*repository)}"{line[match.end() :]}'
            repository = None
        lines.append(line)
    return "\n".join(lines)


def newest_commit(kind: str, repository: str) -> str:
    """Return the newest commit of a repository on the hub.

    Raises:
        StudyError: the hub cannot be reached, or the repository cannot be seen.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return HfApi().repo_info(repository, repo_type=kind).sha
    except (HfHubHTTPError, OSError) as error:
        raise StudyError(f"cannot ask the hub for {kind} {repository}: {error}") from error


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
    text = path.read_text(encoding="utf-8")
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
    try:
        main(Path(sys.argv[1]))
    except StudyError as error:
        sys.exit(f"error: {error}")
