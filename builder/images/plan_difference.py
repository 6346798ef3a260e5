# SPDX-License-Identifier: BSD-3-Clause
"""How two build plans differ: what makes an image to be built again, in a reviewer's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from builder.evidence.difference import Change, How
from builder.images.plan import BasePlan, BuildPlan
from builder.inputs.apt import DebianPackage
from builder.inputs.lock import NodePackage, PythonArtefact, PythonSdist
from core.canonical import sha256_of

_SHOWN = 4
"""How many names of one kind a sentence has: the upgrade of a base changes hundreds."""

_LONGEST = 24
"""How many characters of a value a sentence has; a PATH has hundreds."""

_Versioned: TypeAlias = DebianPackage | NodePackage | PythonArtefact | PythonSdist
_Values: TypeAlias = Mapping[str, tuple[str, str]]
"""What each thing of a kind is for a reader, and a digest of what it is for a build."""


def plan_difference(before: BuildPlan, after: BuildPlan) -> tuple[Change, ...]:
    """Return what decides the bytes of an image and differs between two plans; none where they are one.

    What a base brings is told as of the base: `package of debian-12`.
    """
    if before.id == after.id:
        return ()
    return (
        *_changes("version", _text(before.version), _text(after.version)),
        *_changes("licence", _text(before.license), _text(after.license)),
        *_base_changes(before.base, after.base),
        *_changes("Debian package", *map(_versions, (before.debian, after.debian))),
        *_changes("build tool", *map(_versions, (before.tools, after.tools))),
        *_changes("Python package", *map(_python, (before, after))),
        *_changes("npm package", *map(_versions, (before.node, after.node))),
        *_changes("source", *map(_sources, (before, after))),
        *_changes("file", *map(_files, (before, after))),
        *_changes("script", *map(_script, (before, after))),
        *_changes("variable", *map(_variables, (before.environment, after.environment))),
    )


def sentences(changes: Iterable[Change]) -> tuple[str, ...]:
    """Return changes in words, a phrase for each kind: `2 Debian packages: hdf5 1.10 → 1.14, +szip 2`."""
    kinds: dict[str, list[Change]] = {}
    for change in changes:
        kinds.setdefault(change.what, []).append(change)
    return tuple(_sentence(what, items) for what, items in kinds.items())


def _sentence(what: str, items: Sequence[Change]) -> str:
    if not items[0].name:  # there is one of it at most: a version, a script
        match items[0].how:
            case How.ADDED:
                return f"now a {what}"
            case How.REMOVED:
                return f"no {what} any more"
            case How.CHANGED:
                return f"{what} {_told(items[0])}"
    told = ", ".join(_told(item) for item in items[:_SHOWN])
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    kind, of, base = what.partition(" of ")
    many = f"{len(items)} {kind}s{of}{base}" if len(items) > 1 else what
    return f"{many}: {told}{more}"


def _told(change: Change) -> str:
    match change.how:
        case How.ADDED:
            return f"+{change.name} {_short(change.after)}".rstrip()
        case How.REMOVED:
            return f"-{change.name}"
        case How.CHANGED:
            return f"{change.name} {_short(change.before)} → {_short(change.after)}".lstrip()


def _short(value: str | None) -> str:
    value = value or ""
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"


def _changes(what: str, before: _Values, after: _Values) -> Iterator[Change]:
    """Return what became of each thing of a kind; one that looks the same and is not shows its digest."""
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        if was and now and was[0] == now[0]:
            yield Change(
                what, name, f"{was[0]} {was[1][:8]}".lstrip(), f"{now[0]} {now[1][:8]}".lstrip()
            )
        else:
            yield Change(what, name, was and was[0], now and now[0])


def _base_changes(before: BasePlan, after: BasePlan) -> Iterator[Change]:
    """Return what differs below a package, layer for layer; of another base, that it is another."""
    yield from _changes("base", _text(before.name), _text(after.name))
    if before.name != after.name:
        return
    old = {layer.name: layer for layer in before.layers}
    for now in after.layers:
        was = old.get(now.name)
        if was is None:
            yield Change("base below", now.name, None, "")
            continue
        of = f"of {now.name}"
        yield from _changes(f"Debian package {of}", *map(_versions, (was.lock.own, now.lock.own)))
        yield from _changes(
            f"Python package {of}", *map(_versions, (was.lock.python, now.lock.python))
        )
        yield from _changes(
            f"variable {of}", *map(_variables, (was.own_environment, now.own_environment))
        )
        yield from _changes(f"time {of}", *(_text(str(each.lock.epoch)) for each in (was, now)))


def _text(value: str) -> _Values:
    return {"": (value, value)}


def _versions(items: Iterable[_Versioned]) -> _Values:
    return {item.name: (item.version, item.sha256) for item in items}


def _python(plan: BuildPlan) -> _Values:
    return _versions((*plan.python, *plan.sdists))


def _sources(plan: BuildPlan) -> _Values:
    return {item.filename: ("", item.sha256) for item in plan.sources}


def _files(plan: BuildPlan) -> _Values:
    return {item.target: ("", f"{item.sha256}{item.mode:o}") for item in plan.files}


def _script(plan: BuildPlan) -> _Values:
    return {"": ("", sha256_of(plan.script))} if plan.script is not None else {}


def _variables(environment: Iterable[tuple[str, str]]) -> _Values:
    return {name: (value, value) for name, value in environment}
