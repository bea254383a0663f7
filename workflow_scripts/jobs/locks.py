"""Locks between the processes that share a folder, also over NFS, by name.

A lock is a byte of one file, at a place derived from the name: no name leaves a file behind, and the system frees what
a process held when it dies.
"""

import errno
import fcntl
import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

log = logging.getLogger(__name__)

# The file system has no locks, or not for us; or the system found that two processes would wait for each other.
NO_LOCKS = {
    *(errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EDEADLK),
}


class Locks:
    """Locks in one file. A process has one object a file: closing another would free the locks of both."""

    def __init__(self, path: Path):
        self._path = Path(path)
        self._file: BinaryIO | None = None
        self._held: set[str] = set()
        self._without = False  # told that there are no locks

    @contextmanager
    def held(self, names: Iterable[str], waiting_for: str) -> Iterator[bool]:
        """Hold the locks of these names for the block; wait for other processes that hold one, saying so once.

        Yields whether they are held, which they are not where the file system knows no locks. Those that this object
        holds already stay held after the block.
        """
        # In one order everywhere, so that no two processes wait for each other.
        new = sorted(set(names) - self._held)
        with ExitStack() as stack:
            yield self._take(new, waiting_for, stack)

    def _take(self, names: list[str], waiting_for: str, stack: ExitStack) -> bool:
        told = False
        for name in names:
            try:
                if self._file is None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    self._file = self._path.open("ab")
                try:
                    self._lock(name, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except (BlockingIOError, PermissionError):  # systems differ in what they say of a lock that is taken
                    if not told:
                        log.info("another job is at work on %s: waiting for it", waiting_for)
                    told = True
                    self._lock(name, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                if not self._without:
                    log.warning("no locks in %s (%s): going on without", self._path.parent, error)
                self._without = True
                return False
            self._held.add(name)
            stack.callback(self._release, name)
        return True

    def _lock(self, name: str, operation: int) -> None:
        fcntl.lockf(self._file, operation, 1, _place(name))

    def _release(self, name: str) -> None:
        self._lock(name, fcntl.LOCK_UN)
        self._held.remove(name)
        if not self._held:
            self._file.close()
            self._file = None


def _place(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
