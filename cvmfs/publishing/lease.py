# SPDX-License-Identifier: BSD-3-Clause
"""Who may change a repository now: one publisher at a time, on whatever machine.

A lease is a control file that says who holds it and until when. It is only ever swapped, so of several who
want it one gets it; its holder renews it while it works. Two things make it over: its time has passed, or its
process was of this machine and is gone. Before it, publishers of one machine exclude one another by a lock
file, which the kernel frees at the moment a process dies.

Clocks decide who has to wait and nothing else. What keeps revisions apart is that a holder shows its lease
right before the manifest takes its name, and that the manifest is swapped against the one that was there
when the lease was taken. A machine that slept through the end of its lease publishes nothing.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from core.errors import Busy, UserError
from core.files import exclusive_lock
from cvmfs.errors import LeaseLost, NotFound, RepositoryError
from cvmfs.format.manifest import MANIFEST
from cvmfs.storage.storage import Storage
from cvmfs.storage.trouble import in_words

log = logging.getLogger(__name__)

LEASE = ".publish.lease"
"""No web server shows it and no genuine tool looks for it: both know `.cvmfs*` and `data/` only."""

LEASE_S = 60.0
_RENEW_EVERY_S = LEASE_S / 3
_LOOK_EVERY_S = 0.5
_RELEASE_ATTEMPTS = 2
_SCHEMA = 1
_FREE = b'{"schema": 1, "free": true}\n'
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Holder:
    """What a lease says. Times are in seconds since 1970; `machine` and `started` tell a process for sure."""

    token: str
    owner: str
    machine: str
    pid: int
    started: int
    purpose: str
    taken: float
    expires: float

    def __str__(self) -> str:
        """Return who it is, what for, and since when."""
        return f"{self.owner}, process {self.pid}, to {self.purpose} since {_time(self.taken)}"

    @property
    def is_dead(self) -> bool:
        """Return whether its process was one of this machine and is gone; of others nobody can tell."""
        return self.machine == _machine() and _started(self.pid) != self.started

    def encode(self) -> bytes:
        """Return the bytes of the lease file."""
        return (json.dumps({"schema": _SCHEMA, **asdict(self)}, sort_keys=True) + "\n").encode()


def holder_of(storage: Storage) -> Holder | None:
    """Return who holds the lease of a repository, or held it until they died; None where it is free.

    Raises:
        RepositoryError: the file says something that we did not write.
    """
    return _parse(storage, _read(storage, LEASE))


def break_lease(storage: Storage) -> Holder | None:
    """Free a lease, whoever holds it, and return who did; a holder that still works will not publish.

    Raises:
        Busy: somebody took or renewed it in the meantime.
    """
    content = _read(storage, LEASE)
    with suppress(RepositoryError):  # what nobody understands is broken like anything else
        holder = _parse(storage, content)
        if holder is None:
            return None
        if not storage.swap(LEASE, content, _FREE):
            raise Busy(
                "the lease was taken or renewed meanwhile", hint="look again, then repeat it"
            )
        return holder
    storage.replace(LEASE, _FREE)
    return None


class Lease:
    """The right to change a repository, for as long as it is held."""

    def __init__(self, storage: Storage, holder: Holder, *, took_over: bool) -> None:
        self._storage = storage
        self._holder = holder
        self._manifest = _read(storage, MANIFEST)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._renewal = threading.Thread(target=self._renew_in_time, name="lease", daemon=True)
        self.took_over = took_over

    def confirm(self) -> None:
        """Return if the lease is still ours.

        Raises:
            LeaseLost: somebody else took it over.
        """
        if not self._renew():
            now = _parse(self._storage, _read(self._storage, LEASE))
            raise LeaseLost(
                f"the lease to {self._holder.purpose} was lost"
                + (f": {now} took it over" if now is not None else "")
                + "; nothing was published",
                hint="run it again: this machine slept, stood still or lost its network for "
                f"{LEASE_S:.0f} s, or somebody broke the lease",
            )

    def swap_manifest(self, content: bytes) -> None:
        """Let a signed manifest take its name, if the lease is ours and nobody published meanwhile.

        Raises:
            LeaseLost: that is not so; nothing was published.
        """
        self.confirm()
        if not self._storage.swap(MANIFEST, self._manifest, content):
            raise LeaseLost(
                f"{self._storage.describe(MANIFEST)} was changed while we were to "
                f"{self._holder.purpose}; nothing was published",
                hint="does another tool publish here? look with pansoft repo log, then run it again",
            )
        self._manifest = content

    def _start(self) -> None:
        self._renewal.start()

    def _release(self) -> None:
        self._ended.set()
        self._renewal.join()
        for _ in range(_RELEASE_ATTEMPTS):
            try:
                self._storage.swap(LEASE, self._holder.encode(), _FREE)
                return
            except (UserError, OSError) as err:
                log.warning("the lease cannot be given back: %s", err)
        log.warning("the lease ends by itself within %.0f s", LEASE_S)

    def _renew_in_time(self) -> None:
        while not self._ended.wait(_RENEW_EVERY_S):
            try:
                if not self._renew():
                    log.warning("the lease to %s was lost", self._holder.purpose)
                    return
            except (UserError, OSError) as err:  # there is time for another attempt
                log.warning("the lease cannot be renewed: %s", err)

    def _renew(self) -> bool:
        with self._lock:
            renewed = replace(self._holder, expires=max(time.time(), self._holder.taken) + LEASE_S)
            if not self._storage.swap(LEASE, self._holder.encode(), renewed.encode()):
                return False
            self._holder = renewed
            return True


@contextmanager
def leased(
    storage: Storage, lock_file: Path, *, purpose: str, wait_s: float = 0.0
) -> Iterator[Lease]:
    """Hold the lease of a repository for the time of the block.

    Args:
        storage: where the repository is.
        lock_file: excludes publishers of this machine.
        purpose: what for, in words: "publish".
        wait_s: how many seconds to wait for another holder to end; who that is goes to the log.

    Raises:
        Busy: somebody else holds it.
        RepositoryError: the place knows no locks, or may not be written.
    """
    until = time.monotonic() + wait_s
    with ExitStack() as stack:
        _patiently(lambda: _lock(stack, storage, lock_file, purpose), until)
        lease = _patiently(lambda: _take(storage, purpose), until)
        lease._start()
        try:
            yield lease
        finally:
            lease._release()


def _patiently(attempt: Callable[[], _T], until: float) -> _T:
    """Return what an attempt gives, made again while somebody is busy and there is time."""
    is_told = False
    while True:
        try:
            return attempt()
        except Busy as err:
            left = until - time.monotonic()
            if left <= 0:
                raise
            if not is_told:
                log.warning("%s; waiting for it to end", err.message)
                is_told = True
        time.sleep(min(_LOOK_EVERY_S, left))


def _lock(stack: ExitStack, storage: Storage, lock_file: Path, purpose: str) -> None:
    try:
        stack.enter_context(exclusive_lock(lock_file, purpose=purpose))
    except Busy as err:
        holder = holder_of(storage)
        if holder is None:
            raise
        raise _busy(purpose, holder) from err
    except OSError as err:
        raise in_words(err, lock_file.parent) from err


def _take(storage: Storage, purpose: str) -> Lease:
    content = _read(storage, LEASE)
    found = _parse(storage, content)
    if found is not None and not found.is_dead and time.time() < found.expires:
        raise _busy(purpose, found)
    if found is not None:
        log.warning("%s", _taken_over(found))
    own = _own(purpose)
    if not storage.swap(LEASE, content, own.encode()):
        raise Busy(f"cannot {purpose}: another publisher was quicker", hint="run it again")
    return Lease(storage, own, took_over=found is not None)


def _busy(purpose: str, holder: Holder) -> Busy:
    return Busy(
        f"cannot {purpose}: the repository is held by {holder}, for now until {_time(holder.expires)}",
        hint="wait for it to end; if it hangs, break its lease: pansoft repo unlock --force",
    )


def _taken_over(holder: Holder) -> str:
    """Return why a lease of somebody else is over."""
    if holder.is_dead:
        return f"the lease of {holder} is left over, its process is gone: taken over"
    return f"the lease of {holder} ended {_time(holder.expires)} and was not renewed: taken over"


def _own(purpose: str) -> Holder:
    now = time.time()
    return Holder(
        token=secrets.token_hex(16),
        owner=f"{_user()}@{socket.gethostname()}",
        machine=_machine(),
        pid=os.getpid(),
        started=_started(os.getpid()) or 0,
        purpose=purpose,
        taken=now,
        expires=now + LEASE_S,
    )


def _read(storage: Storage, path: str) -> bytes | None:
    try:
        return storage.get(path)
    except NotFound:
        return None


def _parse(storage: Storage, content: bytes | None) -> Holder | None:
    if content is None or content == _FREE:
        return None
    holder = _decoded(content)
    if holder is None:
        raise RepositoryError(
            f"{storage.describe(LEASE)} is not a lease that this pansoft understands",
            hint="if nobody publishes, break it: pansoft repo unlock --force",
        )
    return holder


def _decoded(content: bytes) -> Holder | None:
    try:
        facts = json.loads(content)
        schema = facts.pop("schema")
        holder = Holder(**facts)
        _ = (_time(holder.taken), _time(holder.expires), holder.pid + holder.started)
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, OSError):
        return None
    return holder if schema == _SCHEMA else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user that no database knows
        return str(os.getuid())


def _machine() -> str:
    """Return what two processes share that see each other: the boot of a kernel, and a pid namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _started(pid: int) -> int | None:
    """Return when a process began, in clock ticks since the boot, or None where there is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = status.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
