# SPDX-License-Identifier: BSD-3-Clause
"""Which images are built: read from what the build wrote beside each, under its plan's id."""

from __future__ import annotations

import json
from dataclasses import dataclass

from builder.images.plan import BuildPlan
from builder.stages import Findings, Image, PlanId
from builder.state import State
from trust.codec import from_json

SCHEMA = 3  # of image.json


@dataclass(frozen=True, slots=True)
class Built:
    """An image and what its build saw; `fresh` is whether it was built just now.

    `seconds` is how long the build took, its inputs being there; None where that was not noted.
    """

    image: Image
    findings: Findings
    fresh: bool
    seconds: float | None = None


def built(plan: BuildPlan, state: State) -> Built | None:
    """Return the image of a plan if it is built already."""
    return read_built(plan.id, state)


def read_built(plan: PlanId, state: State) -> Built | None:
    """Return the image with this plan id if it is built, from what the build wrote beside it."""
    folder = state.image(plan)
    try:
        facts = json.loads((folder / "image.json").read_bytes())
    except FileNotFoundError:
        return None
    if facts.get("schema") != SCHEMA:
        return None  # written by another version of this program: build it again
    image = Image(
        plan=plan,
        name=facts["name"],
        version=facts["version"],
        base=facts["base"],
        path=folder / f"{facts['name']}.sif",
        sha256=facts["sha256"],
        size=facts["size"],
        delta_size=facts["delta_size"],
    )
    findings = from_json(Findings, facts["findings"])
    return Built(image, findings, fresh=False, seconds=facts.get("seconds"))
