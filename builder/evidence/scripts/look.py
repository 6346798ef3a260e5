# SPDX-License-Identifier: BSD-3-Clause
"""Walk a built tree once and print as JSON what it holds and what should not be in it.

Runs as root of the build's user namespace: look TREE BELOW... where BELOW are the trees that TREE
lies on, the uppermost first. Only TREE is walked, so that the cost follows what a package adds; the
others are asked where a link leads. Nothing of it is executed, and no link leads out of the trees.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import struct
import sys
from collections.abc import Iterator

READ_BYTES = 1 << 20  # of one file; what stands further behind is not looked at
MAX_LINKS = 40
MAX_FOUND = 2000  # of one kind
AMD64 = 62

DOC = "usr/share/doc/"
DOCUMENTS = (DOC, "usr/share/man/", "usr/share/info/", "usr/share/locale/")  # left out of bases
DPKG = "var/lib/dpkg/status"
OF_DEBIAN = re.compile(r"usr/(lib|share)/(python3|nodejs|javascript|npm)")
# Made when the image runs: what leads there may lead nowhere now.
AT_RUN_TIME = ("dev/", "proc/", "run/", "sys/")

SECRETS = (
    (
        "a private key",
        b"PRIVATE KEY",
        re.compile(
            rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s+"
            rb"(?:[A-Za-z-]+: [^\n]*\s+)*(?:[A-Za-z0-9+/=]{16,}\s+){2}"
        ),
    ),
    ("an AWS access key", b"A", re.compile(rb"(?<![A-Za-z0-9/+_])(?:AKIA|ASIA)(?![A-Z0-9]*EXAMPLE)"
                                           rb"[A-Z2-7]{16}(?![A-Za-z0-9/+_])")),
    ("a GitHub token", b"gh", re.compile(rb"(?<![A-Za-z0-9_])(?:gh[pousr]_[A-Za-z0-9]{36}"
                                         rb"|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})(?![A-Za-z0-9])")),
    ("a GitLab token", b"gl", re.compile(rb"(?<![A-Za-z0-9_-])gl(?:pat|rt|dt|ptt|cbt)-[A-Za-z0-9_-]{20,}")),
    ("a PyPI token", b"pypi-AgE", re.compile(rb"(?<![A-Za-z0-9_])pypi-AgE[A-Za-z0-9_-]{50,}")),
    ("an npm token", b"npm_", re.compile(rb"(?<![A-Za-z0-9_])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])")),
)  # fmt: skip
NEEDLES = re.compile(
    rb"PRIVATE KEY|A(?:KIA|SIA)[A-Z2-7]|gh[pousr]_|github_pat_|gl[a-z]{2,3}-|pypi-AgE|npm_"
)
KEPT_PASSWORDS = {
    ".netrc": re.compile(rb"\bpassword\s+\S"),
    ".pypirc": re.compile(rb"^\s*password\s*[:=]\s*\S", re.MULTILINE),
    ".npmrc": re.compile(rb"_auth(?:Token)?\s*=\s*[^\s$]"),
    ".git-credentials": re.compile(rb"://[^/\s:@]+:[^/\s@]+@"),
    "pip.conf": re.compile(rb"://[^/\s:@]+:[^/\s@]+@"),
    "auth.conf": re.compile(rb"\bpassword\s+\S"),
}
BUILD_PATHS = re.compile(
    rb"/tmp/build(?![A-Za-z0-9._-])|/run/pansoft/[a-z]|/scratch/build-[a-z0-9_]{8}/"
)


class Trees:
    """Trees over one another, the uppermost first, as an overlay mount shows them."""

    def __init__(self, folders: list[str]) -> None:
        self.folders = folders

    def find(self, path: str) -> tuple[str, os.stat_result] | None:
        """Return the file that a path without links in its folders shows, if there is one."""
        for folder in self.folders:
            real = os.path.join(folder, path)
            try:
                status = os.lstat(real)
            except NotADirectoryError:
                return None  # a file of this tree hides the folder of those below
            except OSError:
                if self._hides(folder, path):
                    return None
                continue
            return None if is_whiteout(status) else (real, status)
        return None

    def _hides(self, folder: str, path: str) -> bool:
        while path := os.path.dirname(path):
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(folder, path))
                return is_whiteout(status) or not stat.S_ISDIR(status.st_mode)
        return False

    def resolve(self, path: str) -> str | None:
        """Return the path without links, or None where it leads nowhere."""
        todo, done, links = [part for part in reversed(path.split("/")) if part], "", 0
        while todo:
            part = todo.pop()
            if part == ".":
                continue
            if part == "..":
                done = os.path.dirname(done)
                continue
            here = f"{done}/{part}" if done else part
            found = self.find(here)
            if found is None:
                rest = "/".join([here, *reversed(todo)])
                return rest if f"{rest}/".startswith(AT_RUN_TIME) else None
            real, status = found
            if not stat.S_ISLNK(status.st_mode):
                done = here
                continue
            links += 1
            if links > MAX_LINKS:
                return None
            target = os.readlink(real)
            if target.startswith("/"):
                done = ""
            todo += [part for part in reversed(target.split("/")) if part]
        return done

    def read(self, path: str, limit: int = READ_BYTES) -> bytes | None:
        """Return the beginning of the file that a path leads to, or None."""
        resolved = self.resolve(path)
        found = self.find(resolved) if resolved else None
        if found is None or not stat.S_ISREG(found[1].st_mode):
            return None
        return read(found[0], limit)


def is_whiteout(status: os.stat_result) -> bool:
    """Return whether this stands for a name that is taken out of the trees below."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def read(real: str, limit: int) -> bytes:
    """Return the first bytes of a file, no link followed."""
    descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)


