"""Locks between the processes that share a folder, also over NFS, by name.

A lock is a byte of one file, at a place derived from the name: no name leaves a file behind, and the system frees what
a process held when it dies.
"""

import errno
import fcntl
import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

log = logging.getLogger(__name__)
SECONDS_BETWEEN_TRIES = 1.0  # where one of several locks is enough

# The file system has no locks, or not for us; or the system found that two processes would wait for each other.
NO_LOCKS = {
    *(errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EDEADLK),
}


class Locks:
    """Locks in one file. A process has one object per file: closing another would free the locks of both."""

    def __init__(self, path: Path):
        self._path = Path(path)
        self._file: BinaryIO | None = None
        self._held: set[str] = set()
        self._without = False  # told that there are no locks
        self._told: set[str] = set()

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

    @contextmanager
    def first_free(self, names: Sequence[str], waiting_for: str) -> Iterator[str]:
        """Hold one of these locks for the block, the first that no other process holds; wait until one is free.

        Yields its name; the first of all where the file system knows no locks.
        """
        with ExitStack() as stack:
            while True:
                for name in names:
                    try:
                        held = self._acquire(name, wait=False)
                    except BlockingIOError:
                        continue
                    if held:
                        stack.callback(self._release, name)
                    yield name
                    return
                self._tell(waiting_for)
                time.sleep(SECONDS_BETWEEN_TRIES)

    def _take(self, names: list[str], waiting_for: str, stack: ExitStack) -> bool:
        for name in names:
            try:
                held = self._acquire(name, wait=False)
            except BlockingIOError:
                self._tell(waiting_for)
                held = self._acquire(name, wait=True)
            if not held:
                return False
            stack.callback(self._release, name)
        return True

    def _acquire(self, name: str, wait: bool) -> bool:
        """Take a lock; return whether it is held, which it is not where the file system knows no locks.

        Raises:
            BlockingIOError: another process holds it, and this one should not wait.
        """
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab")
            try:
                self._lock(name, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except PermissionError as error:  # systems differ in what they say of a lock that is taken
                if wait:
                    raise
                raise BlockingIOError from error
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            if not self._without:
                log.warning("no locks in %s (%s): going on without", self._path.parent, error)
            self._without = True
            return False
        self._held.add(name)
        return True

    def _tell(self, waiting_for: str) -> None:
        """Say once that another process is waited for."""
        if waiting_for not in self._told:
            log.info("another job is at work on %s: waiting for it", waiting_for)
        self._told.add(waiting_for)

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
