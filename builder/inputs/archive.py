# SPDX-License-Identifier: BSD-3-Clause
"""Fetched .debs as a flat Debian archive, which apt installs from without a network.

The format is that of a Debian repository's `Packages` file: the control fields of each package,
with its path, size and sha256 (wiki.debian.org/DebianRepository/Format).
"""

from __future__ import annotations

import concurrent.futures
import re
from collections.abc import Sequence

from builder.inputs.apt import DebianPackage
from builder.inputs.cache import InputCache
from core import process

_PARALLEL = 4
_DESCRIPTION = re.compile(r"^Description:.*\n(?:[ \t].*\n)*", re.MULTILINE)


def packages_index(packages: Sequence[DebianPackage], cache: InputCache) -> str:
    """Return the `Packages` text of fetched packages, whose files lie in `pool/` as in the cache."""
    return "\n".join(
        f"{control}\nFilename: ./pool/{package.sha256[:2]}/{package.sha256}\n"
        f"Size: {package.size}\nSHA256: {package.sha256}\n"
        for package, control in zip(packages, _controls(packages, cache), strict=True)
    )


def dpkg_status(packages: Sequence[DebianPackage], cache: InputCache) -> str:
    """Return the dpkg status of a system on which exactly these packages are installed."""
    return "\n".join(
        control.replace("\n", "\nStatus: install ok installed\n", 1) + "\n"
        for control in _controls(packages, cache)
    )


def _controls(packages: Sequence[DebianPackage], cache: InputCache) -> list[str]:
    """Return the control fields of each package, without its description.

    Nobody reads it here, and apt trips over one that ends with an empty line (`xvfb` of Debian 12).
    """

    def control(package: DebianPackage) -> str:
        file = cache.need(package.sha256, name=package.path.rsplit("/", 1)[-1])
        done = process.run(["dpkg-deb", "-f", file], reason="read a package's control fields")
        return _DESCRIPTION.sub("", done.stdout).strip()

    with concurrent.futures.ThreadPoolExecutor(_PARALLEL) as pool:
        return list(pool.map(control, packages))
