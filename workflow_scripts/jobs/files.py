"""Writing files so that a reader never sees half of one, and reading what stages wrote as JSON."""

import errno
import glob
import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from workflow_scripts.jobs.errors import FullDisk, StudyError

Read = TypeVar("Read")

# Not every library that writes files raises an OSError with its number.
FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_TEXTS = ("No space left on device", "Disk quota exceeded")
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


@contextmanager
def written_whole(path: Path, alone: bool = True) -> Iterator[Path]:
    """Yield a path beside `path` to write to; rename it to `path` when the block ends well, else delete it.

    The temporary name keeps the suffix, since some writers choose their format by it.

    Args:
        path: Where the file is wanted.
        alone: Whether nobody else writes that file at the same time; what a killed writer left of it is deleted then.
            Snakemake sees to that for the outputs of a job.

    Raises:
        FullDisk: there is no space for it.
    """
    path = Path(path)
    beside = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.partial{path.suffix}")
    with written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if alone:
            earlier = f".{glob.escape(path.stem)}.{'[0-9a-f]' * 8}.partial{glob.escape(path.suffix)}"
            for left in path.parent.glob(earlier):
                left.unlink(missing_ok=True)
        try:
            yield beside
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Tell a full disk with the path, in a block that writes to it.

    Raises:
        FullDisk: there is no space.
    """
    try:
        yield
    except Exception as error:
        if is_full(error):
            raise FullDisk(path) from error
        raise


def is_full(error: BaseException) -> bool:
    """Return whether an error says that a disk is full or a quota used up."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    return any(text in str(error) for text in FULL_TEXTS)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole."""
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN; equal values have equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(value: Any) -> str:
    """Return the SHA-256 (hexadecimal) of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 (hexadecimal) of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_lfs_pointer(path: Path, setting: str = "") -> None:
    """Refuse a file that holds a Git LFS pointer in place of its content.

    Args:
        path: Path of the file.
        setting: What the message begins with, such as `models.mine: `.

    Raises:
        StudyError: it is such a pointer.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER))
    if start == LFS_POINTER:
        raise StudyError(
            f"{setting}{path} is a Git LFS pointer, not the file that it stands for; run `git lfs pull` in that clone, "
            "or fetch the file itself."
        )


def read_json(path: Path, kind: type[Read], what: str) -> Read:
    """Return what a stage wrote as JSON, validated as a dataclass or a model of pydantic.

    Args:
        path: The file.
        kind: The dataclass or the model.
        what: What the file should be, for the message, like "a valid condition".

    Raises:
        StudyError: the file is something else.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(Path(path).read_bytes())
    except ValidationError as error:
        raise StudyError(f"{path} is not {what} ({error}); delete it and run again.") from error
