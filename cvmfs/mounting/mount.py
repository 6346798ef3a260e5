# SPDX-License-Identifier: BSD-3-Clause
"""A repository mounted read-only by FUSE: the mount process, and starting and stopping it.

`python -m cvmfs.mounting.mount --source DIR-OR-URL --fqrn NAME --public-key FILE MOUNTPOINT` runs in the
foreground until it is unmounted. It needs libfuse3, no root and no kernel module beyond fuse.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import os
import subprocess  # noqa: TID251 - the type of a handle from core.process
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypedDict, Unpack

import mfusepy

from core import process
from core.errors import EXIT_DONE, EXIT_USER, UserError
from cvmfs.mounting.filesystem import RepositoryFilesystem
from cvmfs.mounting.follow import Follower
from cvmfs.reading.ahead import Ahead
from cvmfs.reading.reader import Reader, open_reader

log = logging.getLogger(__name__)

REFRESH_S = 5.0
"""Seconds between looks at the manifest of a folder, and for which the kernel remembers attributes."""
REFRESH_HTTP_S = 60.0
"""The same for servers, whose caches may keep a manifest for that long."""

_DEVICE = Path("/dev/fuse")
_MOUNTS = Path("/proc/self/mountinfo")
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 20.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount that this program started: where it is, its process, and the file with what it says."""

    mountpoint: Path
    process: subprocess.Popen[bytes]
    log_file: Path


class MountOptions(TypedDict, total=False):
    """How to mount, where it is not as usual.

    Attributes:
        cache: a directory for objects that come by HTTP.
        log_file: where the mount process says what is wrong; beside the mountpoint by default.
        refresh_s: seconds between looks at the manifest; by default 5 for a folder, 60 for servers.
        allow_other: whether other users may look in; by default they may when root mounts.
        quota: how many bytes the cache may hold.
        proxies: as `CVMFS_HTTP_PROXY` has them; see `routes`.
        tag: a named snapshot in place of the newest revision, followed when it is moved; a number or a
            date leads to a revision as well.
    """

    cache: Path | None
    log_file: Path | None
    refresh_s: float | None
    allow_other: bool | None
    quota: int | None
    proxies: str
    tag: str | None


def start_mount(
    source: str | Path | Sequence[str],
    fqrn: str,
    public_key: Path,
    mountpoint: Path,
    **options: Unpack[MountOptions],
) -> Mount:
    """Mount a repository and return when programs can use it; the process outlives this one.

    Args:
        source: the repository's folder, or its HTTP addresses with `;` between them.
        fqrn: its name.
        public_key: the file with the master public key.
        mountpoint: an empty directory, made if it is missing; a dead mount there is cleaned away.
        **options: see `MountOptions`.

    Raises:
        UserError: the machine cannot mount, something is mounted there, the repository does not verify, or
            has no such tag.
    """
    _check_machine()
    clean_stale(mountpoint)
    if is_mounted(mountpoint):
        raise UserError(
            f"something is mounted at {mountpoint} already",
            hint=f"unmount it: fusermount3 -u {mountpoint}",
        )
    mountpoint.mkdir(parents=True, exist_ok=True)
    talk = options.get("log_file") or mountpoint.with_name(mountpoint.name + ".log")
    argv: list[str | Path] = [sys.executable, "-m", "cvmfs.mounting.mount"]
    where = source if isinstance(source, str | Path) else ";".join(source)
    argv += ["--source", where, "--fqrn", fqrn, "--public-key", public_key]
    argv += _arguments(options)
    with _opened(talk) as output:
        running = process.start(
            [*argv, mountpoint], reason=f"mount {fqrn}", env=_environment(), output=output
        )
    _wait_until_mounted(running, mountpoint, talk, fqrn)
    return Mount(mountpoint, running, talk)


