# SPDX-License-Identifier: BSD-3-Clause
"""Sizes as people write them: `500M`, `20GB`, in powers of ten."""

from __future__ import annotations

import re

from core.errors import UserError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)B?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return how many bytes a text means.

    Raises:
        UserError: it is not a size.
    """
    if match := _SIZE.fullmatch(text.strip()):
        return int(float(match[1]) * _UNITS[match[2].upper()])
    raise UserError(f"'{text}' is not a size", hint="write it like 500M or 20G")
