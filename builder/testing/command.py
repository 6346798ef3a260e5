# SPDX-License-Identifier: BSD-3-Clause
"""The kind `command`: a shell script, and nothing around it."""

from __future__ import annotations

from collections.abc import Mapping

from builder.testing.expected import fault
from builder.testing.trial import Ended
from builder.testing.trial import scripted as trial

__all__ = ["evidence", "fault", "trial"]


def evidence(ended: Ended) -> Mapping[str, bytes]:  # noqa: ARG001
    """Return what is kept of a run beside its output: nothing."""
    return {}
