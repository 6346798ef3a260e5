# SPDX-License-Identifier: BSD-3-Clause
"""What differs between two locks: versions that go up or down, what comes and what goes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from builder.inputs.lock import BaseLock, PackageLock
from builder.recipes.recipe import Source


@dataclass(frozen=True, slots=True)
class Change:
    """One input that differs; `old` is None for what comes, `new` for what goes.

    `part` is the lock's field it stands in. Equal versions are another file of the same version.
    """

    part: str
    name: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        """Return the change as a line of a report."""
        if self.old is None:
            how = f"added {self.new}"
        elif self.new is None:
            how = f"removed {self.old}"
        elif self.old == self.new:
            how = f"{self.old}, another file"
        else:
            how = f"{self.old} → {self.new}"
        return f"{self.part} {self.name}: {how}"


def changes(old: BaseLock | PackageLock | None, new: BaseLock | PackageLock) -> tuple[Change, ...]:
    """Return what is different in `new`, part by part, by name; everything where there is no `old`."""
    before, after = _parts(old), _parts(new)
    found = []
    for part in dict.fromkeys((*before, *after)):
        was, now = before.get(part, {}), after.get(part, {})
        for name in sorted(was.keys() | now.keys()):
            if was.get(name) != now.get(name):
                found.append(Change(part, name, _version(was.get(name)), _version(now.get(name))))
    return tuple(found)


def _parts(lock: BaseLock | PackageLock | None) -> dict[str, Mapping[str, Any]]:
    """Return the inputs of each part of a lock by their names."""
    if lock is None:
        return {}
    parts = {field.name: getattr(lock, field.name) for field in fields(lock)}
    return {
        part: {_name(item): item for item in items}
        for part, items in parts.items()
        if isinstance(items, tuple)
    }


def _name(item: Any) -> str:
    return item.location if isinstance(item, Source) else str(item.name)


def _version(item: Any) -> str | None:
    if item is None:
        return None
    return item.sha256[:12] if isinstance(item, Source) else str(item.version)
