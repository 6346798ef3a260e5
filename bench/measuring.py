# SPDX-License-Identifier: BSD-3-Clause
"""What every benchmark needs: the cost of a block, and the line of JSON that ends its output."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass
class Cost:
    """Seconds by the clock and of the processor, and the bytes that are new."""

    wall: float = 0.0
    cpu: float = 0.0
    bytes: int = 0


@contextlib.contextmanager
def measured() -> Iterator[Cost]:
    """Give a cost whose seconds are filled in at the end of the block; children count too."""
    cost, wall, cpu = Cost(), time.perf_counter(), _cpu()
    yield cost
    cost.wall, cost.cpu = time.perf_counter() - wall, _cpu() - cpu


def answer(
    bench: str, *, figures: Mapping[str, object], ratios: Mapping[str, float], **machine: object
) -> str:
    """Return the last line of a benchmark: ratios are ours divided by the other's."""
    return json.dumps(
        {
            "bench": bench,
            "figures": figures,
            "ratios": ratios,
            "machine": {
                "cpus": os.cpu_count(),
                "system": platform.platform(),
                "load": round(os.getloadavg()[0], 2),
                **machine,
            },
        }
    )


def _cpu() -> float:
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)
