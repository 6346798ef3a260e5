# SPDX-License-Identifier: BSD-3-Clause
"""The kind `gui`: a program that has to show a window of a given title on a virtual screen.

The display is the image's own Xvfb, in the network namespace and the /tmp of the test, where nobody
else is: it needs no cookie. `scripts/gui.sh` starts it, waits for the window and ends the program.
"""

from __future__ import annotations

from collections.abc import Mapping

from builder.recipes.recipe import Test
from builder.testing import command, screen
from builder.testing.trial import HARNESS, Ended, Trial, script

PATIENCE_S = 120
"""How long the window is waited for."""

_AROUND_S = (
    120.0  # starting the display, looking whether the picture is finished, ending the program
)


def trial(test: Test) -> Trial:
    """Return what runs the program under the virtual screen."""
    return Trial(
        argv=("sh", f"{HARNESS}/gui.sh", test.window or "", str(PATIENCE_S)),
        files={"test.sh": test.run, "gui.sh": script("gui.sh")},
        timeout_s=PATIENCE_S + _AROUND_S,
    )


def fault(test: Test, ended: Ended) -> str | None:
    """Return why the test failed, or None; the harness wrote it down."""
    file = ended.harness / "reason"
    if file.is_file():
        return file.read_text("utf-8", "replace").strip()
    if ended.status != 0:
        return f"the harness ended with status {ended.status}"
    return command.not_printed(test, ended)


def evidence(ended: Ended) -> Mapping[str, bytes]:
    """Return the picture of the screen, if there is one."""
    picture = screen.as_png(ended.harness / "screen.xwd")
    return {} if picture is None else {"screen.png": picture}
