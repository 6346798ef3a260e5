# SPDX-License-Identifier: BSD-3-Clause
"""What a base or an image holds: its components and what was odd, kept as JSON beside it.

The contents of a base are made once and those of an image from them and from what it adds, so the
cost follows the delta.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from builder.evidence.components import Component, Ecosystem
from builder.evidence.languages import npm_components, python_components
from builder.evidence.looking import Look, look
from builder.images.base import Base
from builder.images.build_user import BuildUser
from builder.inputs.apt import DebianPackage
from builder.inputs.lock import Input, NodePackage, PythonArtefact, PythonSdist
from core.canonical import canonical_json
from core.files import write_atomic
from trust.codec import Undecodable, from_json, to_json
from trust.evidence import Sight

SCHEMA = 2
FILE_NAME = "contents.json"
REFUSED_IN_BASES = ("secret", "capability", "unreadable")
"""What the look at a base sees and an image on it answers for."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The components of a tree with all that it lies on, what was odd, and how much was looked at.

    Of what was odd in the trees below, `sights` has what no image may have and the rest not: that is
    a matter of the base. `size` is in bytes.
    """

    components: tuple[Component, ...]
    sights: tuple[Sight, ...]
    files: int
    size: int


def contents_of(
    tree: Path,
    below: Sequence[Path],
    *,
    under: Contents | None,
    sha256s: Mapping[str, str],
    user: BuildUser,
) -> Contents:
    """Look at a tree and return its contents.

    Args:
        tree: the folder that a build filled.
        below: the trees it lies on, the uppermost first.
        under: the contents of those; None for a tree that lies on nothing.
        sha256s: of the locked files, by `<ecosystem>:<name>:<version>`.
        user: who built it.
    """
    return contents_from(look(tree, below, user=user), under=under, sha256s=sha256s)


def base_contents(base: Base, *, user: BuildUser) -> Contents:
    """Return the contents of a base, looked at the first time and kept in its folder.

    Args:
        base: a built base, with those it stands on.
        user: who built it.
    """
    folder = base.squashfs.parent
    kept = read_contents(folder)
    if kept is not None:
        return kept
    under = base_contents(base.below, user=user) if base.below else None
    below = base.below.roots if base.below else ()
    sha256s = locked_sha256s(base.plan.lock.own_inputs)
    contents = contents_of(base.root, below, under=under, sha256s=sha256s, user=user)
    write_contents(contents, folder)
    return contents


def locked_sha256s(inputs: Iterable[Input]) -> dict[str, str]:
    """Return the sha256 of locked packages by what `key_of` makes of the component of each."""
    found = {}
    for item in inputs:
        match item:
            case DebianPackage():
                found[f"{Ecosystem.DEBIAN}:{item.name}:{item.version}"] = item.sha256
            case NodePackage():
                found[f"{Ecosystem.NPM}:{item.name}:{item.version}"] = item.sha256
            case PythonArtefact() | PythonSdist():
                name = re.sub(r"[-_.]+", "-", item.name).lower()  # PEP 503
                found[f"{Ecosystem.PYTHON}:{name}:{item.version}"] = item.sha256
            case _:
                pass  # an archive is built from, not installed
    return found


def contents_from(seen: Look, *, under: Contents | None, sha256s: Mapping[str, str]) -> Contents:
    """Return the contents that a look shows, on top of those of the trees below."""
    # Imported here: python-debian takes a tenth of a second, and most commands look at nothing.
    from builder.evidence.debian import debian_components

    before = under.components if under else ()
    by_ecosystem: dict[Ecosystem, tuple[Component, ...]] = {
        each: tuple(item for item in before if item.ecosystem is each) for each in Ecosystem
    }
    debian = by_ecosystem[Ecosystem.DEBIAN]
    if seen.dpkg:
        debian = _known_licences(debian_components(seen.dpkg, seen.copyrights), debian)
    python = _on_top(python_components(seen.python), by_ecosystem[Ecosystem.PYTHON], seen.removed)
    npm = _on_top(npm_components(seen.npm), by_ecosystem[Ecosystem.NPM], seen.removed)
    inherited = [each for each in (under.sights if under else ()) if each.kind in REFUSED_IN_BASES]
    found = (*debian, *python, *npm, *by_ecosystem[Ecosystem.ARCHIVE])
    return Contents(
        components=tuple(
            item if item.sha256 else replace(item, sha256=sha256s.get(key_of(item)))
            for item in found
        ),
        sights=(*inherited, *seen.sights),
        files=seen.files + (under.files if under else 0),
        size=seen.size + (under.size if under else 0),
    )


def key_of(item: Component) -> str:
    """Return what a component is looked up by in a lock."""
    name = (
        item.purl.partition("/")[2].partition("@")[0]
        if item.ecosystem is Ecosystem.PYTHON
        else item.name
    )
    return f"{item.ecosystem}:{name}:{item.version}"


def _known_licences(
    now: tuple[Component, ...], before: tuple[Component, ...]
) -> tuple[Component, ...]:
    """Return the packages with what was known of the same ones below: their files lie there."""
    known = {(item.name, item.version): item for item in before}
    return tuple(
        known.get((item.name, item.version), item) if item.licence is None else item for item in now
    )


def _on_top(
    now: tuple[Component, ...], before: tuple[Component, ...], removed: tuple[str, ...]
) -> tuple[Component, ...]:
    """Return the components of both trees but those whose metadata the upper one takes away."""
    gone = tuple(f"{path}/" for path in removed)
    paths = {item.path for item in now}
    kept = [
        item
        for item in before
        if item.path not in paths and not f"{item.path}/".startswith(gone or ("\0",))
    ]
    return tuple(
        sorted((*kept, *now), key=lambda item: (item.name.lower(), item.version, item.path or ""))
    )


def write_contents(contents: Contents, folder: Path) -> None:
    """Keep the contents in a folder."""
    fields = to_json(contents)
    write_atomic(folder / FILE_NAME, canonical_json({"schema": SCHEMA, "contents": fields}))


def read_contents(folder: Path) -> Contents | None:
    """Return the contents that a folder keeps, or None where there are none of this form."""
    try:
        data = json.loads((folder / FILE_NAME).read_bytes())
        return from_json(Contents, data["contents"]) if data["schema"] == SCHEMA else None
    except FileNotFoundError:
        return None
    except (Undecodable, ValueError, KeyError, TypeError):
        return None  # written by another version of this program: looked at again
