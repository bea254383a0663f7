"""A store of finished pieces of work ("cells"), addressed by what went into them.

A job that embeds 22 languages asks for 22 cells; those that exist are not computed again, whichever study, model job or
killed run made them. A cell is written whole and never changed. The store can be deleted at any time: that costs
computation, not results.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from workflow_scripts.lib.files import canonical_json, content_hash, written_whole

log = logging.getLogger(__name__)


class CellStore:
    """Cells of one kind, HDF5 files under `{root}/{kind}`."""

    def __init__(self, root: Path, kind: str):
        self._root = Path(root) / kind

    def holds(self, key: dict[str, Any]) -> bool:
        """Whether the cell of that key is there, though it may turn out to be damaged."""
        return self._path(key).exists()

    def get(self, key: dict[str, Any], compute: Callable[[h5py.File], None]) -> Path:
        """Path of the cell of that key; `compute` fills the file where it does not exist yet or is damaged."""
        path = self._path(key)
        if path.exists():
            if _is_whole(path):
                log.info("found in the cache: %s", path)
                return path
            log.warning("damaged, computing it again: %s", path)
        with written_whole(path) as beside, h5py.File(beside, "w") as file:
            compute(file)
            file.attrs["key"] = canonical_json(key)
        return path

    def _path(self, key: dict[str, Any]) -> Path:
        address = content_hash(key)
        return self._root / address[:2] / f"{address}.h5"


def _is_whole(path: Path) -> bool:
    """Whether every dataset can be read: each block carries a checksum, verified as it is read."""
    try:
        with h5py.File(path, "r") as file:
            file.attrs["key"]
            file.visititems(_read_through)
            return True
    except (OSError, KeyError):
        return False


def _read_through(name: str, item: h5py.Dataset | h5py.Group) -> None:
    if isinstance(item, h5py.Dataset):
        if item.chunks is None:
            item[()]
        else:
            for block in item.iter_chunks():
                item[block]
