# SPDX-License-Identifier: BSD-3-Clause
"""The ways to a repository: hosts that hold the same, proxies before them, and which to use now.

Written as the settings of a genuine client write them: hosts in the order of preference with `;` between
them (`CVMFS_SERVER_URL`); proxies in groups, `|` between equals that share the load, `;` before the group
that is asked when all of one fail, `DIRECT` for none (`CVMFS_HTTP_PROXY`).
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cvmfs.errors import RepositoryError
from cvmfs.sources.transfer import DIRECT

log = logging.getLogger(__name__)

_FIRST_REST_S = 5.0
_LONGEST_REST_S = 300.0


def parse_hosts(text: str | Sequence[str], *, fqrn: str | None = None) -> tuple[str, ...]:
    """Return the addresses of a repository; `@fqrn@` and `@org@` in them become its name and first word.

    Raises:
        RepositoryError: one is no address.
    """
    given = text.split(";") if isinstance(text, str) else text
    hosts = tuple(_expanded(host.strip().rstrip("/"), fqrn) for host in given if host.strip())
    for host in hosts:
        if not _is_address(host):
            raise RepositoryError(
                f"{host!r} is not the address of a repository",
                hint="give a directory or an address like http://host/cvmfs/software.example.org",
            )
    if not hosts:
        raise RepositoryError(
            "no address of the repository is given",
            hint="give one like http://host/cvmfs/software.example.org, or several with ; between",
        )
    return hosts


def parse_proxies(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the groups of proxies, each with its addresses; no text is no proxy.

    Raises:
        RepositoryError: one is no address.
    """
    groups = [
        tuple(_proxy(name.strip()) for name in group.split("|") if name.strip())
        for group in text.split(";")
    ]
    return tuple(group for group in groups if group) or ((DIRECT,),)


@dataclass
class _Standing:
    """How one of the choices did lately."""

    failures: int = 0
    rests_until: float = 0.0


@dataclass
class Choice:
    """Equals, of which the first that works is used. Several threads may ask and report.

    One that fails rests: 5 seconds, and twice as long when it fails after that, up to 5 minutes. What rests
    is asked only when nothing else is left, the one that has rested longest first.
    """

    kind: str
    names: tuple[str, ...]
    _standing: dict[str, _Standing] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def in_order(self) -> tuple[str, ...]:
        """Return the names, the one to use first."""
        now = time.monotonic()
        with self._lock:
            rest = {name: self._rests_until(name) for name in self.names}
        awake = [name for name in self.names if rest[name] <= now]
        resting = sorted((name for name in self.names if rest[name] > now), key=rest.__getitem__)
        return (*awake, *resting)

    def is_resting(self, name: str) -> bool:
        """Return whether it failed lately."""
        with self._lock:
            return self._rests_until(name) > time.monotonic()

    def failed(self, name: str, why: str) -> None:
        """Let one rest, and say so the first time."""
        with self._lock:
            standing = self._standing.setdefault(name, _Standing())
            now = time.monotonic()
            if standing.rests_until > now:  # several threads met the same failure
                return
            rest_s = min(_FIRST_REST_S * 2**standing.failures, _LONGEST_REST_S)
            standing.failures += 1
            standing.rests_until = now + rest_s
            level = logging.WARNING if standing.failures == 1 else logging.DEBUG
        log.log(level, "%s %s is left for %.0f s: %s", self.kind, name, rest_s, why)

    def worked(self, name: str) -> None:
        """Forget the failures of one."""
        with self._lock:
            had = self._standing.pop(name, None)
        if had is not None:
            log.info("%s %s works again", self.kind, name)

    def _rests_until(self, name: str) -> float:
        standing = self._standing.get(name)
        return 0.0 if standing is None else standing.rests_until


def proxies_of(text: str) -> Choice:
    """Return the proxies to choose from; equals are mixed, so that many clients share the load."""
    names: list[str] = []
    for group in parse_proxies(text):
        mixed = list(group)
        secrets.SystemRandom().shuffle(mixed)
        names += mixed
    return Choice("proxy", tuple(dict.fromkeys(names)))


def _expanded(host: str, fqrn: str | None) -> str:
    if fqrn is None:
        return host
    return host.replace("@fqrn@", fqrn).replace("@org@", fqrn.partition(".")[0])


def _proxy(name: str) -> str:
    if name.upper() == DIRECT:
        return DIRECT
    address = name.rstrip("/") if "://" in name else f"http://{name.rstrip('/')}"
    if not _is_address(address) or urlsplit(address).scheme != "http":
        raise RepositoryError(
            f"{name!r} is not the address of a proxy",
            hint="give it like http://proxy:3128, several as proxy1|proxy2;DIRECT",
        )
    return address


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        return False
