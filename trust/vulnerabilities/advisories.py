# SPDX-License-Identifier: BSD-3-Clause
"""Known vulnerable versions: advisories in the OSV format, and which components they speak of.

The files of `trust-policy/advisories/` are records of the Open Source Vulnerability format, version
1, as https://osv.dev and the distributions publish them; the form and the way to tell whether a
version is affected are those of https://ossf.github.io/osv-schema/. Read are Debian (source and binary
packages), PyPI and npm. What nobody can compare counts as affected, and an advisory without a severity
as critical: in doubt, no.

Rules for the files, each with its id:

- `advisory-unreadable`: it is JSON of at most 4 MiB and a record of OSV version 1.
- `advisory-form`: a field that says what is affected has the form that OSV gives it.
- `advisory-silent`: for each package that we know it says which versions are affected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import cmp_to_key
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from core.problems import Position, Problem
from core.versions import Scheme, compare
from trust.evidence import Component
from trust.vulnerabilities.cvss import base_score

FOLDER: Final = "advisories"
_MAX_BYTES: Final = 4 << 20


class Level(IntEnum):
    """How bad it is, in the words of CVSS."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


LEVELS: Final[Mapping[str, Level]] = {
    "low": Level.LOW,
    "medium": Level.MEDIUM,
    "moderate": Level.MEDIUM,
    "high": Level.HIGH,
    "critical": Level.CRITICAL,
}

_URGENCIES: Final[Mapping[str, Level]] = {
    "unimportant": Level.LOW,
    "low": Level.LOW,
    "medium": Level.MEDIUM,
    "high": Level.HIGH,
}
"""Words of Debian's security tracker; `not yet assigned` says nothing."""

_SCHEMES: Final[Mapping[str, Scheme]] = {
    "Debian": Scheme.DEBIAN,
    "PyPI": Scheme.PYTHON,
    "npm": Scheme.SEMANTIC,
}
_KINDS: Final[Mapping[str, str]] = {"Debian": "pkg:deb/", "PyPI": "pkg:pypi/", "npm": "pkg:npm/"}


@dataclass(frozen=True, slots=True)
class Event:
    """A version at which a range begins (`introduced`) or ends (`fixed`, `last_affected`)."""

    kind: str
    version: str


@dataclass(frozen=True, slots=True)
class Affected:
    """Versions of one package: those that are listed, and those of ranges.

    `release` is the one of Debian that is meant, or None for all of them.
    """

    ecosystem: str
    release: str | None
    name: str
    versions: tuple[str, ...]
    ranges: tuple[tuple[Event, ...], ...]


@dataclass(frozen=True, slots=True)
class Advisory:
    """One record; `names` are its id and the other ids of the same thing, its own first."""

    names: tuple[str, ...]
    summary: str
    level: Level
    withdrawn: datetime | None
    affected: tuple[Affected, ...]

    @property
    def id(self) -> str:
        """Return the id of the record."""
        return self.names[0]

    def stands(self, at: datetime) -> bool:
        """Return whether the record has not been withdrawn at a moment."""
        return self.withdrawn is None or at < self.withdrawn


_Index: TypeAlias = dict[tuple[str, str], list[tuple[Advisory, Affected]]]


def affecting(
    advisories: Iterable[Advisory], components: Iterable[Component], at: datetime
) -> Iterator[tuple[Advisory, Component]]:
    """Yield each record that stands with each component of a version that it speaks of."""
    index: _Index = {}
    for advisory in advisories:
        for affected in advisory.affected if advisory.stands(at) else ():
            index.setdefault((affected.ecosystem, affected.name), []).append((advisory, affected))
    for component in components:
        for ecosystem, kind in _KINDS.items():
            if component.purl.startswith(kind):
                for advisory in _hits(index, ecosystem, component):
                    yield advisory, component


def _hits(index: _Index, ecosystem: str, component: Component) -> Iterable[Advisory]:
    found: dict[str, Advisory] = {}
    for name, version in _names(ecosystem, component):
        for advisory, part in index.get((ecosystem, name), ()):
            if not _is_elsewhere(part, component) and _is_affected(part, version):
                found[advisory.id] = advisory
    return found.values()


def _is_elsewhere(part: Affected, component: Component) -> bool:
    """Return whether a record speaks of another release of Debian than the component is of."""
    release = re.search(r"[?&]distro=debian-(\d+)", component.purl)
    return bool(part.release and release and part.release != release[1])


