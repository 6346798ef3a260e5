# SPDX-License-Identifier: BSD-3-Clause
"""The Python and npm packages of a tree, from the metadata that they install.

What Debian installs of them is Debian's package and not named a second time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.parser import HeaderParser
from urllib.parse import quote

from builder.evidence.components import Component, Ecosystem
from builder.recipes.from_pypi import stated_license
from core import spdx


def python_components(metadata: Mapping[str, str]) -> tuple[Component, ...]:
    """Return the packages of `.dist-info` and `.egg-info` folders.

    Args:
        metadata: the headers of METADATA or PKG-INFO, by the path of the folder in the tree.
    """
    found = []
    for path, text in sorted(metadata.items()):
        headers = HeaderParser().parsestr(text)
        name, version = str(headers["Name"] or "").strip(), str(headers["Version"] or "").strip()
        if not name or not version:
            continue
        normal = re.sub(r"[-_.]+", "-", name).lower()  # PEP 503
        found.append(
            Component(
                ecosystem=Ecosystem.PYTHON,
                name=name,
                version=version,
                purl=f"pkg:pypi/{quote(normal)}@{quote(version)}",
                licence=_licence(stated_license(headers)[0] or headers["License-Expression"]),
                supplier=str(headers["Author"] or "").strip() or None,
                path=path,
            )
        )
    return tuple(found)


def npm_components(packages: Mapping[str, str]) -> tuple[Component, ...]:
    """Return the packages of `node_modules` folders.

    Args:
        packages: the content of `package.json`, by the path of its folder in the tree.
    """
    found = []
    for path, text in sorted(packages.items()):
        try:
            data = json.loads(text)
            name, version = data["name"], data["version"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # a folder of a package, not a package
        if not (isinstance(name, str) and isinstance(version, str) and name and version):
            continue
        stated = data.get("license")
        found.append(
            Component(
                ecosystem=Ecosystem.NPM,
                name=name,
                version=version,
                purl=f"pkg:npm/{quote(name, safe='/')}@{quote(version)}",
                licence=_licence(stated if isinstance(stated, str) else None),
                path=path,
            )
        )
    return tuple(found)


def _licence(text: str | None) -> str | None:
    return spdx.canonical(text) if text else None
