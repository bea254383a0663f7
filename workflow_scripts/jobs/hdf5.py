"""HDF5 files that the workflow makes and reads: written so that damage is found, and told as such when it is."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from workflow_scripts.jobs.errors import DamagedFile, StudyError

# What h5py raises when what it reads makes no sense.
DAMAGE = (OSError, KeyError, RuntimeError)
# Since this version of the format, what describes the data carries checksums as well.
FORMAT = ("v110", "latest")


def created(path: Path) -> h5py.File:
    """Create a file, which the caller closes; its datasets ask for `fletcher32` themselves."""
    return h5py.File(path, "w", libver=FORMAT)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file that another stage wrote, for a block that does nothing but read it.

    Raises:
        DamagedFile: the file is cut off, or one of its checksums is wrong.
        StudyError: it is not there, or another program writes to it.
    """
    with reading(path), h5py.File(path, "r") as file:
        yield file


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Open a file as `opened` does, for a block that also reads from it by other means.

    Raises:
        DamagedFile: the file is cut off, or one of its checksums is wrong.
        StudyError: it is not there, or another program writes to it.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise StudyError(f"{path} is not there (any more); run the same command again, which makes it.") from error
    except BlockingIOError as error:
        raise locked(path) from error
    except DAMAGE as error:
        if _of_the_system(error):
            raise
        raise DamagedFile(path, error) from error


def locked(path: Path) -> StudyError:
    """Return the error to raise for a file that another program writes to."""
    return StudyError(
        f"{path} is locked: another program, like a notebook or a viewer, has it open to write. Close it there and run "
        "the same command again. If no program has it open, its file system has no locks: set the environment variable "
        "HDF5_USE_FILE_LOCKING to FALSE."
    )


def _of_the_system(error: Exception) -> bool:
    """Return whether the operating system refused something, like the permission to read; the content may be whole."""
    if isinstance(error, OSError) and error.errno:
        return True
    told = re.search(r"errno = (\d+)", str(error))  # in HDF5's own messages
    return told is not None and told[1] != "0"


def write_strings(group: h5py.Group, name: str, strings: Sequence[str]) -> None:
    """Write strings as a dataset with checksums, which HDF5's strings of any length cannot have."""
    encoded = np.array([string.encode() for string in strings], dtype=np.bytes_)
    if encoded.dtype.itemsize == 0 or not len(encoded):
        encoded = encoded.astype("S1")
    # At least one element per chunk, also where there is no string.
    group.create_dataset(
        name, data=encoded, chunks=(max(1, len(encoded)),), maxshape=(max(1, len(encoded)),), fletcher32=True
    )


def read_strings(dataset: h5py.Dataset) -> list[str]:
    """Return the strings that `write_strings` wrote."""
    return [string.decode() for string in dataset[:]]
