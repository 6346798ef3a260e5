# SPDX-License-Identifier: BSD-3-Clause
"""Whose turn it is: one run at a time makes the repository equal to git, and the next one waits.

The kernel frees the lock of a process that died, so a run that was killed holds nobody up. The repository has
a lease of its own besides, for machines that share it and not the state.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable, Iterator
from datetime import datetime

from builder.state import State
from catalog.spelling import time_text
from core.console import Console
from core.errors import Busy
from core.files import exclusive_lock, is_locked


@contextlib.contextmanager
def turn(
    state: State, console: Console, *, now: Callable[[], datetime], wait: bool = True
) -> Iterator[None]:
    """Hold the turn for the time of the block.

    Args:
        state: whose repository is changed.
        console: is told who has the turn, where somebody has.
        now: the clock; others are told since when the turn is held.
        wait: whether to wait for it, in place of giving up.

    Raises:
        Busy: another process has it, and `wait` is not set; the message says which and since when.
    """

    def said() -> str:
        return f"on {platform.node()} since {time_text(now())}"

    with contextlib.ExitStack() as held:
        lock = exclusive_lock(state.applying, purpose="apply", said=said)
        try:
            held.enter_context(lock)
        except Busy as busy:
            if not wait:
                raise
            console.say(f"{busy.message}: waiting for it to end")
            held.enter_context(
                exclusive_lock(state.applying, purpose="apply", wait=True, said=said)
            )
        yield


def is_taken(state: State) -> bool:
    """Return whether somebody has the turn."""
    return is_locked(state.applying)
