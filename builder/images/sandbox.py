# SPDX-License-Identifier: BSD-3-Clause
"""The sandbox that images are built in: an ordinary user's namespaces, without a network.

`builder/images/scripts/outside.sh` sets it up and `inside.sh` does the work in it. What a build reads is
staged in its scratch folder; what it leaves is a squashfs, findings and a log.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builder.images.build_user import BuildUser, mount_holder
from builder.images.failure import PROCESSES, Subject, explain
from builder.inputs.lock import PythonArtefact
from builder.recipes.recipe import DEFAULT_LIMITS, Limits
from builder.stages import Findings
from core import process
from core.console import Console
from core.errors import UserError
from core.files import copy_atomic

SCRIPTS = Path(__file__).parent / "scripts"
_MINUTE_S = 60.0
_GRACE_S = 60.0  # after its time a build is stopped from inside; should that fail, from outside
_MIB = 1 << 20
_LAST_OF_LOG = 1 << 20  # bytes that are looked at for a reason


@dataclass(frozen=True, slots=True)
class Stage:
    """What a build finds in /run/pansoft/stage: text files by name, and links to inputs."""

    texts: Mapping[str, str]
    files: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Packed:
    """The outcome of a build in its scratch folder, to be taken before the folder goes."""

    squashfs: Path
    tree: Path
    log: Path
    findings: Findings


@contextlib.contextmanager
def scratch_folder(parent: Path, user: BuildUser) -> Iterator[Path]:
    """Give an empty folder that the build user owns; it is removed at the end, whoever wrote in it.

    It is locked for as long, so that what a killed run left can be told from what is in use, and
    is removed.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        with _locked_folder(parent):
            _remove_abandoned(parent, user)
            folder = Path(tempfile.mkdtemp(prefix="build-", dir=parent))
            held.enter_context(_locked_folder(folder))
        folder.chmod(0o755)
        user.own(folder)
        try:
            yield folder
        finally:
            remove_tree(folder, user)


def _remove_abandoned(parent: Path, user: BuildUser) -> None:
    """Remove the scratch folders that no living process holds."""
    for folder in sorted(parent.glob("build-*")):
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            remove_abandoned(folder, user)  # else in use, or its owner just removed it


def remove_abandoned(folder: Path, user: BuildUser) -> None:
    """Remove a scratch folder that no living process holds.

    Raises:
        BlockingIOError: one does.
    """
    with _locked_folder(folder, wait=False):
        remove_tree(folder, user)


def is_in_use(folder: Path) -> bool:
    """Return whether a living process holds a scratch folder."""
    try:
        with _locked_folder(folder, wait=False):
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False


def disk_use(folders: Sequence[Path], user: BuildUser) -> dict[Path, int]:
    """Return the bytes of disk of each folder, also where files belong to subordinate users."""
    argv = [*namespaces(network=True), "du", "--summarize", "--block-size=1", "--null", "--"]
    done = process.run(
        user.command([*argv, *folders], reach=folders),
        reason="measure the state",
        env=user.environment(),
        cwd=Path("/"),
        check=False,  # what vanishes meanwhile is no error
    )
    lines = [line.partition("\t") for line in done.stdout.split("\0") if line]
    return {Path(path): int(size) for size, _, path in lines}


