# SPDX-License-Identifier: BSD-3-Clause
"""The layers of the image of jobs: a root file system made offline and without root, as two tars."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import parse_wheel_filename

from builder.images import sandbox
from builder.images.build_user import BuildUser, mount_holder
from core import process
from core.console import Console
from core.errors import UserError
from pansoft.ci.image.ingredients import SUITE, Ingredients

_SCRIPTS = Path(__file__).parent / "scripts"
_TIMEOUT_S = 1800.0
_LAST_LINES = 20


@dataclass(frozen=True, slots=True)
class Layer:
    """A tar of a file system, and what made it, in a sentence."""

    tar: Path
    made_by: str


def make_layers(
    ingredients: Ingredients,
    scratch: Path,
    inputs: Path,
    *,
    epoch: int,
    user: BuildUser,
    console: Console,
) -> tuple[Layer, ...]:
    """Return the layers, lowest first, made in `scratch`: the same ingredients give the same bytes.

    Args:
        ingredients: what they are made of.
        scratch: a folder of the build user.
        inputs: the input cache.
        epoch: no file is younger than this, in seconds since 1970.
        user: who makes them.
        console: whom to tell.

    Raises:
        UserError: a package could not be installed; the message has the end of what was said.
    """
    _write_stage(ingredients, scratch, user)
    reach = [scratch, inputs]
    environment = user.environment(
        HOLD=str(mount_holder(reach)),
        INPUTS=str(inputs),
        WHEELS=str(ingredients.wheels),
        PACKAGES=",".join(package.name for package in ingredients.packages),
        SUITE=SUITE,
        EPOCH=str(epoch),
    )
    outside = (_SCRIPTS / "outside.sh").read_text(encoding="utf-8")
    argv = [*sandbox.namespaces(network=False), "sh", "-c", outside, "ci-image"]
    log = scratch / "image.log"
    with log.open("wb") as output:
        status = process.run_logged(
            user.command(["env", f"--chdir={scratch}", *argv], reach=reach),
            reason="make the image of jobs",
            output=output,
            env=environment,
            timeout_s=_TIMEOUT_S,
            meanwhile=lambda: console.status(
                f"ci image: installing {len(ingredients.packages)} packages"
            ),
        )
    if status != 0:
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        raise UserError(
            "the image of jobs could not be made" + "".join(f"\n    {line}" for line in said),
            hint="run 'pansoft doctor' to see whether this machine can build",
        )
    return (
        Layer(scratch / "system.tar", "the Debian packages of setup/setup.sh, and Apptainer"),
        Layer(scratch / "python.tar", "the Python packages of requirements.lock"),
    )


def _write_stage(ingredients: Ingredients, scratch: Path, user: BuildUser) -> None:
    """Write what the scripts read, as the build user's own."""
    (scratch / "Packages").write_text(ingredients.index, encoding="utf-8")
    stage = scratch / "stage"
    stage.mkdir()
    shutil.copyfile(_SCRIPTS / "inside.sh", stage / "inside.sh")
    for script in ("compiled.py", "tidy.py"):
        shutil.copyfile(sandbox.SCRIPTS / script, stage / script)
    (stage / "requirements.lock").write_bytes(ingredients.lock)
    # by name and version: of a file's path pip would write down where it was
    wheels = sorted(parse_wheel_filename(wheel.name)[:2] for wheel in ingredients.wheels.iterdir())
    names = "".join(f"{name}=={version}\n" for name, version in wheels)
    (stage / "names.txt").write_text(names, encoding="utf-8")
    for path in (scratch / "Packages", stage, *stage.iterdir()):
        user.give(path)
