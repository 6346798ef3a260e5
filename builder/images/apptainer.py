# SPDX-License-Identifier: BSD-3-Clause
"""The adapter of Apptainer: run a command in an image, confined.

spython is not used: its client calls a program named `singularity`, takes a stale file for a fresh
build and merges the outputs (docs/decisions/0003-apptainer-adapter.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from builder.images.build_user import BuildUser
from builder.images.failure import PROCESSES
from builder.images.scripts.watch import used_disk
from builder.recipes.recipe import DEFAULT_LIMITS
from core import process
from core.process import Completed

WORK = "/work"
MOST_PRINTED = 64_000_000
"""Bytes that a command may print: who runs it keeps them in memory."""
MOST_WRITTEN = DEFAULT_LIMITS.disk << 20
"""Bytes that it may write into folders of the host, unless it is said otherwise."""

# Where memory runs out, the kernel ends this and nothing else.
_FIRST_TO_GO = 'echo 1000 2>/dev/null > /proc/self/oom_score_adj; exec "$@"'


def run_confined(
    image: Path,
    argv: Sequence[str],
    *,
    work: Path,
    user: BuildUser,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    binds: Mapping[Path, str] | None = None,
    gpu: str | None = None,
    overlays: Sequence[Path] = (),
    most_written: int = MOST_WRITTEN,
) -> Completed:
    """Run a command in an image without network or host folders, and return how it ended.

    It is a stranger's: with more processes, output or files than a command needs it is stopped.

    Args:
        image: the SIF file, or a packed file system.
        argv: the command inside the image.
        work: a folder of the build user: home and working directory of the command, as /work.
        user: who runs it: an ordinary user, also when the caller is root.
        timeout_s: after this many seconds it is killed.
        environment: more variables inside the image.
        binds: more folders of the build user, each with its place in the image.
        gpu: the option that gives the image the machine's GPU: `--nv` or `--rocm`.
        overlays: packed file systems that lie over the image, the last one on top.
        most_written: bytes that it may write into `work` and `binds`.

    Raises:
        CommandFailed: out of time, stopped, or Apptainer is missing. Another status is no error here.
    """
    command = _command(
        image, argv, work=work, user=user, environment=environment or {}, binds=binds or {}, gpu=gpu,
        overlays=overlays, most_written=most_written,
    )  # fmt: skip

    def too_much() -> str | None:
        if sum(map(used_disk, (work, *(binds or {})))) > most_written:
            return f"it wrote more than {most_written >> 20} MiB"
        return None

    return process.run_watched(
        command,
        reason=f"run a command in {image.name}",
        env=_environment(user),
        timeout_s=timeout_s,
        cwd=Path("/"),
        most_output=MOST_PRINTED,
        too_much=too_much,
    )


def interactive(image: Path, argv: Sequence[str], *, work: Path, user: BuildUser, term: str) -> int:
    """Run a command in an image on the caller's terminal, confined as above; return its status."""
    command = _command(image, argv, work=work, user=user, environment={"TERM": term}, binds={})
    return process.attached(command, reason=f"open a shell in {image.name}", env=_environment(user))


def _command(
    image: Path,
    argv: Sequence[str],
    *,
    work: Path,
    user: BuildUser,
    environment: Mapping[str, str],
    binds: Mapping[Path, str],
    gpu: str | None = None,
    overlays: Sequence[Path] = (),
    most_written: int | None = None,
) -> list[str]:
    options = [
        "exec", "--containall", "--no-eval", "--net", "--network", "none",
        # not --no-home: HOME would be the name of a folder that is not there, and --env HOME is ignored
        "--writable-tmpfs", "--home", f"{work}:{WORK}", "--pwd", WORK,
    ]  # fmt: skip
    for name, value in sorted(environment.items()):
        options += ["--env", f"{name}={value}"]
    options += [gpu] if gpu else []
    for folder, place in binds.items():
        options += ["--bind", f"{folder}:{place}"]
    for overlay in overlays:
        options += ["--overlay", f"{overlay}:ro"]
    reach = [image.parent, work, *binds, *(overlay.parent for overlay in overlays)]
    limits: list[str] = []
    if most_written is not None:
        # All processes of this user count, those of builds beside it as well, so it is twice what one
        # of those may have.
        rlimits = (f"--nproc={2 * PROCESSES}", f"--fsize={most_written}", "--core=0")
        limits = ["prlimit", *rlimits, "sh", "-c", _FIRST_TO_GO, "first-to-go"]
    return user.contained([*limits, "apptainer", "--silent", *options, image, *argv], reach=reach)


def _environment(user: BuildUser) -> Mapping[str, str]:
    """Return Apptainer's own environment; its INFO lines would mix with a program's output."""
    return user.environment(APPTAINER_MESSAGELEVEL="-1")
