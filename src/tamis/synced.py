"""Local files that appear under their names whole or not at all; several of them are synced side by side."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import IO

from tamis.errors import RunError

SIDE_BY_SIDE = 8


@contextmanager
def together() -> Iterator[Together]:
    """Files that appear when the block ends well, in the order in which they were written; each is synced while the next is written.

    To wait for the disk once for each of the six files of a chunk took a twentieth of the time of measuring.

    Raises:
        RunError: there is no room left.
    """
    group = Together()
    try:
        yield group
        group.appear()
    finally:
        group.discard()


@cache
def _pool() -> ThreadPoolExecutor:
    """The threads that wait for the disk: of the process, for beginning and ending them took longer than a small file."""
    return ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="tamis-sync")


@dataclass
class Together:
    """What `together` gives."""

    _written: list[tuple[str, str, Future[None]]] = field(default_factory=list)

    @contextmanager
    def writing(self, path: str) -> Iterator[IO[bytes]]:
        """The next file, under a temporary name."""
        temporary = f"{os.path.dirname(path) or '.'}/.{os.path.basename(path)}.{uuid.uuid4().hex[:8]}~"
        try:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(temporary, "wb") as file:
                yield file
            self._written.append((path, temporary, _pool().submit(_sync, temporary)))
        except OSError as error:
            raise no_room(path, error) from error
        finally:
            if not any(temporary == one for _, one, _ in self._written):
                with suppress(OSError):  # it may never have begun, on a disk that cannot be written: then that is what to say
                    os.unlink(temporary)

    def appear(self) -> None:
        """Give the files their names."""
        for path, temporary, synced in self._written:
            try:
                synced.result()
                os.replace(temporary, path)
            except OSError as error:
                raise no_room(path, error) from error

    def discard(self) -> None:
        """Delete those that have not appeared."""
        for _, temporary, synced in self._written:
            synced.exception()  # wait: it is open until then
            with suppress(FileNotFoundError):
                os.unlink(temporary)


def _sync(path: str) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def no_room(url: str, error: OSError) -> Exception:
    """The sentence for a full disk or a folder that may not be written; any other error as it is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return RunError(
            f"{url} could not be written: no space left on the disk. What was finished is kept.\n"
            "Fix: free some space and repeat the same command."
        )
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
        return RunError(f"{url} could not be written: {error.strerror}.\nFix: choose another --out.")
    return error
