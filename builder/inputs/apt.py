# SPDX-License-Identifier: BSD-3-Clause
"""The adapter of apt: which Debian packages a request adds, and where this host gets them from.

Everything runs in a private apt state: our own package lists and a dpkg status that is the base's,
never the host's. The archives, the keys and the proxy are the host's own configuration, which is
the only place that names a mirror; nothing that is returned here does, except `archive_urls`,
which is for fetching and is never written down.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core import process
from core.console import Console
from core.errors import UserError
from core.process import Completed

LISTS_ARE_FRESH_FOR = timedelta(hours=6)
_SHOW_BATCH = 200


@dataclass(frozen=True, slots=True)
class DebianPackage:
    """One .deb: what it is, its path in the archive, its size in bytes and its sha256."""

    name: str
    version: str
    architecture: str
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class AptState:
    """A private apt state in a folder; `status` is the dpkg status that requests add to.

    `entries` is a folder of its own entries of archives, in the place of the host's.
    """

    folder: Path
    status: Path
    entries: Path | None = None

    def options(self) -> list[str]:
        """Return the options that make an apt program use this state."""
        lists = self.folder / "lists"
        cache = self.folder / "cache"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        settings: dict[str, object] = {
            "Dir::State": self.folder,
            "Dir::State::lists": lists,
            "Dir::State::status": self.status,
            "Dir::Cache": cache,
            "APT::Sandbox::User": "",
            "APT::Install-Recommends": "false",
            "APT::Install-Suggests": "false",
            "APT::Update::Post-Invoke": "",
            "APT::Update::Post-Invoke-Success": "",
            "APT::Get::List-Cleanup": "true",
            "Acquire::Languages": "none",
            "Acquire::ForceHash": "SHA256",
            "Debug::NoLocking": "true",
        }
        if self.entries is not None:
            settings |= {"Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": self.entries}
        return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]


def update(state: AptState, *, at: datetime, console: Console) -> None:
    """Bring the package lists of a state up to date, unless that was done a few hours ago.

    Raises:
        UserError: there is no apt here.
        CommandFailed: the host's archives cannot be read.
    """
    process.find(
        "apt-get",
        reason="resolve Debian packages",
        hint="locks are made on Debian or in a Debian container; building needs no apt",
    )
    stamp = state.folder / "updated"
    if stamp.is_file() and at.timestamp() - stamp.stat().st_mtime < LISTS_ARE_FRESH_FOR.seconds:
        return
    console.status("reading the package lists of the host's Debian archives")
    process.run(
        ["apt-get", *state.options(), "-q", "update"],
        reason="read the package lists of the host's Debian archives",
        hint="check that 'apt-get update' works on this host; pansoft uses the same archives",
    )
    stamp.touch()
    os.utime(stamp, (at.timestamp(), at.timestamp()))


def resolve(state: AptState, requests: Sequence[str], *, reason: str) -> tuple[DebianPackage, ...]:
    """Return every package that installing `requests` adds to the state's status, sorted by name.

    Args:
        state: an updated state.
        requests: package names, `name=version`, or apt patterns.
        reason: completes "to …" in the error.

    Raises:
        UserError: apt knows no such package, or the requests contradict each other.
    """
    if not requests:
        return ()
    done = process.run(
        ["apt-get", *state.options(), "-q", "--simulate", "install", *requests],
        reason=reason,
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )
    if done.returncode != 0:
        raise UserError(
            f"apt cannot install {' '.join(requests)}: {_why_not(done)}",
            hint="look the names up with: apt-cache policy NAME",
        )
    # "Inst libaec0 (1.0.6-1+b1 Debian:12.11/oldstable [amd64])"
    wanted = re.findall(
        r"^Inst (\S+) (?:\[\S+\] )?\((\S+) .*\[(\w+)\]\)", done.stdout, flags=re.MULTILINE
    )
    return _described(state, [(name, version, arch) for name, version, arch in wanted])


def candidates(state: AptState, names: Sequence[str]) -> dict[str, str]:
    """Return the version of each package that this host would install; what it has not is left out.

    Args:
        state: an updated state.
        names: names of packages.
    """
    found: dict[str, str] = {}
    for start in range(0, len(names), _SHOW_BATCH):
        shown = process.run(
            ["apt-cache", *state.options(), "policy", *names[start : start + _SHOW_BATCH]],
            reason="ask for the newest versions of Debian packages",
            env={**os.environ, "LC_ALL": "C"},
        )
        # "gnuplot-nox:\n  Installed: (none)\n  Candidate: 5.4.4+dfsg1-2\n"
        told = re.findall(
            r"^(\S+):\n  Installed: .*\n  Candidate: (\S+)$", shown.stdout, flags=re.MULTILINE
        )
        found |= {name: version for name, version in told if version != "(none)"}
    return found


def _why_not(done: Completed) -> str:
    """Return why apt refused: its errors, and what depends on what, which it says on stdout."""
    errors = [line.strip() for line in done.stderr.splitlines() if line.startswith("E:")]
    unmet = re.findall(r"^ +\S.*(?:Depends|Conflicts|Breaks): .*", done.stdout, flags=re.MULTILINE)
    return " ".join((*errors, *(" ".join(line.split()) for line in unmet))) or done.stderr.strip()


def _described(
    state: AptState, wanted: Sequence[tuple[str, str, str]]
) -> tuple[DebianPackage, ...]:
    """Return the archive's record of each (name, version, architecture)."""
    found: dict[tuple[str, str], DebianPackage] = {}
    for start in range(0, len(wanted), _SHOW_BATCH):
        batch = wanted[start : start + _SHOW_BATCH]
        asked = [f"{name.split(':')[0]}={version}" for name, version, _ in batch]
        shown = process.run(
            ["apt-cache", *state.options(), "show", *asked],
            reason="read the records of Debian packages",
        )
        for fields in stanzas(shown.stdout):
            if {"Filename", "SHA256", "Size"} <= fields.keys():
                package = DebianPackage(
                    name=fields["Package"],
                    version=fields["Version"],
                    architecture=fields["Architecture"],
                    path=fields["Filename"],
                    size=int(fields["Size"]),
                    sha256=fields["SHA256"],
                )
                found[package.name, package.version] = package
    missing = [f"{n}={v}" for n, v, _ in wanted if (n.split(":")[0], v) not in found]
    if missing:
        raise UserError(
            f"the archive has no record with a sha256 of {', '.join(missing)}",
            hint="a package installed from a local file cannot be locked",
        )
    chosen = {found[name.split(":")[0], version] for name, version, _ in wanted}
    return tuple(sorted(chosen, key=lambda package: (package.name, package.architecture)))


