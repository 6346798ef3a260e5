# SPDX-License-Identifier: BSD-3-Clause
"""What a base gives to those who put packages on it: its dpkg status, its Python.

Of a base of Debian packages the lock says it. Of one that begins with a container image, the image's
own files do, and what cannot be put on such an image is refused with words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from builder.inputs import apt, archive, pip_resolver
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.inputs.layers import ImageFacts, read_facts
from builder.inputs.lock import BaseLock
from builder.state import State
from core.console import Console
from core.errors import UserError

_VERSION = re.compile(r"(?:\d+:)?(\d+)\.(\d+)")


@dataclass
class Ground:
    """A base, as far as it is locked, and what is installed in it. Files are read when asked for."""

    lock: BaseLock
    cache: InputCache
    console: Console
    _status: str | None = None
    _facts: ImageFacts | None = None

    @staticmethod
    def of(lock: BaseLock, state: State, *, console: Console) -> Ground:
        """Return the ground that a base is."""
        return Ground(lock, InputCache(state.inputs), console)

    def dpkg_status(self, wanted: Sequence[str]) -> str:
        """Return the dpkg status of a system that has what the base has.

        Raises:
            UserError: it begins with an image on which the packages `wanted` cannot be installed.
        """
        if self._status is None:
            packages = self.lock.packages
            fetch(packages, self.cache, console=self.console)
            own = archive.dpkg_status(packages, self.cache)
            self._status = self._of_image(wanted) + own
        return self._status

    @property
    def installed(self) -> frozenset[str]:
        """Return the names of the Debian packages in it, after `dpkg_status` was asked for."""
        return frozenset(
            fields["Package"]
            for fields in apt.stanzas(self._status or "")
            if fields.get("Status", "").endswith(" installed")
        )

    def check_python(self, requirements: Sequence[str]) -> None:
        """Make sure that wheels for Debian 12's Python run on the base.

        Raises:
            UserError: it begins with an image that has another Python, or an older C library.
        """
        facts = self._image_facts()
        if facts is None:
            return
        has, what = None, ", ".join(requirements)
        wanted = ".".join(map(str, pip_resolver.PYTHON))
        python = facts.python or self._packaged("python3")
        glibc = facts.glibc or self._packaged("libc6")
        if python is None:
            has = "no python3"
        elif python != pip_resolver.PYTHON:
            has = f"Python {python[0]}.{python[1]}"
        elif glibc is None:
            has = "no GNU C library"
        elif glibc < (2, pip_resolver.GLIBC_MINOR):
            has = f"the GNU C library {glibc[0]}.{glibc[1]}"
        if has is not None:
            raise UserError(
                f"{what} cannot be put on the base {self.lock.lowest.name}: its image has {has}; "
                f"wheels are chosen for Python {wanted} and the GNU C library "
                f"2.{pip_resolver.GLIBC_MINOR}",
                hint=f"take an image that has both, or a base with 'on: debian-12-python'; what needs "
                f"no wheels for Python {wanted} can be installed by the recipe's script",
            )

    def _packaged(self, name: str) -> tuple[int, int] | None:
        """Return the version of a Debian package that was put on the image."""
        for item in self.lock.packages:
            if item.name == name and (found := _VERSION.match(item.version)):
                return int(found[1]), int(found[2])
        return None

    def _of_image(self, wanted: Sequence[str]) -> str:
        """Return the dpkg status that the image brings, without what was replaced on top of it."""
        facts = self._image_facts()
        if facts is None:
            return ""
        name = self.lock.lowest.name
        if facts.debian is None:
            raise UserError(
                f"{', '.join(wanted)} cannot be installed on the base {name}: its container image is "
                "no Debian with a dpkg status",
                hint="name archives under build.sources and install them in the script, or take "
                "another base",
            )
        suites = apt.source_suites()
        if facts.debian not in suites:
            raise UserError(
                f"{', '.join(wanted)} cannot be installed on the base {name}: its container image is "
                f"Debian {facts.debian}, and this host's apt is configured for "
                f"{', '.join(suites) or 'nothing'}",
                hint=f"lock on a host whose apt sources have {facts.debian}",
            )
        newer = {(item.name, item.architecture) for item in self.lock.packages}
        kept = []
        for paragraph in facts.dpkg_status.strip().split("\n\n"):
            fields = next(iter(apt.stanzas(paragraph)), {})
            if (fields.get("Package"), fields.get("Architecture")) not in newer:
                kept.append(paragraph.strip("\n"))
        return "\n\n".join(kept) + "\n\n"

    def _image_facts(self) -> ImageFacts | None:
        """Return what is in the container image of the lowest base; None where there is none."""
        lowest = self.lock.lowest
        if lowest.image is None:
            return None
        if self._facts is None:
            fetch(lowest.image_parts, self.cache, console=self.console)
            self._facts = read_facts(lowest.image.layers, self.cache)
        return self._facts
