# SPDX-License-Identifier: BSD-3-Clause
"""What a repository has held of a package, as evidence for the rules of release planning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from catalog.entry import CatalogEntry
from trust.evidence import PublishedVersion


def history_of(entries: Sequence[CatalogEntry], name: str) -> tuple[PublishedVersion, ...]:
    """Return the versions of a package that are published, the earliest first."""
    found = [
        PublishedVersion(
            version=entry.version,
            channel=str(entry.channel),
            since=datetime.fromisoformat(entry.published),
            plan=entry.plan,
        )
        for entry in entries
        if entry.name == name
    ]
    return tuple(sorted(found, key=lambda each: (each.since, each.version)))