def _names(ecosystem: str, component: Component) -> Iterator[tuple[str, str]]:
    """Yield the names by which advisories may know a component, each with the version that goes with it."""
    match ecosystem:
        case "Debian":
            yield component.name, component.version
            name, _, version = (component.source or "").partition(" ")
            yield name, version or component.version
        case "PyPI":
            yield _python_name(component.name), component.version
        case _:
            path = component.purl.removeprefix("pkg:npm/").partition("?")[0]
            yield unquote(path.rpartition("@")[0]), component.version
            yield component.name, component.version


def fixed_in(advisory: Advisory, component: Component) -> str | None:
    """Return the oldest version that is said to be mended and is newer; None where none is said."""
    found: str | None = None
    for ecosystem, kind in _KINDS.items():
        if not component.purl.startswith(kind):
            continue
        scheme = _SCHEMES[ecosystem]
        for name, version in _names(ecosystem, component):
            parts = (part for part in advisory.affected if not _is_elsewhere(part, component))
            for fix in _fixes(parts, ecosystem, name):
                is_newer = compare(fix, version, scheme) == 1
                if is_newer and (found is None or compare(fix, found, scheme) == -1):
                    found = fix
    return found


def _fixes(parts: Iterable[Affected], ecosystem: str, name: str) -> Iterator[str]:
    for part in parts:
        if (part.ecosystem, part.name) == (ecosystem, name):
            yield from (
                event.version for events in part.ranges for event in events if event.kind == "fixed"
            )


def _is_affected(affected: Affected, version: str) -> bool:
    """Return OSV's answer: listed, or inside a range; what cannot be compared is affected."""
    scheme = _SCHEMES[affected.ecosystem]
    if any(
        listed == version or compare(listed, version, scheme) == 0 for listed in affected.versions
    ):
        return True
    return any(_is_inside(events, version, scheme) for events in affected.ranges)


def _is_inside(events: tuple[Event, ...], version: str, scheme: Scheme) -> bool:
    inside = False
    for event in events:
        order = 1 if event.version == "0" else compare(version, event.version, scheme)
        if order is None:
            return True
        match event.kind:
            case "introduced" if order >= 0:
                inside = True
            case "fixed" if order >= 0:
                inside = False
            case "last_affected" if order > 0:
                inside = False
    return inside


def read_folder(folder: Path, problems: list[Problem]) -> tuple[Advisory, ...]:
    """Return the advisories of a folder, in the order of its files, and add what is wrong with them."""
    found = (_read(file, problems) for file in sorted((folder).glob("*.json")))
    return tuple(advisory for advisory in found if advisory is not None)


class _WrongForm(ValueError):
    """A field is not as OSV has it; the message names it."""


def _read(file: Path, problems: list[Problem]) -> Advisory | None:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise _WrongForm(f"is larger than {_MAX_BYTES >> 20} MiB")
        data = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as err:
        said = err if isinstance(err, _WrongForm) else "is not readable JSON"
        problems.append(_problem(file, "advisory-unreadable", f"{file.name} {said}"))
        return None
    try:
        return _advisory(data)
    except _Silent as err:
        problems.append(_problem(file, "advisory-silent", f"{file.name}: {err}"))
    except _WrongForm as err:
        problems.append(_problem(file, "advisory-form", f"{file.name}: {err}"))
    return None


def _problem(file: Path, rule: str, message: str) -> Problem:
    hint = "see https://ossf.github.io/osv-schema/, or take the file out of the policy"
    return Problem(Position(file, 1, 1), rule, message, hint=hint)


class _Silent(_WrongForm):
    """The record does not say which versions are affected."""


def _advisory(data: object) -> Advisory:
    record = _mapping(data, "the record")
    if not str(record.get("schema_version", "1.0.0")).startswith("1."):
        raise _WrongForm(f"schema_version {record['schema_version']!r} is not 1.x")
    name = _text(record.get("id"), "id")
    _time(record.get("modified"), "modified")
    withdrawn = record.get("withdrawn")
    affected = [
        _affected(_mapping(each, "affected"), name)
        for each in _list(record.get("affected"), "affected")
    ]
    return Advisory(
        names=tuple(dict.fromkeys((name, *_texts(record, "aliases"), *_upstream(record)))),
        summary=str(record.get("summary") or record.get("details") or "")[:200],
        level=_level(record),
        withdrawn=_time(withdrawn, "withdrawn") if withdrawn is not None else None,
        affected=tuple(each for each in affected if each is not None),
    )


