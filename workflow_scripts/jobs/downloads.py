"""Files from the Hugging Face hub, compared with the hashes that its cache names them by."""

import re
from collections.abc import Iterable
from pathlib import Path

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import file_hash


def hub_errors() -> tuple[type[Exception], ...]:
    """Return what the hub's client raises where the hub refuses, fails or is out of reach."""
    from huggingface_hub.errors import HfHubHTTPError

    # Without network, errors of the HTTP library pass, which is another one with each version of the client; the class
    # that these errors and the hub's own have in common is no OSError.
    return (HfHubHTTPError.__bases__[0], OSError)


def refuse_damaged(files: Iterable[Path], where: str, made_of_them: Iterable[Path] = ()) -> None:
    """Refuse a file in the cache that is not what the hub said it would send.

    There a file is a link to one that is named by its hash: SHA-256 of a large file, Git's of any other.

    Args:
        files: Files of a snapshot; those that are no links, as in a directory of the user's own, are not looked at.
        where: What they are of, for the message.
        made_of_them: What a library has made of them, to be deleted too.

    Raises:
        StudyError: a file has another hash.
    """
    from huggingface_hub.utils.sha import git_hash

    for link in sorted(path for path in files if path.is_symlink()):
        path = link.resolve()
        if not path.is_file():
            found = "missing"
        elif re.fullmatch("[0-9a-f]{64}", path.name):
            found = file_hash(path)
        elif re.fullmatch("[0-9a-f]{40}", path.name):
            found = git_hash(path.read_bytes())
        else:
            continue  # the hub gave no hash
        if found != path.name:
            delete = " and ".join(map(str, [path, *made_of_them]))
            raise StudyError(
                f"{where}: {link.name} is damaged: its hash is {found}, the hub's {path.name}; delete {delete} and run "
                "again."
            )
