"""A store of finished pieces of work ("cells"), addressed by what went into them.

A job that embeds 22 languages asks for 22 cells; those that exist are not computed again, whichever study, model job or
killed run made them. A cell is written whole and never changed; of two jobs that want the same one at the same time,
one computes it. The store can be deleted at any time: that costs computation, not results.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from workflow_scripts.jobs.files import canonical_json, content_hash, written_whole
from workflow_scripts.jobs.hdf5 import DAMAGE, created, locked
from workflow_scripts.jobs.locks import Locks

log = logging.getLogger(__name__)


class CellStore:
    """Cells of one kind, HDF5 files under `{root}/{kind}`; a process has one store per kind."""

    def __init__(self, root: Path, kind: str):
        self._root = Path(root) / kind
        self._locks = Locks(self._root / "locks")

    def holds(self, key: dict[str, Any]) -> bool:
        """Return whether the cell of that key is there, though it may turn out to be damaged."""
        return self._path(key).exists()

    @contextmanager
    def reserved(self, keys: Sequence[dict[str, Any]]) -> Iterator[None]:
        """Reserve cells that are computed together: in the block, no other job computes those that are missing."""
        missing = [key for key in keys if not self.holds(key)]
        with self._locks.held(map(content_hash, missing), f"{len(missing)} of these cells"):
            yield

    def get(self, key: dict[str, Any], compute: Callable[[h5py.File], None]) -> Path:
        """Return the path of the cell of a key; `compute` fills the file where it is missing or damaged."""
        path = self._path(key)
        seen = _version(path)
        if seen and _is_whole(path):
            return _found(path)
        with self._locks.held([content_hash(key)], str(path)) as alone:
            # Another job may have made it while this one waited.
            if _version(path) != seen and _is_whole(path):
                return _found(path)
            if seen:
                log.warning("damaged, computing it again: %s", path)
            with written_whole(path, alone) as beside, created(beside) as file:
                compute(file)
                file.attrs["key"] = canonical_json(key)
        return path

    def _path(self, key: dict[str, Any]) -> Path:
        address = content_hash(key)
        return self._root / address[:2] / f"{address}.h5"


def _found(path: Path) -> Path:
    log.info("found in the cache: %s", path)
    return path


def _version(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from one that was put in its place; None where there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _is_whole(path: Path) -> bool:
    """Return whether every dataset can be read: each block carries a checksum, verified as it is read."""
    try:
        with h5py.File(path, "r") as file:
            file.attrs["key"]
            file.visititems(_read_through)
            return True
    except BlockingIOError as error:
        raise locked(path) from error
    except DAMAGE:
        return False


def _read_through(name: str, item: h5py.Dataset | h5py.Group) -> None:
    if isinstance(item, h5py.Dataset):
        if item.chunks is None:
            item[()]
        else:
            for block in item.iter_chunks():
                item[block]
