# SPDX-License-Identifier: BSD-3-Clause
"""The genuine `cvmfs_server` of a publishing machine: files go onto its mount, it makes the revision.

Read from the public sources (cvmfs/server/cvmfs_server_{publish,ingest}.sh, cvmfs/publish/cmd_{transaction,
abort}.cc): the options, the statuses of `transaction` (17 another is open, 16 the gateway has leased the
path), the sentences of older versions, which end with 1 for everything.

Whose an open transaction is says a file in it, which goes before the transaction is published: a run that
was killed leaves it, and the next one on this machine knows its own by it. Without the file nobody's
transaction is touched.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shlex
import socket
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core import process
from core.canonical import readable_json
from core.errors import Busy, UserError
from core.process import Completed
from cvmfs.backends.backend import Outcome
from cvmfs.backends.mounted_tree import MountedTree
from cvmfs.errors import NotFound, RepositoryError
from cvmfs.format.chunking import CHUNK_SIZE, CutPolicy
from cvmfs.format.manifest import Manifest
from cvmfs.format.paths import repository_path
from cvmfs.publishing.ingest import CutMarks
from cvmfs.reading.reader import Reader, open_reader

log = logging.getLogger(__name__)

OWNER = ".pansoft-transaction"
"""The file in an open transaction that says whose it is; it is never published."""

MOUNTS = Path("/cvmfs")
_IS_OPEN = 17
_IS_LEASED = 16
_PUBLISH_TIMEOUT_S = 24 * 3600.0
_TIMEOUT_S = 600.0
_UNSAFE = re.compile(r"[^A-Za-z0-9.,:+@-]+")

# What the program says, by the version of the sentence, and what that means.
_OPEN = re.compile(r"already in a transaction|another transaction is already open")
_LEASED = re.compile(r"lease path busy|path_busy|could not acquire a new lease", re.IGNORECASE)
_ABSENT = re.compile(
    r"not found|does not exist|is not a stratum 0|Unable to find the configuration file"
)
_DENIED = re.compile(r"Permission denied|No write permission")
_EXPIRED = re.compile(r"whitelist.* expired", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CvmfsServer:
    """A repository that the `cvmfs_server` of this machine publishes.

    `source` is its Stratum 0 (a folder or an address), `mounts` where repositories are mounted, `lease_path`
    below what is published if the storage is a gateway's, `wait_s` how long the program waits for another
    transaction (0: not at all).
    """

    fqrn: str
    source: str | Path
    public_key: Path
    program: str = "cvmfs_server"
    mounts: Path = MOUNTS
    lease_path: str = ""
    wait_s: int = 0

    def steps(self, paths: Sequence[str], *, message: str) -> tuple[str, ...]:
        """Return the commands that publishing at these paths would run."""
        return (
            shlex.join(self._open_command),
            *(f"# copy to {self._mount / path}" for path in paths),
            shlex.join(self._publish_command("pansoft-<time>", message)),
            f"# in place of that where nothing differs or anything fails: {shlex.join(self._abort_command)}",
        )

    def reader(self, *, at: datetime) -> Reader:
        """Return a reader of what is published now, verified from the public key upward."""
        return open_reader(self.source, self.fqrn, self.public_key, at=at)

    @contextmanager
    def transaction(
        self,
        *,
        at: datetime,
        message: str,
        cut_marks: CutMarks | None = None,
        chunk_size: int = CHUNK_SIZE,
        cutter: CutPolicy | None = None,
    ) -> Iterator[MountedTree]:
        """Give the open transaction to fill; the program cuts files as it is configured.

        Raises:
            Busy: a transaction that is not ours is open, or the gateway has leased the path to others.
            NotFound: the program or the repository is not on this machine.
            RepositoryError: the program refuses; the message has its words.
        """
        del cut_marks, chunk_size, cutter
        self._open(at)
        try:
            self._sign_in(at)
            work = MountedTree(self._mount, at=int(at.timestamp()), own=self._owner_file.name)
            yield work
            self._sign_out()
            if work.is_changed:
                self._run(
                    self._publish_command(_tag(at), message),
                    reason=f"publish {self.fqrn}",
                    timeout_s=_PUBLISH_TIMEOUT_S,
                )
        except BaseException:
            self._abort_after_failure()
            raise
        if not work.is_changed:
            self._abort()
        now = self._manifest(at)
        work.outcome = Outcome(
            self.fqrn, now.revision, now.root_hash, work.is_changed,
            None, None, work.files, work.logical_bytes,
        )  # fmt: skip

    def ingest(self, folder: Path, path: str, *, at: datetime, nest: bool = False) -> Outcome:
        """Publish a folder at `path` with `cvmfs_server ingest`: a revision of its own that is this tree.

        Quicker than a transaction for many files, since none is written to the mount; it opens and publishes
        a transaction itself, so it cannot be a part of one.

        Raises:
            Busy: a transaction is open.
            RepositoryError: the program refuses; it has then undone what it did.
        """
        target = repository_path(path)
        if not target or not folder.is_dir():
            raise RepositoryError(f"{folder} cannot be published at {path!r}")
        before = self._manifest(at)
        work = MountedTree(self._mount, at=int(at.timestamp()))
        old = ("--delete", target) if work.exists(target) else ()
        with tempfile.TemporaryDirectory(prefix="pansoft-ingest-") as scratch:
            archive = Path(scratch) / "tree.tar"
            with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
                tar.add(folder, arcname=".")
            catalog = ("--catalog",) if nest else ()
            self._run(
                (self.program, "ingest", *old, *catalog, "--tar_file", str(archive),
                 "--base_dir", target, self.fqrn),
                reason=f"publish {folder} in {self.fqrn}", timeout_s=_PUBLISH_TIMEOUT_S, is_opening=True,
            )  # fmt: skip
        now = self._manifest(at)
        files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
        size = sum(file.stat().st_size for file in files)
        is_new = now.revision != before.revision
        return Outcome(self.fqrn, now.revision, now.root_hash, is_new, None, None, len(files), size)

    # -- commands

    @property
    def _mount(self) -> Path:
        return self.mounts / self.fqrn

    @property
    def _owner_file(self) -> Path:
        return self._mount / self.lease_path / OWNER

    @property
    def _open_command(self) -> tuple[str, ...]:
        wait = ("-t", str(self.wait_s)) if self.wait_s else ()
        leased = f"{self.fqrn}/{self.lease_path}" if self.lease_path else self.fqrn
        return (self.program, "transaction", *wait, leased)

    def _publish_command(self, tag: str, message: str) -> tuple[str, ...]:
        """Return the command; the genuine script gives the message to a shell, so it becomes one word."""
        said = _UNSAFE.sub("_", message).strip("_")
        described = ("-m", said) if said else ()
        return (self.program, "publish", "-a", tag, *described, self.fqrn)

    @property
    def _abort_command(self) -> tuple[str, ...]:
        return (self.program, "abort", "-f", self.fqrn)

    def _run(
        self,
        command: Sequence[str],
        *,
        reason: str,
        timeout_s: float = _TIMEOUT_S,
        is_opening: bool = False,
    ) -> None:
        """Run the program away from the mount: it refuses to work for somebody who is in it."""
        if process.which(self.program) is None:
            raise NotFound(
                f"{self.program} is not on this machine; it is needed to {reason}",
                hint="publish on the machine that has it, or choose another backend in site.yaml",
            )
        done = process.run(command, reason=reason, timeout_s=timeout_s, cwd=Path("/"), check=False)
        if done.returncode == 0:
            return
        if is_opening:
            raise self._explained(done, reason)
        raise process.failure(done, reason=reason)

    def _explained(self, done: Completed, reason: str) -> UserError:
        """Return the error for what the program said when it should have opened a transaction."""
        said = f"{done.stdout}\n{done.stderr}"
        if done.returncode == _IS_OPEN or _OPEN.search(said):
            return _TransactionOpen(f"a transaction of {self.fqrn} is open already")
        if done.returncode == _IS_LEASED or _LEASED.search(said):
            return Busy(
                f"the gateway has leased {self.lease_path or 'a path'} of {self.fqrn} to another publisher",
                hint="wait for it to end; `wait` in site.yaml says for how long to try",
            )
        if _DENIED.search(said):
            return RepositoryError(
                f"{self.fqrn} belongs to another user: {_first_line(said, _DENIED)}",
                hint="publish as its owner, whom /etc/cvmfs/repositories.d/<name>/server.conf names",
            )
        if _EXPIRED.search(said):
            return RepositoryError(
                f"the whitelist of {self.fqrn} has expired",
                hint=f"the holder of the master key signs it: {self.program} resign {self.fqrn}",
            )
        if _ABSENT.search(said):
            return NotFound(
                f"there is no Stratum 0 of {self.fqrn} on this machine",
                hint=f"see which there are: {self.program} list",
            )
        return process.failure(done, reason=reason)

    def _manifest(self, at: datetime) -> Manifest:
        with self.reader(at=at) as reader:
            return reader.manifest

    # -- whose the transaction is

    def _open(self, at: datetime) -> None:
        """Open the transaction; one that a killed run of ours left is aborted first."""
        reason = f"open a transaction of {self.fqrn}"
        opens_within_s = self.wait_s + _TIMEOUT_S
        try:
            self._run(self._open_command, reason=reason, timeout_s=opens_within_s, is_opening=True)
        except _TransactionOpen as busy:
            owner = self._owner()
            if owner is None:
                raise Busy(
                    f"{busy.message}, and nothing says that it is ours",
                    hint="whoever opened it publishes or aborts it; if nobody does: "
                    f"{shlex.join(self._abort_command)}",
                ) from busy
            if owner.is_alive():
                raise Busy(
                    f"{busy.message}: {owner}", hint="wait for it to end, then publish again"
                ) from busy
            log.warning("aborting the transaction of %s that was left by %s", self.fqrn, owner)
            self._abort()
            self._run(self._open_command, reason=reason, timeout_s=opens_within_s, is_opening=True)
        log.debug("opened a transaction of %s at %s", self.fqrn, at.isoformat())

    def _sign_in(self, at: datetime) -> None:
        """Say in the transaction whose it is."""
        me = _Owner(socket.gethostname(), os.getpid(), _started(os.getpid()), at.isoformat())
        if not self._owner_file.parent.is_dir():
            raise RepositoryError(
                f"{self._owner_file.parent} is not there though the transaction is open",
                hint="is the repository mounted there? `mounts` in site.yaml says where",
            )
        self._owner_file.write_text(me.encode(), encoding="utf-8")

    def _sign_out(self) -> None:
        """Take the file away and leave the directory as if it had not been there."""
        folder = self._owner_file.parent
        status = folder.stat()
        self._owner_file.unlink(missing_ok=True)
        os.utime(folder, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _owner(self) -> _Owner | None:
        try:
            return _Owner.decode(self._owner_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _abort(self) -> None:
        self._run(self._abort_command, reason=f"abort the transaction of {self.fqrn}")

    def _abort_after_failure(self) -> None:
        """Abort, and say so if that does not work either: the first failure is what is raised."""
        try:
            self._abort()
        except UserError as err:
            log.warning(
                "the transaction of %s is still open: %s; close it by hand: %s",
                self.fqrn, err.message, shlex.join(self._abort_command),
            )  # fmt: skip


class _TransactionOpen(Busy):
    """The program says that a transaction is open."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """A process of a machine; `started` tells it from a later one with the same number."""

    host: str
    pid: int
    started: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} of {self.host}, since {self.since}"

    def encode(self) -> str:
        """Return what is written into the transaction."""
        return readable_json(
            {"host": self.host, "pid": self.pid, "started": self.started, "since": self.since}
        )

    @classmethod
    def decode(cls, text: str) -> _Owner:
        """Return what was written; ValueError, KeyError or TypeError if that is something else."""
        found = json.loads(text)
        return cls(
            str(found["host"]), int(found["pid"]), str(found["started"]), str(found["since"])
        )

    def is_alive(self) -> bool:
        """Return whether the process runs; of another machine that is not known, so it may."""
        return self.host != socket.gethostname() or _started(self.pid) == self.started


def _started(pid: int) -> str:
    """Return when a process began, in ticks since the machine did; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _tag(at: datetime) -> str:
    """Return a tag that nobody has; tags have no spaces."""
    return f"pansoft-{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}-{secrets.token_hex(2)}"


def _first_line(said: str, pattern: re.Pattern[str]) -> str:
    return next((line.strip() for line in said.splitlines() if pattern.search(line)), "")
