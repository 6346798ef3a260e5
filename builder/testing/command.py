# SPDX-License-Identifier: BSD-3-Clause
"""The kind `command`: a shell script that has to end well and print what is expected of it."""

from __future__ import annotations

from collections.abc import Mapping

from builder.recipes.recipe import Test
from builder.testing.trial import HARNESS, Ended, Trial

TIMEOUT_S = 600.0


def trial(test: Test) -> Trial:
    """Return what runs the test's script."""
    return Trial(
        argv=("sh", "-eu", f"{HARNESS}/test.sh"),
        files={"test.sh": test.run},
        timeout_s=TIMEOUT_S,
    )


def fault(test: Test, ended: Ended) -> str | None:
    """Return why the test failed, or None."""
    if ended.status != 0:
        return f"ended with status {ended.status}"
    return not_printed(test, ended)


def not_printed(test: Test, ended: Ended) -> str | None:
    """Return what was expected and not printed, or None."""
    if test.expect is not None and test.expect not in ended.output:
        return f"did not print {test.expect!r}"
    return None


def evidence(ended: Ended) -> Mapping[str, bytes]:  # noqa: ARG001
    """Return what is kept of a run beside its output: nothing."""
    return {}
