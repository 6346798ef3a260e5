# SPDX-License-Identifier: BSD-3-Clause
"""A step to another version in the text of a recipe: what has to change does, the rest stays as it is.

What changes: `version`; the requirement or the sdist that has the version, with its sha256; and where the
old version stands behind a name (`gemmi-0.7.4`, `/0.7.4`), the script and the evidence of the licence.
Where else it stands, in a test for instance, is for a person to look at: those lines are named.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from core import strict_yaml
from core.errors import UserError
from core.strict_yaml import Document, Path_


@dataclass(frozen=True, slots=True)
class Step:
    """From `old` to `new`, which are versions of the recipe.

    `projects` are the Python projects whose pins go from `pinned` to `pin`, where there are any; `sha256`
    that of the sdist, where the recipe has it as an archive.
    """

    old: str
    new: str
    projects: tuple[str, ...] = ()
    pinned: str = ""
    pin: str = ""
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Stepped:
    """The new text of a recipe, and the lines of it, from 1, in which the old version still stands."""

    text: str
    left: tuple[int, ...]


def stepped(text: str, step: Step, *, file: Path) -> Stepped:
    """Return the text of a recipe after a step.

    Args:
        text: the recipe as it is.
        step: what is to change.
        file: the name that problems show.

    Raises:
        UserError: the recipe is not written so that this can be done; a person has to.
    """
    document = strict_yaml.loads(text.encode(), file)
    lines = text.splitlines(keepends=True)
    # from the end on: what stands before an edit keeps its place
    for path, old, new in sorted(
        _edits(document, step), key=lambda edit: _place(document, edit[0]), reverse=True
    ):
        _replace(lines, document, path, old, new)
    was, now = step.pinned or _program(step.old), step.pin or _program(step.new)
    if was == now:
        return Stepped("".join(lines), ())
    for path in (("license", "evidence"), ("build", "script")):
        _replace_behind_names(lines, document, path, was, now)
    return Stepped("".join(lines), _left(lines, was))


def _edits(document: Document, step: Step) -> Iterator[tuple[Path_, str, str]]:
    """Yield where which text becomes which other."""
    yield ("version",), step.old, _scalar(step.old, step.new)
    for path in _pins(document, step.projects):
        yield path, f"=={step.pinned}", f"=={step.pin}"
        if path[1] == "sources" and step.sha256 is not None:
            place = (*path[:-1], "sha256")
            yield place, str(_at(document, place)), step.sha256


def _place(document: Document, path: Path_) -> tuple[int, int]:
    where = document.where(path)
    return where.line, where.column


def _program(version: str) -> str:
    """Return the version of the program: `+1` behind it is a second build of the same."""
    return version.partition("+")[0]


def _scalar(old: str, new: str) -> str:
    """Return a version as it is written; a whole number would be read as one."""
    return f'"{new}"' if new.isdecimal() and not old.isdecimal() else new


def _pins(document: Document, projects: Container[str | None]) -> list[Path_]:
    """Return where projects are pinned: among the requirements, or as an archive."""
    found: list[Path_] = []
    build = document.value.get("build")
    if not isinstance(build, dict):
        return found
    requirements, sources = build.get("pip"), build.get("sources")
    for number, item in enumerate(requirements if isinstance(requirements, list) else ()):
        if isinstance(item, str) and _project_of(item) in projects:
            found.append(("build", "pip", number))
    for number, source in enumerate(sources if isinstance(sources, list) else ()):
        sdist = source.get("pypi-sdist") if isinstance(source, dict) else None
        if isinstance(sdist, str) and _project_of(sdist) in projects:
            found.append(("build", "sources", number, "pypi-sdist"))
    return found


def _project_of(requirement: str) -> str | None:
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return None


def _at(document: Document, path: Path_) -> object:
    value: object = document.value
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
    return value


def _replace(lines: list[str], document: Document, path: Path_, old: str, new: str) -> None:
    """Replace a text in the value at a path, which begins and ends in one line.

    Raises:
        UserError: it is not there.
    """
    where = document.where(path)
    line, start = lines[where.line - 1], where.column - 1
    head, tail = line[:start], line[start:]
    place = tail.find(old)
    if place < 0:
        name = ".".join(str(part) for part in path)
        raise UserError(
            f"{where.file}:{where.line}: '{old}' is not to be found in {name} as it is written",
            hint="make this step by hand",
        )
    lines[where.line - 1] = head + tail[:place] + new + tail[place + len(old) :]


def _replace_behind_names(
    lines: list[str], document: Document, path: Path_, old: str, new: str
) -> None:
    """Replace a version where it stands behind a name, in all lines of the value at a path."""
    if path not in document.positions:
        return
    first = document.positions[path].line
    later = [place.line for place in document.keys.values() if place.line > first]
    last = min(later, default=len(lines) + 1) - 1
    behind = re.compile(rf"(?<=[-_/=])(v?){re.escape(old)}(?![0-9A-Za-z]|\.[0-9])")
    for number in range(first - 1, max(last, first)):
        lines[number] = behind.sub(lambda found: f"{found[1]}{new}", lines[number])


def _left(lines: list[str], old: str) -> tuple[int, ...]:
    if "." not in old:  # a 3 may be anything
        return ()
    token = re.compile(rf"(?<![0-9A-Za-z.])v?{re.escape(old)}(?![0-9A-Za-z]|\.[0-9])")
    return tuple(number for number, line in enumerate(lines, 1) if token.search(line))