def stanzas(text: str) -> Iterable[dict[str, str]]:
    """Yield the fields of each paragraph of Debian control text (deb822); folded lines are joined."""
    for paragraph in re.split(r"\n{2,}", text.strip()):
        fields: dict[str, str] = {}
        last = ""
        for line in paragraph.splitlines():
            if line[:1] in (" ", "\t"):
                fields[last] += "\n" + line
            elif ":" in line:
                last, _, value = line.partition(":")
                fields[last] = value.strip()
        if fields:
            yield fields


def archive_urls() -> tuple[str, ...]:
    """Return the roots of the Debian archives that this host is configured to use.

    For fetching only: what is returned names mirrors and must not be written anywhere.
    """
    read = [uri.rstrip("/") + "/" for uri in _targets("$(REPO_URI)")]
    return tuple(dict.fromkeys((*read, *(root for root, _ in _releases()))))


def _targets(form: str) -> list[str]:
    """Return one fact about each package list that this host has read."""
    if process.which("apt-get") is None:
        return []
    argv = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    return process.run(argv, reason="ask apt for the host's Debian archives").stdout.split()


def _releases() -> tuple[tuple[str, str], ...]:
    """Return the archive root and the suite of each release that this host is configured for.

    Asked of `update`, since `indextargets` is silent where the package lists were removed, as they
    are in most container images.
    """
    if process.which("apt-get") is None:
        return ()
    printed = process.run(
        ["apt-get", "update", "--print-uris"], reason="find the host's Debian archives"
    )
    uris = re.findall(r"^'(\S+)/InRelease'", printed.stdout, flags=re.MULTILINE)
    found = []
    for uri in uris:
        root, _, suite = uri.rpartition("/dists/")
        found.append((f"{root or uri}/", suite if root else ""))
    return tuple(found)


def proxies() -> dict[str, str]:
    """Return the proxies that the host's apt uses, by scheme, as `requests` takes them."""
    if process.which("apt-config") is None:
        return {}
    printed = process.run(
        ["apt-config", "shell", "http", "Acquire::http::Proxy", "https", "Acquire::https::Proxy"],
        reason="read the host's proxy settings",
    )
    found: dict[str, str] = {}
    for line in printed.stdout.splitlines():
        scheme, _, value = line.partition("=")
        for url in shlex.split(value):
            if url != "DIRECT":
                found[scheme] = url
    return found


def source_suites() -> tuple[str, ...]:
    """Return the suites (`bookworm`, …) that the host's archives are configured for."""
    # a host that says `stable` knows its code name when it has read its package lists
    named = [suite for _, suite in _releases() if suite]
    return tuple(dict.fromkeys((*_targets("$(CODENAME)"), *named)))