def _arguments(options: MountOptions) -> list[str | Path]:
    """Return options as the mount process takes them."""
    argv: list[str | Path] = []
    if (refresh_s := options.get("refresh_s")) is not None:
        argv += ["--refresh", str(refresh_s)]
    if (cache := options.get("cache")) is not None:
        argv += ["--cache", cache]
    if (quota := options.get("quota")) is not None:
        argv += ["--quota", str(quota)]
    if proxies := options.get("proxies"):
        argv += ["--proxies", proxies]
    if (tag := options.get("tag")) is not None:
        argv.append(f"--tag={tag}")
    if (allow_other := options.get("allow_other")) is not None:
        argv.append("--allow-other" if allow_other else "--no-allow-other")
    return argv


def stop_mount(mountpoint: Path) -> None:
    """Unmount what is mounted at a directory; nothing happens when nothing is.

    Raises:
        UserError: it is in use.
    """
    if not is_mounted(mountpoint):
        return
    fusermount = _fusermount()
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while True:
        done = process.run(
            [fusermount, "-u", mountpoint.resolve()],
            reason=f"unmount {mountpoint}",
            timeout_s=30,
            check=False,
        )
        if not is_mounted(mountpoint):
            return
        if time.monotonic() > deadline:
            raise UserError(
                f"cannot unmount {mountpoint}: {done.stderr.strip()}",
                hint=f"end the programs that use it: fuser -vm {mountpoint}",
            )
        time.sleep(0.1)


@contextlib.contextmanager
def mounted(
    source: str | Path | Sequence[str],
    fqrn: str,
    public_key: Path,
    mountpoint: Path,
    **options: Unpack[MountOptions],
) -> Iterator[Path]:
    """Mount a repository for the time of the block and give the mountpoint; see `start_mount`."""
    mount = start_mount(source, fqrn, public_key, mountpoint, **options)
    try:
        yield mountpoint
    finally:
        try:
            stop_mount(mountpoint)
        finally:
            process.stop(mount.process)


def is_mounted(mountpoint: Path) -> bool:
    """Return whether something is mounted at a directory, also when it is dead."""
    wanted = str(mountpoint.resolve())
    return any(
        _unescape(line.split()[4]) == wanted
        for line in _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    )


def is_stale(mountpoint: Path) -> bool:
    """Return whether the process behind a mount has died: "Transport endpoint is not connected"."""
    try:
        os.statvfs(mountpoint)  # unlike stat, never answered from the kernel's memory
    except OSError as err:
        return err.errno == errno.ENOTCONN
    return False


