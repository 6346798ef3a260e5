# SPDX-License-Identifier: BSD-3-Clause
"""The files that make a root file system a container of Apptainer's: its /.singularity.d folder.

Programs' environment comes from /.singularity.d/env/*.sh, which Apptainer sources in order;
`apptainer run` executes the runscript; `apptainer inspect` reads labels.json.
"""

from __future__ import annotations

from collections.abc import Mapping

from builder.images.plan import BasePlan, BuildPlan, environment_script, export_script
from core.canonical import readable_json

_STAGED = "singularity.d/.singularity.d"
_RUNSCRIPT = """#!/bin/sh
# made by pansoft: `apptainer run IMAGE PROGRAM ...`
if [ "$#" = 0 ]; then exec /bin/sh; fi
exec "$@"
"""
# Sourced last, as in images that Apptainer builds itself: it puts the libraries that --nv binds
# where programs find them, and without a file of this name Apptainer ignores --env.
_LAST_ENVIRONMENT = """# made by pansoft
export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/.singularity.d/libs"
"""


def base_container_files(plan: BasePlan) -> Mapping[str, tuple[bytes, int]]:
    """Return the staged files of a base, each with its mode: a layer's lie over those below it."""
    environment = export_script(plan.environment)
    own = {
        f"{_STAGED}/env/10-base.sh": (environment.encode(), 0o755),
        f"{_STAGED}/labels.json": (readable_json({"pansoft.base": plan.name}).encode(), 0o644),
    }
    if plan.below is not None:
        return own
    return own | {
        f"{_STAGED}/env/99-base.sh": (_LAST_ENVIRONMENT.encode(), 0o755),
        f"{_STAGED}/runscript": (_RUNSCRIPT.encode(), 0o755),
    }


def package_container_files(plan: BuildPlan) -> Mapping[str, tuple[bytes, int]]:
    """Return the staged files of a package, each with its mode."""
    labels = {
        "org.opencontainers.image.title": plan.name,
        "org.opencontainers.image.version": plan.version,
        "org.opencontainers.image.licenses": plan.license,
        "pansoft.base": plan.base.name,
        "pansoft.plan": plan.id,
    }
    return {
        f"{_STAGED}/env/90-environment.sh": (environment_script(plan).encode(), 0o755),
        f"{_STAGED}/labels.json": (readable_json(labels).encode(), 0o644),
    }
