# SPDX-License-Identifier: BSD-3-Clause
"""What merge requests showed of images: what is published is held against it.

Whoever reviewed a merge request saw the digest of each image. The publisher builds again, from the same
plan and on its own machine, because what a job of an unmerged request has made is nobody's word; the bytes
have to be the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builder.images.plan import BuildPlan
from builder.stages import Image, PlanId
from core.errors import UserError
from pansoft.ci import kept
from pansoft.ci.note import PackageNote

_NAMED = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown: the sha256 of the images of each plan, and the plans of each package by its key.

    Of a plan there should be one image; of a package there are several where several requests changed it.
    """

    images: Mapping[PlanId, frozenset[str]] = field(default_factory=dict)
    plans: Mapping[str, frozenset[PlanId]] = field(default_factory=dict)

    def doubt(self, plan: BuildPlan) -> str | None:
        """Return why nobody has seen the image of this plan, although the package was shown; else None."""
        seen = self.plans.get(plan.key, frozenset())
        if not seen or plan.id in seen:
            return None
        return (
            f"{plan.key}: the merge request showed plan {_short(seen)}, this is {plan.id[:12]}: what it is "
            "made of was changed by something else as well, so its bytes are others than those shown"
        )


def unseen(plans: Iterable[BuildPlan], shown: Shown) -> str | None:
    """Return which packages no merge request showed, in one line; None where each was shown."""
    names = [
        f"{plan.name} {plan.version}"
        for plan in plans
        if plan.key not in shown.plans and plan.id not in shown.images
    ]
    if not names:
        return None
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    them = "it is" if len(names) == 1 else "they are"
    said = f"no merge request showed {', '.join(names[:_NAMED])}{more}"
    return f"{said}: {them} built, tested and judged here alone"


def read(folder: Path) -> Shown:
    """Return what the reports below a folder show.

    Raises:
        UserError: there is no such folder, or a file in it is not of a report.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder} is not there, so what the merge request showed is not known",
            hint="pansoft ci shown --output DIR fetches it, or give the folder of a pansoft ci report",
        )
    return shown_by(kept.read(folder))


def shown_by(packages: Iterable[PackageNote]) -> Shown:
    """Return what packages of reports show; one that was not built shows nothing."""
    images: dict[PlanId, frozenset[str]] = {}
    plans: dict[str, frozenset[PlanId]] = {}
    for package in packages:
        if package.plan is not None and package.sha256 is not None:
            plan = PlanId(package.plan)
            images[plan] = images.get(plan, frozenset()) | {package.sha256}
            plans[package.key] = plans.get(package.key, frozenset()) | {plan}
    return Shown(images, plans)


def check_shown(image: Image, shown: Shown) -> None:
    """Refuse an image that is another one than its merge request showed; of other plans nothing is known.

    Raises:
        UserError: it is another one; says which were shown.
    """
    others = shown.images.get(image.plan, frozenset()) - {image.sha256}
    if others:
        raise UserError(
            f"the merge request showed another image of this plan: {', '.join(sorted(others))}; "
            f"built here: {image.sha256}",
            hint="the build is not the same everywhere, or the merge request's runner is not to be "
            f"trusted: pansoft verify --rebuild {image.name} on both says which",
        )


def _short(plans: Iterable[PlanId]) -> str:
    return ", ".join(sorted(plan[:12] for plan in plans))
