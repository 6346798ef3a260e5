# SPDX-License-Identifier: BSD-3-Clause
"""Which packages have their turn today: a few each day, all of them in the end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date


def of_day(keys: Iterable[str], day: date, *, most: int) -> tuple[str, ...]:
    """Return the packages whose turn it is on a day.

    They go round in an order that has nothing to do with their names, so that a day has small and large ones.
    With N packages each has its turn within N / most days, rounded up, as long as the list stays the same.
    """
    ring = sorted(keys, key=lambda key: hashlib.sha256(key.encode()).digest())
    first = day.toordinal() * most
    count = min(most, len(ring))
    return tuple(ring[(first + number) % len(ring)] for number in range(count))
