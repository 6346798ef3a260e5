# SPDX-License-Identifier: BSD-3-Clause
"""What a repository has held of a package, as evidence for the rules of release planning."""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime

from catalog.entry import CatalogEntry
from trust.evidence import PublishedVersion


def history_of(
    entries: Sequence[CatalogEntry],
    name: str,
    *,
    retired: Container[tuple[str, str]] = (),
) -> tuple[PublishedVersion, ...]:
    """Return the versions of a package that are published, the earliest first.

    `retired` are names and versions that are out of use.
    """
    found = [
        PublishedVersion(
            version=entry.version,
            channel=str(entry.channel),
            since=datetime.fromisoformat(entry.since),
            plan=entry.plan,
            retired=(entry.name, entry.version) in retired,
        )
        for entry in entries
        if entry.name == name
    ]
    return tuple(sorted(found, key=lambda each: (each.since, each.version)))
