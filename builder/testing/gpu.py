# SPDX-License-Identifier: BSD-3-Clause
"""The kind `gpu`: a shell script that runs where there is a GPU, and is not run where there is none.

The kernel's device files tell: Apptainer hands the devices and the driver's libraries in with
`--nv` (NVIDIA) and `--rocm` (AMD).
"""

from __future__ import annotations

from pathlib import Path

from builder.testing.command import evidence, fault, trial

__all__ = ["DEVICES", "NO_GPU", "evidence", "fault", "option", "trial"]

DEVICES = {Path("/dev/nvidiactl"): "--nv", Path("/dev/kfd"): "--rocm"}
"""What is there where there is a GPU, and what Apptainer is told then."""

NO_GPU = "this machine has no GPU"


def option() -> str | None:
    """Return the option that gives an image this machine's GPU; None if there is none."""
    return next((option for device, option in DEVICES.items() if device.exists()), None)
