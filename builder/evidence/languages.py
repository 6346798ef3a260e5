# SPDX-License-Identifier: BSD-3-Clause
"""The Python and npm packages of a tree, from the metadata that they install.

What Debian installs of them is Debian's package and not named a second time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.message import Message
from email.parser import HeaderParser
from typing import Final
from urllib.parse import quote

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement

from builder.evidence.components import Component, Ecosystem
from builder.recipes.from_pypi import stated_license
from builder.recipes.licence_texts import named_in
from core import spdx

_RESTRICTED: Final = "LicenseRef-restricted"
"""What says in words or by a classifier that it is not free."""
_A_TEXT: Final = 200
"""What is longer is the words of a licence and not its name."""
_IS_RESTRICTED: Final = re.compile(
    r"proprietar|commercial|non-free|\beula\b|end.user licen[cs]e"
    r"|intel simplified|but restricted|shareware|freeware|educational use|home use|academic",
    re.IGNORECASE,
)


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
        found.append(
            Component(
                ecosystem=Ecosystem.PYTHON,
                name=name,
                version=version,
                purl=f"pkg:pypi/{quote(_normal(name))}@{quote(version)}",
                licence=_python_licence(headers),
                supplier=str(headers["Author"] or "").strip() or None,
                path=path,
            )
        )
    return _with_who_wants_them(found, metadata)


def _with_who_wants_them(
    found: Sequence[Component], metadata: Mapping[str, str]
) -> tuple[Component, ...]:
    """Return the packages with the names of those of them that require each."""
    wanting: dict[str, set[str]] = {}
    for item in found:
        headers = HeaderParser().parsestr(metadata[item.path or ""])
        for line in headers.get_all("Requires-Dist", []):
            if (wanted := _required(str(line))) is not None:
                wanting.setdefault(wanted, set()).add(item.name)
    return tuple(
        replace(item, brought_by=tuple(sorted(wanting.get(_normal(item.name), ()))))
        for item in found
    )


def _required(line: str) -> str | None:
    """Return the name that a requirement is about, if it holds without extras."""
    try:
        requirement = Requirement(line)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    except (InvalidRequirement, UndefinedEnvironmentName):
        return None
    return _normal(requirement.name) if wanted else None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()  # PEP 503


def _python_licence(headers: Message) -> str | None:
    """Return what a package declares; what says that it is not free is never as good as silence."""
    stated = _licence(stated_license(headers)[0] or headers["License-Expression"])
    if stated is not None:
        return stated
    written = str(headers["License"] or "").strip()
    if (text := named_in(written)) is not None and "{" not in text:
        return text  # many put all of the licence's words there
    name = written.partition("\n")[0][:100] if len(written) < _A_TEXT else ""
    said = [name, *map(str, headers.get_all("Classifier", []))]
    return _RESTRICTED if any(_IS_RESTRICTED.search(each) for each in said) else None


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
                licence=_npm_licence(stated if isinstance(stated, str) else None),
                path=path,
            )
        )
    return tuple(found)


def _npm_licence(stated: str | None) -> str | None:
    """Return what a Node package declares; `UNLICENSED` is npm's word for no licence at all."""
    return _RESTRICTED if stated == "UNLICENSED" else _licence(stated)


def _licence(text: str | None) -> str | None:
    return spdx.canonical(text) if text else None
