# SPDX-License-Identifier: BSD-3-Clause
"""The same work on many things, on all processors."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MANY = 50
"""Below this, other processes cost more than they save."""


def spread(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return what `function` makes of each item, in their order.

    Many items are shared out to processes of their own, one for each processor that may be used:
    `function` and items are names and data that can be sent there, and it changes nothing here.

    Raises:
        Exception: what `function` raises for an item, of several the first.
    """
    workers = min(len(os.sched_getaffinity(0)), 8)
    if len(items) < MANY or workers < 2:
        return [function(item) for item in items]
    # forked, so that nothing is imported again; the caller has no threads
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return list(pool.map(function, items, chunksize=max(1, len(items) // (4 * workers))))