@contextlib.contextmanager
def _locked_folder(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a folder itself; the kernel frees it when the process dies.

    Raises:
        BlockingIOError: another holds it, and `wait` is off.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def remove_tree(folder: Path, user: BuildUser) -> None:
    """Remove a folder in which files belong to the caller and to the build user's subordinate ids."""
    if not folder.exists():
        return
    inside = [str(item) for item in folder.iterdir()]
    if inside:
        argv = [*namespaces(network=True), "rm", "-rf", "--", *inside]
        process.run(
            user.command(argv, reach=[folder]),
            reason="remove a scratch folder",
            env=user.environment(),
            cwd=Path("/"),
            check=False,  # what is the caller's own, the caller removes
        )
    shutil.rmtree(folder)


def remove_leftovers(folder: Path, user: BuildUser) -> None:
    """Remove what a run left that was killed while `folder` took its name; the caller holds its lock."""
    for leftover in folder.parent.glob(f".{folder.name}.*"):
        remove_tree(leftover, user)


def build_in_sandbox(
    kind: str,
    scratch: Path,
    stage: Stage,
    *,
    user: BuildUser,
    inputs: Path,
    packages_index: str,
    layers: Sequence[Path],
    settings: Mapping[str, str],
    subject: Subject,
    failed_log: Path,
    console: Console,
    keep: bool = False,
) -> Packed:
    """Run a build of a base or a package in `scratch` and return what it left there.

    Args:
        kind: `base`, `image` for a base of the tars in `image-layers/`, or `layer` for what lies on
            a base: another base, a package.
        scratch: an empty folder of the build user.
        stage: what the build finds in /run/pansoft/stage.
        user: who builds.
        inputs: the input cache.
        packages_index: the `Packages` file of the Debian packages to install.
        layers: the unpacked bases that a layer lies on, the highest first.
        settings: EPOCH, LEVEL, MINIMAL, SUITE for `outside.sh`.
        subject: what is built, and what that may take.
        failed_log: where the log of a failed build is kept, since the scratch folder goes.
        console: where it says which step it is at.
        keep: whether the build's /tmp is left in the scratch folder, as `tmp`.

    Raises:
        BuildFailed: the recipe's script or anything else in the sandbox failed, or took too much.
        DiskFull: there was no room for it.
    """
    _write_stage(scratch, stage, user)
    (scratch / "Packages").write_text(packages_index, encoding="utf-8")
    for program in ("whiteouts.py", "watch.py", "enter.py", "tidy.py", "unpack_layers.py"):
        shutil.copyfile(SCRIPTS / program, scratch / program)
    reach = [scratch, inputs, *layers]
    environment = user.environment(
        HOLD=str(mount_holder(reach)),
        INPUTS=str(inputs),
        LAYERS="\n".join(map(str, layers)),
        KEEP="yes" if keep else "",
        **_allowed(subject.limits),
        **settings,
    )
    outside = (SCRIPTS / "outside.sh").read_text(encoding="utf-8")
    argv = [*namespaces(network=False), "sh", "-c", outside, "build", kind]
    command = user.command(["env", f"--chdir={scratch}", *argv], reach=reach)
    log = scratch / "build.log"
    with log.open("wb") as output:
        status = process.run_logged(
            command,
            reason="build",
            output=output,
            env=environment,
            timeout_s=subject.limits.time * _MINUTE_S + _GRACE_S,
            meanwhile=_Follower(log, subject.name, console).look,
        )
    if status != 0:
        raise _explained(status, log, subject, failed_log)
    failed_log.unlink(missing_ok=True)
    return Packed(
        squashfs=scratch / "result.squashfs",
        tree=scratch / "upper",
        log=log,
        findings=Findings(
            setuid=_lines(scratch / "findings" / "setuid"),
            world_writable=_lines(scratch / "findings" / "world-writable"),
            interfaces=_lines(scratch / "findings" / "interfaces"),
            cleared=_lines(scratch / "findings" / "cleared"),
        ),
    )


def shell_in_sandbox(
    scratch: Path, *, user: BuildUser, inputs: Path, layers: Sequence[Path], term: str
) -> int:
    """Open a shell in what a build left in `scratch`, on the caller's terminal; return its status."""
    shutil.copyfile(SCRIPTS / "shell.sh", scratch / "stage" / "shell.sh")
    reach = [scratch, inputs, *layers]
    environment = user.environment(
        HOLD=str(mount_holder(reach)),
        INPUTS=str(inputs),
        LAYERS="\n".join(map(str, layers)),
        KEEP="",
        TERM=term,
        EPOCH="0",
        **_allowed(DEFAULT_LIMITS),
    )
    outside = (SCRIPTS / "outside.sh").read_text(encoding="utf-8")
    argv = [*namespaces(network=False), "sh", "-c", outside, "build", "shell"]
    command = user.command(["env", f"--chdir={scratch}", *argv], reach=reach)
    return process.attached(command, reason="open a shell in a build", env=environment)


def namespaces(*, network: bool) -> list[str]:
    """Return the command that enters fresh namespaces as their root; without `network`, offline."""
    argv = [
        "unshare", "--user", "--map-root-user", "--map-auto", "--mount", "--pid", "--fork",
        "--ipc", "--uts", "--kill-child",
    ]  # fmt: skip
    return argv if network else [*argv, "--net"]


def _write_stage(scratch: Path, stage: Stage, user: BuildUser) -> None:
    """Write what the build reads; links into the input cache go through its mount in the sandbox.

    It belongs to the build user, who could not read a file of mode 600 otherwise.
    """
    folder = scratch / "stage"
    folder.mkdir()
    for name, text in stage.texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    for target, (content, mode) in stage.files.items():
        file = folder / target
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(mode)
    for name, sha256 in stage.links.items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"/run/pansoft/archive/pool/{sha256[:2]}/{sha256}")
    for script in ("inside.sh", "compiled.py"):
        shutil.copyfile(SCRIPTS / script, folder / script)
    for path in (folder, *folder.rglob("*")):
        user.give(path)


