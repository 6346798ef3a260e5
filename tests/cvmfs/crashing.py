# SPDX-License-Identifier: BSD-3-Clause
"""What publishers do when they are killed, and a warm process that forks one for each kill.

Run as a program it reads a line for each child, `[folder, keys, step, number, call]`, lets the child do a
step that ends with SIGKILL at a call of the storage, and answers with the child's exit status.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from cvmfs.format.keys import RepositoryKeys, load_keys
from cvmfs.keeping.collect import collect
from cvmfs.keeping.retention import Retention
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, repository_at, sign_whitelist
from cvmfs.publishing.rollback import rollback
from cvmfs.publishing.tagging import add_tag
from cvmfs.reading.reader import Reader
from tests.cvmfs.failing import FailingStorage
from tests.cvmfs.samples import FQRN

PACKAGES = 4
Step = Callable[[Repository, RepositoryKeys, int], None]


def now() -> datetime:
    """Return a time that is later than that of any file there is."""
    return datetime.now(UTC) + timedelta(hours=1)


def publish(repository: Repository, keys: RepositoryKeys, number: int) -> None:
    """Replace one package of a few, one file that is chunked, and say which change this is."""
    package = f"packages/{number % PACKAGES}"
    with transaction(repository, keys, at=now(), message=str(number), chunk_size=2000) as tx:
        tx.remove(package)
        for name in range(1 + number % 3):
            tx.put_bytes(f"{number} {name}\n".encode() * 40, f"{package}/{name}.txt")
        tx.nest(package)
        tx.put_bytes(b"".join(b"%d %d\n" % (number, line) for line in range(900)), "large.sif")
        tx.put_bytes(b"%d\n" % number, "number")


def roll_back(repository: Repository, keys: RepositoryKeys, number: int) -> None:
    """Publish the tree of the revision before."""
    rollback(repository, keys, "trunk-previous", at=now())


def tag(repository: Repository, keys: RepositoryKeys, number: int) -> None:
    """Name the current revision."""
    add_tag(repository, keys, f"name-{number}", at=now())


def resign(repository: Repository, keys: RepositoryKeys, number: int) -> None:
    """Sign a new whitelist."""
    sign_whitelist(repository, keys, at=now())


def clean(repository: Repository, keys: RepositoryKeys, number: int) -> None:
    """Remove what the last three revisions and named ones do not need."""
    collect(repository, keys, at=now(), grace=timedelta(0), rules=Retention(last=3))


STEPS: dict[str, Step] = {step.__name__: step for step in (publish, roll_back, tag, resign, clean)}


def tree(reader: Reader) -> dict[str, bytes]:
    """Return the files of a revision."""
    return {
        entry.path: reader.read_entry(entry)
        for entry in reader.walk()
        if entry.content_hash is not None or entry.chunks
    }


class Crasher:
    """The warm process, as the tests use it."""

    def __init__(self, process: subprocess.Popen[str], keys: RepositoryKeys) -> None:
        self._process = process
        self._keys = keys

    def kill(self, folder: Path, step: str, number: int, call: int) -> bool:
        """Let a child do a step and die at a call; return whether it came to that."""
        line = [str(folder), str(self._keys.public_key.parent), step, number, call]
        _pipe(self._process.stdin).write(json.dumps(line) + "\n")
        _pipe(self._process.stdin).flush()
        status = int(_pipe(self._process.stdout).readline())
        assert status in (0, -signal.SIGKILL), f"the child ended with {status}"
        return status != 0


@contextmanager
def crasher(keys: RepositoryKeys) -> Iterator[Crasher]:
    """Run the warm process for the time of the block."""
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cvmfs.crashing"],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Crasher(process, keys)
        finally:
            _pipe(process.stdin).close()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _serve() -> None:
    keys: dict[str, RepositoryKeys] = {}
    for line in sys.stdin:
        folder, where, step, number, call = json.loads(line)
        keys[where] = keys.get(where) or load_keys(Path(where), FQRN)
        child = os.fork()
        if child == 0:
            _child(Path(folder), keys[where], step, number, call)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


def _child(folder: Path, keys: RepositoryKeys, step: str, number: int, call: int) -> None:
    status = 1
    try:
        opened = repository_at(folder, FQRN)
        storage = FailingStorage(opened.storage, call, lambda: os.kill(os.getpid(), signal.SIGKILL))
        STEPS[step](replace(opened, storage=storage), keys, number)
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    _serve()