def walk(top: str) -> Iterator[tuple[str, str, os.stat_result]]:
    """Yield everything below a folder as (path in the tree, real path, status)."""
    todo = [""]
    while todo:
        folder = todo.pop()
        try:
            with os.scandir(os.path.join(top, folder)) as entries:
                inside = list(entries)
        except PermissionError:
            yield folder, "", os.lstat(os.path.join(top, folder))
            continue
        for entry in inside:
            path = f"{folder}/{entry.name}" if folder else entry.name
            status = entry.stat(follow_symlinks=False)
            yield path, entry.path, status
            if stat.S_ISDIR(status.st_mode):
                todo.append(path)


def shown(path: str) -> str:
    """Return a path as text that any JSON reader takes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class Look:
    """What was found; `as_json` is the answer."""

    def __init__(self, trees: Trees) -> None:
        self.trees = trees
        self.files = 0
        self.bytes = 0
        self.found: list[dict[str, str]] = []
        self.counts: dict[str, int] = {}
        self.copyrights: dict[str, str] = {}
        self.python: dict[str, str] = {}
        self.npm: dict[str, str] = {}
        self.removed: list[str] = []

    def note(self, kind: str, path: str, what: str) -> None:
        """Remember a finding; beyond a number nobody reads, they are counted only."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= MAX_FOUND:
            self.found.append({"kind": kind, "path": "/" + shown(path), "what": what})

    def at(self, path: str, real: str, status: os.stat_result) -> None:
        """Look at one file, folder or link."""
        if not real:
            self.note("unreadable", path, "a folder")
        elif is_whiteout(status):
            self.removed.append(shown(path))
        elif stat.S_ISLNK(status.st_mode):
            if not path.startswith(DOCUMENTS) and self.trees.resolve(path) is None:
                self.note("dangling-link", path, shown(os.readlink(real)))
        elif stat.S_ISREG(status.st_mode):
            self.files += 1
            self.bytes += status.st_size
            self.file(path, real)
        elif status.st_mode & 0o002 and not status.st_mode & stat.S_ISVTX:
            self.note("world-writable", path, "a folder")
        if path.startswith(DOC):
            self.document(path)

    def document(self, path: str) -> None:
        """Keep the copyright file that a folder of documentation has, or leads to by a link."""
        package, _, rest = path[len(DOC) :].partition("/")
        if rest in ("", "copyright") and package not in self.copyrights:
            content = self.trees.read(f"{DOC}{package}/copyright")
            if content:
                self.copyrights[package] = content.decode("utf-8", "replace")

    def file(self, path: str, real: str) -> None:
        """Look into a regular file."""
        with contextlib.suppress(OSError):
            if os.getxattr(real, "security.capability", follow_symlinks=False):
                self.note("capability", path, "a file capability")
        try:
            content = read(real, READ_BYTES)
        except OSError as err:
            self.note("unreadable", path, err.strerror or "cannot be read")
            return
        if content.startswith(b"\x7fELF"):
            self.program(path, real, content)
        elif b"\0" not in content[:8192]:
            self.text(path, content)

    def program(self, path: str, real: str, content: bytes) -> None:
        """Look at a program or a library."""
        machine = struct.unpack_from("<H", content, 18)[0] if len(content) > 20 else 0
        if machine != AMD64 and content[5:6] == b"\x01":
            self.note("foreign-program", path, f"machine {machine}")
            return
        with contextlib.suppress(OSError, struct.error, ValueError):
            for where in run_path(real):
                if BUILD_PATHS.search(where + b"/"):
                    self.note("build-path", path, "RPATH " + where.decode("utf-8", "replace"))

    def text(self, path: str, content: bytes) -> None:
        """Look at a text."""
        name = os.path.basename(path)
        if NEEDLES.search(content):
            for what, _, pattern in SECRETS:
                if pattern.search(content):
                    self.note("secret", path, what)
        kept = KEPT_PASSWORDS.get(name)
        if kept and kept.search(content):
            self.note("secret", path, "a password")
        if (where := BUILD_PATHS.search(content)) is not None:
            self.note("build-path", path, where[0].decode())
        if not OF_DEBIAN.match(path):
            self.metadata(path, name, content)

    def metadata(self, path: str, name: str, content: bytes) -> None:
        """Keep what a Python or npm package says of itself."""
        folder = os.path.basename(os.path.dirname(path))
        is_wheel = name == "METADATA" and folder.endswith(".dist-info")
        if is_wheel or (name == "PKG-INFO" and folder.endswith(".egg-info")):
            headers = content.partition(b"\n\n")[0]
            self.python[shown(os.path.dirname(path))] = headers.decode("utf-8", "replace")
        above = ["", "", *path.split("/")[:-2]]  # the folders over the package's own
        is_package = above[-1] == "node_modules" or (
            above[-2] == "node_modules" and above[-1].startswith("@")
        )
        if name == "package.json" and is_package:
            self.npm[shown(os.path.dirname(path))] = content.decode("utf-8", "replace")

    def as_json(self) -> dict[str, object]:
        """Return all of it."""
        status = self.trees.folders[0] + "/" + DPKG
        text = b""
        with contextlib.suppress(OSError):
            text = read(status, 64 << 20)
        return {
            "files": self.files,
            "bytes": self.bytes,
            "found": self.found,
            "counts": self.counts,
            "dpkg": text.decode("utf-8", "replace"),
            "copyrights": self.copyrights,
            "python": self.python,
            "npm": self.npm,
            "removed": self.removed,
        }


