# SPDX-License-Identifier: BSD-3-Clause
"""Public keys of the federation, and whose they are.

A key stands in the metadata as The Update Framework has it, with one field more, `x-pansoft-facility`: the
facility that holds it. Thresholds count keys; that they count facilities is held by `rules`.
"""

from __future__ import annotations

from typing import Final

from securesystemslib.signer import Key

FACILITY: Final = "x-pansoft-facility"
ONLINE: Final = "online"
"""In place of a facility: the key of the pipeline that signs timestamp and snapshot."""


def facility_of(key: Key) -> str:
    """Return the facility that holds a key; of metadata that others made, the key's id."""
    name = key.unrecognized_fields.get(FACILITY)
    return name if isinstance(name, str) else f"key {key.keyid[:8]}"
