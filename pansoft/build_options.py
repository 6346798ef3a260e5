# SPDX-License-Identifier: BSD-3-Clause
"""The options of the command line that say what a build may take at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from builder.recipes.recipe import NO_LIMIT, Limits

F = TypeVar("F", bound=Callable[..., Any])


def ceiling_options(function: F) -> F:
    """Add --max-time, --max-memory and --max-disk to a command."""
    for field, unit in (("disk", "MiB written"), ("memory", "MiB of memory"), ("time", "minutes")):
        function = click.option(
            f"--max-{field}",
            type=click.IntRange(1, NO_LIMIT),
            default=NO_LIMIT,
            show_default=False,
            help=f"No build gets more {unit}, whatever its recipe asks for.",
        )(function)
    return function


def ceiling(max_time: int, max_memory: int, max_disk: int) -> Limits:
    """Return what the options allow."""
    return Limits(time=max_time, memory=max_memory, disk=max_disk)