def run_path(real: str) -> list[bytes]:
    """Return the RPATH and RUNPATH of an ELF file of 64 bits (System V ABI, chapter 5)."""
    with open(real, "rb") as stream:

        def at(offset: int, size: int) -> bytes:
            stream.seek(offset)
            return stream.read(size)

        head = at(0, 64)
        if head[4:6] != b"\x02\x01":
            return []
        offset, size, count = (
            struct.unpack_from("<Q", head, 32)[0],
            *struct.unpack_from("<HH", head, 54),
        )
        segments = [
            struct.unpack("<IIQQQQQQ", at(offset + n * size, 56)) for n in range(min(count, 64))
        ]
        dynamic = next((row for row in segments if row[0] == 2), None)
        if dynamic is None:
            return []
        rows = at(dynamic[2], min(dynamic[5], 1 << 16))
        entries = list(struct.iter_unpack("<qQ", rows[: len(rows) // 16 * 16]))
        strings = next((value for tag, value in entries if tag == 5), None)
        if strings is None:
            return []
        loaded = next((s for s in segments if s[0] == 1 and s[3] <= strings < s[3] + s[6]), None)
        if loaded is None:
            return []
        table = strings - loaded[3] + loaded[2]
        found = []
        for tag, value in entries:
            if tag in (15, 29):
                found += at(table + value, 4096).partition(b"\0")[0].split(b":")
        return found


def main(tree: str, below: list[str]) -> None:
    """Print what is in a tree."""
    look = Look(Trees([tree, *below]))
    for path, real, status in walk(tree):
        look.at(path, real, status)
    json.dump(look.as_json(), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