def clean_stale(mountpoint: Path) -> None:
    """Unmount a dead mount, if there is one at a directory."""
    if is_stale(mountpoint):
        log.info("cleaning away the dead mount at %s", mountpoint)
        process.run(
            [_fusermount(), "-uz", mountpoint.resolve()],
            reason=f"clean away the dead mount at {mountpoint}",
            timeout_s=30,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Mount in the foreground, as the arguments say, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m cvmfs.mounting.mount", description=__doc__)
    parser.add_argument("--source", required=True, help="its folder or HTTP addresses")
    parser.add_argument("--fqrn", required=True, help="the repository's name")
    parser.add_argument("--public-key", required=True, type=Path, help="the master public key")
    parser.add_argument("--cache", type=Path, help="a directory for fetched objects")
    parser.add_argument("--quota", type=int, help="bytes that the cache may hold")
    parser.add_argument("--proxies", default="", help="like http://proxy:3128;DIRECT")
    parser.add_argument("--tag", help="a named snapshot, in place of the newest revision")
    parser.add_argument("--refresh", type=float, help="seconds between looks at the manifest")
    parser.add_argument("--allow-other", action=argparse.BooleanOptionalAction, default=None)
    parser.add_argument("mountpoint", type=Path)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    logging.getLogger("mfusepy").setLevel(logging.WARNING)
    try:
        _check_machine()
        reader = _reader(options)
    except UserError as err:
        log.error("%s%s", err, f" ({err.hint})" if err.hint else "")  # noqa: TRY400
        return err.exit_code
    try:
        _run(reader, options)
    except UserError as err:
        log.error("%s%s", err, f" ({err.hint})" if err.hint else "")  # noqa: TRY400
        return err.exit_code
    except RuntimeError as err:  # all that mfusepy says of libfuse's own message, which went before
        log.error("cannot mount at %s: libfuse ended with status %s", options.mountpoint, err)  # noqa: TRY400
        return EXIT_USER
    return EXIT_DONE


def _reader(options: argparse.Namespace) -> Reader:
    return open_reader(
        options.source,
        options.fqrn,
        options.public_key,
        options.cache,
        at=_clock(),
        quota=options.quota,
        proxies=options.proxies,
        ahead=Ahead(),
    )


def _run(reader: Reader, options: argparse.Namespace) -> None:
    """Serve the file system until it is unmounted."""
    is_root = os.geteuid() == 0
    every_s = REFRESH_HTTP_S if reader.location.source.folder is None else REFRESH_S
    every_s = min(every_s if options.refresh is None else options.refresh, reader.manifest.ttl_s)
    follower = Follower(reader, clock=_clock, every_s=every_s, tag=options.tag)
    shown = follower.newer_than(reader) or reader
    follower.start()
    try:
        mfusepy.FUSE(
            RepositoryFilesystem(shown, follower=follower, environment=os.environ),
            str(options.mountpoint),
            foreground=True,
            nothreads=True,
            ro=True,
            nosuid=True,
            nodev=True,
            default_permissions=True,
            use_ino=True,
            auto_cache=True,
            attr_timeout=every_s,
            entry_timeout=every_s,
            negative_timeout=every_s,
            allow_other=is_root if options.allow_other is None else options.allow_other,
            fsname=options.fqrn,
            subtype="pansoft",
        )
    finally:
        follower.stop()
        if reader.location.contents.ahead is not None:
            reader.location.contents.ahead.close()


def _clock() -> datetime:
    """Return the time: the mount is a program of its own, and it has to know when a whitelist expires."""
    return datetime.now(UTC)  # noqa: TID251


def _check_machine() -> None:
    if not _DEVICE.exists():
        raise UserError(f"{_DEVICE} is missing; it is needed to mount", hint="sudo modprobe fuse")
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        raise UserError(
            f"this user may not use {_DEVICE}; it is needed to mount",
            hint=f"sudo chmod 666 {_DEVICE}",
        )
    _fusermount()


def _fusermount() -> Path:
    return process.find(
        "fusermount3", reason="mount repositories", hint="sudo apt-get install fuse3"
    )


def _environment() -> dict[str, str]:
    """Return our environment, in which the mount process finds this package wherever we run."""
    here = str(Path(__file__).resolve().parents[2])
    others = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{others}" if others else here}


def _opened(talk: Path) -> BinaryIO:
    try:
        return talk.open("wb")
    except OSError as err:
        raise UserError(
            f"cannot write {talk}: {err.strerror}", hint="choose another file for the mount's log"
        ) from err


def _wait_until_mounted(
    running: subprocess.Popen[bytes], mountpoint: Path, talk: Path, fqrn: str
) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not is_mounted(mountpoint):
        status = running.poll()
        if status is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            continue
        process.stop(running)
        said = talk.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        why = "it took too long" if status is None else "; ".join(said) or f"status {status}"
        raise UserError(f"cannot mount {fqrn} at {mountpoint}: {why}", hint=f"see {talk}")
    mountpoint.stat()


def _unescape(field: str) -> str:
    """Return a path of mountinfo, where blanks are written as octal numbers."""
    raw = field.encode("utf-8", "surrogateescape").decode("unicode_escape")
    return os.fsdecode(raw.encode("latin-1"))


if __name__ == "__main__":
    sys.exit(main())
