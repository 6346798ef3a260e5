# SPDX-License-Identifier: BSD-3-Clause
"""Further signatures of versions that are published already: they are added, and nothing else changes.

Somebody stands behind an image later, because its signer is gone for instance: `pansoft trust cosign` of the
signed folder in the state, then `pansoft apply`. What a version has is never replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from builder.state import State
from catalog.entry import CatalogEntry
from cvmfs.backends.backend import OpenTransaction
from trust.signing import certified, cosignatures
from trust.signing.statements import statement_file


def put(tx: OpenTransaction, entries: Sequence[CatalogEntry], state: State) -> tuple[str, ...]:
    """Put what has been signed since into the folders of versions, and return the new paths."""
    new = []
    for entry in entries:
        for file in _further(entry, state):
            path = f"{entry.folder}/{file.name}"
            if not tx.exists(path):
                tx.put_bytes(file.read_bytes(), path)
                new.append(path)
    return tuple(new)


def _further(entry: CatalogEntry, state: State) -> Iterator[Path]:
    """Yield the files with further signatures of just the statement that is published."""
    image = state.signed(entry.plan) / f"{entry.name}.sif"
    found = (*cosignatures.files_beside(image), *certified.files_beside(image))
    if found and _sha256_in(statement_file(image)) == entry.image.sha256:
        yield from found


def _sha256_in(statement: Path) -> str | None:
    """Return the sha256 of the file that a statement is about; None where it is none."""
    try:
        return str(json.loads(statement.read_bytes())["subject"][0]["digest"]["sha256"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