def _allowed(limits: Limits) -> dict[str, str]:
    """Return what `outside.sh` and `watch.py` allow a build, sizes in bytes."""
    return {
        "SECONDS": str(limits.time * _MINUTE_S),
        "MEMORY": str(limits.memory * _MIB),
        "DISK": str(limits.disk * _MIB),
        "PROCESSES": str(PROCESSES),
    }


@dataclass(slots=True)
class _Follower:
    """Shows the step that a running build is at, as its log tells."""

    log: Path
    name: str
    console: Console
    read: int = 0
    step: str = ""

    def look(self) -> None:
        """Show the last step that is in the log since the last look."""
        with self.log.open("rb") as stream:
            stream.seek(self.read)
            new = stream.read(_LAST_OF_LOG)
        whole = new.rfind(b"\n") + 1
        self.read += whole
        steps = [line for line in new[:whole].splitlines() if line.startswith(b"==> ")]
        if steps:
            self.step = steps[-1].decode("utf-8", "replace").removeprefix("==> ")
        if self.step:
            self.console.status(f"{self.name}: {self.step}")


def _explained(status: int, log: Path, subject: Subject, failed_log: Path) -> UserError:
    """Return the error that says why a build failed; its log is kept."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _LAST_OF_LOG))
        text = stream.read().decode("utf-8", "replace")
    error = explain(status, text, subject, scratch=log.parent)
    with contextlib.suppress(OSError):  # on a full disk the reason is more than the log
        copy_atomic(log, failed_log)
    return error


def _lines(file: Path) -> tuple[str, ...]:
    return tuple(file.read_text(encoding="utf-8", errors="surrogateescape").splitlines())


def shell_values(values: Mapping[str, str]) -> str:
    """Return shell assignments of these values."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def names_of(packages: Sequence[tuple[str, str]]) -> str:
    """Return `name=version` lines, as apt-get takes them."""
    return "".join(f"{name}={version}\n" for name, version in packages)


def requirements_of(wheels: Sequence[PythonArtefact]) -> str:
    """Return the requirements file that has pip install exactly these wheels."""
    return "".join(f"{item.name}=={item.version} --hash=sha256:{item.sha256}\n" for item in wheels)


def wheel_links(wheels: Sequence[PythonArtefact]) -> Mapping[str, str]:
    """Return the links of a stage to these wheels, as `Stage` takes them."""
    return {f"wheels/{item.filename}": item.sha256 for item in wheels}
