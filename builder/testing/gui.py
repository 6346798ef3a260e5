# SPDX-License-Identifier: BSD-3-Clause
"""The kind `gui`: a program that has to show a window of a given title on a virtual screen.

The display is the image's own Xvfb, in the network namespace and the /tmp of the test, where nobody
else is: it needs no cookie. `scripts/gui.sh` starts it, waits for the window and ends the program.
"""

from __future__ import annotations

from collections.abc import Mapping

from builder.recipes.recipe import Recipe, Test
from builder.testing import expected, screen
from builder.testing.trial import HARNESS, Ended, Trial, around, left

PATIENCE_S = 120
"""How long the window is waited for, where the test does not say."""

_AROUND_S = (
    120.0  # starting the display, looking whether the picture is finished, ending the program
)


def trial(test: Test, recipe: Recipe) -> Trial:  # noqa: ARG001
    """Return what runs the program under the virtual screen."""
    patience_s = test.timeout_s or PATIENCE_S
    return around(
        test,
        ("sh", f"{HARNESS}/gui.sh", test.window or "", str(patience_s)),
        scripts=("gui.sh", "display.sh"),
        timeout_s=patience_s + _AROUND_S,
    )


def fault(test: Test, ended: Ended) -> str | None:
    """Return why the test failed, or None; the harness wrote it down."""
    if ended.reason is not None:
        return ended.reason
    if ended.status != 0:
        return f"the harness ended with status {ended.status}"
    return expected.printed(test, ended)


def evidence(ended: Ended) -> Mapping[str, bytes]:
    """Return the picture of the screen, if there is one."""
    dump = left(ended.harness, "screen.xwd")
    picture = None if dump is None else screen.as_png(dump)
    return {} if picture is None else {"screen.png": picture}
