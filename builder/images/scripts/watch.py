# SPDX-License-Identifier: BSD-3-Clause
"""Watch a build from inside its namespaces, and end it when it takes more than it may.

watch {HOLD} {SCRATCH} {SECONDS} {MEMORY} {DISK} {PROCESSES}: sizes in bytes. {HOLD}/proc is the
/proc of the build's processes, {HOLD}/root its root. It kills every process of the namespace but
the first, which finds in {HOLD}/limit the status to end with.
"""

from __future__ import annotations

import errno
import math
import os
import signal
import sys
import time
from pathlib import Path

STATUS = {"time": 70, "memory": 71, "disk": 72, "processes": 73}
_EVERY_S = 0.2
_DISK_EVERY_S = 1.0
_SHARE = 20  # of the time, at most one part in so many is spent on looking
_KB = 1024


def main(hold: Path, scratch: Path, seconds: float, memory: int, disk: int, processes: int) -> None:
    """Look until something is too much."""
    ends = time.monotonic() + seconds
    look_at_disk = time.monotonic() + _DISK_EVERY_S
    while True:
        begin = time.monotonic()
        over = None
        anonymous, shared, threads = used_memory(hold / "proc", exact=False)
        if anonymous + max(shared, temporary_files(hold / "root")) > memory:
            # What forked processes share was counted for each: look again, more slowly.
            anonymous, shared, _ = used_memory(hold / "proc", exact=True)
            if anonymous + max(shared, temporary_files(hold / "root")) > memory:
                over = "memory"
        if threads >= processes:
            over = "processes"
        if begin >= look_at_disk:
            if used_disk(scratch) > disk:
                over = "disk"
            look_at_disk = time.monotonic() + max(
                _DISK_EVERY_S, _SHARE * (time.monotonic() - begin)
            )
        if begin > ends:
            over = "time"
        if over:
            (hold / "limit").write_text(f"{STATUS[over]}\n", encoding="ascii")
            os.kill(-1, signal.SIGKILL)
            return
        time.sleep(max(_EVERY_S, _SHARE / 4 * (time.monotonic() - begin)))


def used_memory(proc: Path, *, exact: bool) -> tuple[int, int, int]:
    """Return the bytes of memory, those of shared memory, and the number of threads in use."""
    names = [name for name in os.listdir(proc) if name.isdigit()]  # noqa: PTH208 - it is fast
    anonymous = shared = 0
    threads = len(names)  # also of those that end before they are looked at
    for name in names:
        try:
            status = fields(f"{proc}/{name}/status")
            threads += max(0, status.get("Threads", 1) - 1)
            if exact:
                rollup = fields(f"{proc}/{name}/smaps_rollup")
                anonymous += (rollup.get("Pss_Anon", 0) + rollup.get("SwapPss", 0)) * _KB
                shared += rollup.get("Pss_Shmem", 0) * _KB
            else:
                anonymous += (status.get("RssAnon", 0) + status.get("VmSwap", 0)) * _KB
                shared += status.get("RssShmem", 0) * _KB
        except OSError:
            continue  # it has ended meanwhile
    return anonymous, shared, threads


def fields(file: str) -> dict[str, int]:
    """Return the numbers of a file of `Name:  number kB` lines."""
    found = {}
    with open(file, encoding="ascii", errors="replace") as stream:  # noqa: PTH123 - fast
        for line in stream:
            name, _, rest = line.partition(":")
            number = rest.split()[:1]
            if number and number[0].isdigit():
                found[name] = int(number[0])
    return found


def temporary_files(root: Path) -> int:
    """Return the bytes of files that are kept in memory: /tmp, /run and /dev/shm of the build."""
    total = 0
    for folder in ("tmp", "run", "dev"):
        try:
            figures = os.statvfs(root / folder)
        except OSError:
            continue
        if figures.f_blocks and (root / folder).is_mount():
            total += (figures.f_blocks - figures.f_bfree) * figures.f_frsize
    return total


def used_disk(folder: Path | str) -> float:
    """Return the bytes of disk below a folder; a file with several names counts once.

    Folders within folders that are too deep to be measured are more than anything.
    """
    total = 0
    folders = [os.fspath(folder)]  # a stack, and no recursion: what is measured decides the depth
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError as err:
            if err.errno == errno.ENAMETOOLONG:
                return math.inf
            continue
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
                total += status.st_blocks * 512 // max(1, status.st_nlink if entry.is_file() else 1)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
            except OSError as err:
                if err.errno == errno.ENAMETOOLONG:
                    return math.inf
    return total


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), *map(int, sys.argv[4:7]))