def _texts(record: Mapping[str, Any], field: str) -> tuple[str, ...]:
    return tuple(_text(each, field) for each in _list(record.get(field), field))


def _upstream(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the CVE that a distribution's record is about.

    Debian's name it there and not as an alias. One about several is another thing than each of them.
    """
    found = {each.removeprefix("DEBIAN-") for each in _texts(record, "upstream")}
    return tuple(found) if len(found) == 1 else ()


def _affected(entry: Mapping[str, Any], advisory: str) -> Affected | None:
    """Return which versions of a package are affected, or None for an ecosystem of no interest here."""
    package = _mapping(entry.get("package"), "affected.package")
    ecosystem, _, release = _text(package.get("ecosystem"), "affected.package.ecosystem").partition(
        ":"
    )
    name = _text(package.get("name"), "affected.package.name")
    if ecosystem not in _SCHEMES:
        return None
    versions = tuple(
        _text(each, "affected.versions") for each in _list(entry.get("versions"), "versions")
    )
    ranges = tuple(
        events
        for each in _list(entry.get("ranges"), "affected.ranges")
        if (events := _events(_mapping(each, "affected.ranges"), _SCHEMES[ecosystem]))
    )
    if not versions and not ranges:
        raise _Silent(f"{advisory} does not say which versions of {name} are affected")
    plain = _python_name(name) if ecosystem == "PyPI" else name
    return Affected(ecosystem, release or None, plain, versions, ranges)


def _events(given: Mapping[str, Any], scheme: Scheme) -> tuple[Event, ...]:
    """Return the events of a range in the order of their versions; none for a range of commits."""
    kind = given.get("type")
    if kind == "GIT":
        return ()
    if kind not in ("ECOSYSTEM", "SEMVER"):
        raise _WrongForm(f"affected.ranges.type {kind!r} is not ECOSYSTEM, SEMVER or GIT")
    events = []
    for each in _list(given.get("events"), "affected.ranges.events"):
        told = _mapping(each, "affected.ranges.events")
        for word in ("introduced", "fixed", "last_affected"):
            if word in told:
                events.append(Event(word, _text(told[word], f"events.{word}")))
    if not any(event.kind == "introduced" for event in events):
        raise _WrongForm("a range has no event 'introduced'")
    return _in_order(events, scheme)


def _in_order(events: list[Event], scheme: Scheme) -> tuple[Event, ...]:
    def order(one: Event, other: Event) -> int:
        if "0" in (one.version, other.version):
            return int(other.version == "0") - int(one.version == "0")
        return compare(one.version, other.version, scheme) or 0

    return tuple(sorted(events, key=cmp_to_key(order)))


def _level(record: Mapping[str, Any]) -> Level:
    """Return how bad it is: the worst that is said, the worst there is where nothing is."""
    places = [
        record,
        *(_mapping(each, "affected") for each in _list(record.get("affected"), "affected")),
    ]
    said = [level for place in places for level in _levels(place)]
    return max(said, default=Level.CRITICAL)


def _levels(place: Mapping[str, Any]) -> Iterator[Level]:
    for field in ("database_specific", "ecosystem_specific"):
        told = place.get(field)
        if not isinstance(told, Mapping):
            continue
        severity, urgency = told.get("severity"), told.get("urgency")
        if isinstance(severity, str) and severity.lower() in LEVELS:
            yield LEVELS[severity.lower()]
        if isinstance(urgency, str) and urgency.lower() in _URGENCIES:
            yield _URGENCIES[urgency.lower()]
    for each in _list(place.get("severity"), "severity"):
        score = base_score(str(_mapping(each, "severity").get("score")))
        if score is not None:
            yield _level_of(score)


def _level_of(score: float) -> Level:
    """Return the word that CVSS gives a score."""
    for least, level in ((9.0, Level.CRITICAL), (7.0, Level.HIGH), (4.0, Level.MEDIUM)):
        if score >= least:
            return level
    return Level.LOW


def _python_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _mapping(value: object, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _WrongForm(f"{field} must be a mapping")
    return value


def _list(value: object, field: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _WrongForm(f"{field} must be a list")
    return value


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 500:
        raise _WrongForm(f"{field} must be a text")
    return value


def _time(value: object, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value, field))
    except ValueError as err:
        raise _WrongForm(f"{field} must be a time like 2026-01-31T12:00:00Z") from err
    if moment.tzinfo is None:
        raise _WrongForm(f"{field} must have a time zone")
    return moment
