# SPDX-License-Identifier: BSD-3-Clause
"""The sandbox that images are built in: an ordinary user's namespaces, without a network.

`builder/images/scripts/outside.sh` sets it up and `inside.sh` does the work in it. What a build reads is
staged in its scratch folder; what it leaves is a squashfs, findings and a log.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builder.images.build_user import BuildUser, mount_holder
from builder.stages import Findings
from core import process
from core.errors import CommandFailed, UserError
from core.files import write_atomic

SCRIPTS = Path(__file__).parent / "scripts"
BUILD_TIMEOUT_S = 3600.0
SCRIPT_FAILED = 64
_LOG_LINES = 25

_NO_NETWORK = re.compile(
    r"could not resolve|temporary failure (in name resolution|resolving)|network is unreachable"
    r"|no route to host|bad hostname|ENOTFOUND"
    r"|name or service not known|no address associated with hostname|unable to resolve host"
    r"|failed to establish a new connection|nodename nor servname|getaddrinfo|EAI_AGAIN",
    re.IGNORECASE,
)


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
        try:
            with _locked_folder(folder, wait=False):
                remove_tree(folder, user)
        except (BlockingIOError, FileNotFoundError):
            continue  # in use, or its owner just removed it


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
        argv = [*_namespaces(network=True), "rm", "-rf", "--", *inside]
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
    base: Path | None,
    settings: Mapping[str, str],
    failed_log: Path,
) -> Packed:
    """Run a build of a base or a package in `scratch` and return what it left there.

    Args:
        kind: `base` or `package`.
        scratch: an empty folder of the build user.
        stage: what the build finds in /run/pansoft/stage.
        user: who builds.
        inputs: the input cache.
        packages_index: the `Packages` file of the Debian packages to install.
        base: the unpacked base of a package.
        settings: EPOCH, LEVEL, MINIMAL, SUITE for `outside.sh`.
        failed_log: where the log of a failed build is kept, since the scratch folder goes.

    Raises:
        UserError: the recipe's script failed, for instance because it wanted the network.
        CommandFailed: anything else in the sandbox failed.
    """
    _write_stage(scratch, stage, user)
    (scratch / "Packages").write_text(packages_index, encoding="utf-8")
    shutil.copyfile(SCRIPTS / "whiteouts.py", scratch / "whiteouts.py")
    reach = [scratch, inputs, *([base] if base else [])]
    environment = user.environment(
        HOLD=str(mount_holder(reach)), INPUTS=str(inputs), BASE=str(base or ""), **settings
    )
    outside = (SCRIPTS / "outside.sh").read_text(encoding="utf-8")
    argv = [*_namespaces(network=False), "sh", "-c", outside, "build", kind]
    command = user.command(["env", f"--chdir={scratch}", *argv], reach=reach)
    done = process.run(
        command, reason="build", env=environment, timeout_s=BUILD_TIMEOUT_S, check=False
    )
    text = done.stdout + done.stderr
    if done.returncode != 0:
        write_atomic(failed_log, text)
        raise _explained(done, failed_log)
    failed_log.unlink(missing_ok=True)
    log = scratch / "build.log"
    write_atomic(log, text)
    return Packed(
        squashfs=scratch / "result.squashfs",
        tree=scratch / "upper",
        log=log,
        findings=Findings(
            setuid=_lines(scratch / "findings" / "setuid"),
            world_writable=_lines(scratch / "findings" / "world-writable"),
            interfaces=_lines(scratch / "findings" / "interfaces"),
        ),
    )


def _namespaces(*, network: bool) -> list[str]:
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
    shutil.copyfile(SCRIPTS / "inside.sh", folder / "inside.sh")
    for path in (folder, *folder.rglob("*")):
        user.give(path)


def _explained(done: process.Completed, whole_log: Path) -> UserError:
    """Return the error that says why a build failed."""
    log = done.stdout + done.stderr
    tail = "".join(f"\n    {line}" for line in log.strip().splitlines()[-_LOG_LINES:])
    if done.returncode == SCRIPT_FAILED:
        if _NO_NETWORK.search(log):
            return UserError(
                f"the recipe's script wants the network, and builds have none{tail}",
                hint="name what it downloads under build.sources (with its sha256), build.apt or "
                "build.pip; the lock pins it and the script finds it in $PANSOFT_SOURCES",
            )
        return UserError(
            f"the recipe's script failed{tail}",
            hint=f"the whole log is in {whole_log}",
        )
    return CommandFailed(
        f"the build failed with status {done.returncode}{tail}",
        argv=("sh", "outside.sh"),
        returncode=done.returncode,
        stderr=done.stderr,
        hint=f"the whole log is in {whole_log}; 'pansoft doctor' looks at the machine",
    )


def _lines(file: Path) -> tuple[str, ...]:
    return tuple(file.read_text(encoding="utf-8", errors="surrogateescape").splitlines())


def shell_values(values: Mapping[str, str]) -> str:
    """Return shell assignments of these values."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def names_of(packages: Sequence[tuple[str, str]]) -> str:
    """Return `name=version` lines, as apt-get takes them."""
    return "".join(f"{name}={version}\n" for name, version in packages)
