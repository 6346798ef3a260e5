# SPDX-License-Identifier: BSD-3-Clause
"""Run a program in a root file system, so that it sees nothing of the outside: enter {ROOT} {ARGV}...

Runs as root of mount and process namespaces of its own. The root is moved, not just changed, the
processes are its own (so there is no /proc/1/root to leave by), and what runs may neither mount nor
trace. A root needs none of its own tools for this: an image that somebody else made may have few.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

PIVOT_ROOT = 155  # asm/unistd_64.h: the C library has no function for it
MNT_DETACH = 2  # sys/mount.h
PR_CAPBSET_DROP = 24  # linux/prctl.h
CAPABILITIES_3 = 0x20080522  # linux/capability.h: _LINUX_CAPABILITY_VERSION_3
SYS_PTRACE, SYS_ADMIN = 19, 21

LIBC = ctypes.CDLL(None, use_errno=True)


def main(root: Path, argv: list[str]) -> None:
    """Move the root, give up what lets one out of it, and become the program."""
    os.chdir(root)
    call("mount /proc", LIBC.mount(b"proc", b"proc", b"proc", 0, None))
    Path("run/outside").mkdir()
    call("move the root", LIBC.syscall(PIVOT_ROOT, b".", b"run/outside"))
    os.chdir("/")
    call("let go of the outside", LIBC.umount2(b"/run/outside", MNT_DETACH))
    Path("/run/outside").rmdir()
    for capability in (SYS_ADMIN, SYS_PTRACE):
        call("drop a capability", LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    give_nothing_on()
    os.execvp(argv[0], argv)  # noqa: S606 - that is what this is for


def give_nothing_on() -> None:
    """Empty the inheritable capabilities: for root those would come back with the next program."""
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the upper 32 of each
    call("read the capabilities", LIBC.capget(header, sets))
    sets[2] = sets[5] = 0
    call("drop the inheritable capabilities", LIBC.capset(header, sets))


def call(what: str, result: int) -> None:
    """Stop where a call to the kernel failed."""
    if result != 0:
        sys.exit(f"pansoft: cannot {what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
