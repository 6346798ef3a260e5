# SPDX-License-Identifier: BSD-3-Clause
"""What this machine can do: each check says what is there, what is not, and the command that mends it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from builder.images.build_user import BUILD_USER, build_user
from builder.inputs.site import BackendKind
from builder.state import State
from core import process
from core.console import readable_size
from core.errors import CommandFailed, InvalidInput, UserError
from pansoft import clock, target

MIN_APPTAINER = (1, 2)
MIN_DISK = 10_000_000_000  # bytes: the demo's inputs, bases, images and repository
_FUSE = Path("/dev/fuse")
_MTAB = Path("/etc/mtab")

# What each build begins with; a container may let one enter namespaces and refuse this.
_AS_A_BUILD = (
    "mount -t proc proc /proc && mount -t tmpfs tmpfs /tmp && cd /tmp && mkdir old "
    "&& pivot_root . old"
)


class Health(StrEnum):
    """Whether a thing is as it should be, could be better, or stops the work."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and the command that mends it."""

    check: str
    health: Health
    message: str
    mend: str | None = None


def examine(state: Path) -> tuple[Finding, ...]:
    """Return what every check found; nothing is changed."""
    return tuple(finding for check in CHECKS for finding in check(state))


def _apptainer(state: Path) -> Iterator[Finding]:
    del state
    name = "Apptainer"
    if process.which("apptainer") is None:
        yield Finding(name, Health.BAD, "is not installed", how_to_install_apptainer())
        return
    done = process.run(
        ["apptainer", "--version"], reason="ask Apptainer for its version", check=False
    )
    version = done.stdout.strip().rsplit(" ", 1)[-1]
    numbers = tuple(int(part) for part in version.split("-")[0].split(".")[:2] if part.isdigit())
    if numbers < MIN_APPTAINER:
        wanted = ".".join(map(str, MIN_APPTAINER))
        yield Finding(
            name, Health.BAD, f"{version or 'of unknown version'}, at least {wanted} is needed",
            how_to_install_apptainer(),
        )  # fmt: skip
    else:
        yield Finding(name, Health.GOOD, version)


def how_to_install_apptainer() -> str:
    """Return the command that installs Apptainer on this system."""
    release = _os_release()
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if "ubuntu" in family:
        return "add-apt-repository -y ppa:apptainer/ppa && apt-get install -y apptainer"
    if "debian" in family:
        return "sh setup/apptainer-debian.sh"
    if family & {"rhel", "centos", "rocky", "almalinux"}:
        return "dnf install -y epel-release && dnf install -y apptainer"
    if "fedora" in family:
        return "dnf install -y apptainer"
    if family & {"suse", "opensuse"}:
        return "zypper install -y apptainer"
    return "see https://apptainer.org/docs/admin/main/installation.html"


def _os_release() -> dict[str, str]:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {key: value.strip('"') for key, _, value in pairs}


def _programs(state: Path) -> Iterator[Finding]:
    del state
    wanted = {
        "unshare": ("util-linux", "enter namespaces"),
        "mksquashfs": ("squashfs-tools", "pack images"),
        "squashfuse_ll": ("squashfuse", "start images without privileges"),
        "fusermount3": ("fuse3", "mount the repository"),
        "newuidmap": ("uidmap", "build with more than one user id"),
        "mmdebstrap": ("mmdebstrap", "make bases"),
        "dpkg-deb": ("dpkg", "read Debian packages"),
        "gpg": ("gnupg", "sign statements"),
        "zstd": ("zstd", "unpack container images"),
    }
    for program, (package, purpose) in wanted.items():
        found = process.which(program)
        if found is None:
            yield Finding(
                program, Health.BAD, f"is missing; it is needed to {purpose}",
                f"apt-get install -y {package}",
            )  # fmt: skip
        else:
            yield Finding(program, Health.GOOD, str(found))
    if process.which("apt-get") is None:
        yield Finding(
            "apt-get", Health.WARNING, "is missing: recipes can be built here, but not locked",
            "run 'pansoft lock' on Debian 12 or in a container of it",
        )  # fmt: skip


def _who_builds(state: Path) -> Iterator[Finding]:
    del state
    try:
        user = build_user()
    except UserError as err:
        yield Finding("build user", Health.BAD, err.message, err.hint)
        return
    yield Finding("build user", Health.GOOD, f"{user.name} (uid {user.uid})")
    for file in (Path("/etc/subuid"), Path("/etc/subgid")):
        size = _subordinate_ids(file, user.name, user.uid)
        if size < 65536:
            option = "--add-subuids" if file.name == "subuid" else "--add-subgids"
            yield Finding(
                f"{file}", Health.BAD, f"gives {user.name} {size} ids, builds need 65536",
                f"usermod {option} 100000-165535 {user.name}",
            )  # fmt: skip
        else:
            yield Finding(f"{file}", Health.GOOD, f"{size} ids for {user.name}")


def _subordinate_ids(file: Path, name: str, uid: int) -> int:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    rows = (line.split(":") for line in lines)
    sizes = [row[2] for row in rows if len(row) == 3 and row[0] in (name, str(uid))]
    return max((int(size) for size in sizes if size.isdecimal()), default=0)


def _namespaces(state: Path) -> Iterator[Finding]:
    del state
    name = "user namespaces"
    try:
        user = build_user()
        process.run(
            user.command(
                [
                    "unshare", "--user", "--map-root-user", "--map-auto", "--mount", "--net",
                    "--pid", "--fork", "sh", "-c", _AS_A_BUILD,
                ],
                reach=[],
            ),
            reason="enter a user namespace",
            env=user.environment(),
            cwd=Path("/"),
            timeout_s=30,
        )  # fmt: skip
    except CommandFailed as err:
        yield Finding(
            name, Health.BAD, f"are refused: {err.stderr.strip() or err.message}",
            _namespace_mend(),
        )  # fmt: skip
    except UserError as err:
        yield Finding(name, Health.BAD, err.message, err.hint)
    else:
        yield Finding(name, Health.GOOD, "an ordinary user may enter them")


def _namespace_mend() -> str:
    switches = {
        Path("/proc/sys/kernel/unprivileged_userns_clone"): ("0", "kernel.unprivileged_userns_clone=1"),
        Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"): (
            "1", "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        Path("/proc/sys/user/max_user_namespaces"): ("0", "user.max_user_namespaces=15000"),
    }  # fmt: skip
    for file, (closed, setting) in switches.items():
        if file.is_file() and file.read_text(encoding="utf-8").strip() == closed:
            return f"sysctl -w {setting}"
    return (
        "in a container, run it with: --cap-add SYS_ADMIN --security-opt seccomp=unconfined, and where "
        "the host has AppArmor --security-opt apparmor=unconfined; then: make setup"
    )


def _fuse(state: Path) -> Iterator[Finding]:
    del state
    if not _FUSE.exists():
        yield Finding(str(_FUSE), Health.BAD, "does not exist", "modprobe fuse")
        return
    mode = stat.S_IMODE(_FUSE.stat().st_mode)
    if mode & 0o006 != 0o006:
        yield Finding(
            str(_FUSE), Health.BAD, f"has mode {mode:o}: ordinary users cannot mount images",
            f"chmod 666 {_FUSE}",
        )  # fmt: skip
    else:
        yield Finding(str(_FUSE), Health.GOOD, "ordinary users may mount")
    if not _MTAB.exists():
        yield Finding(
            str(_MTAB), Health.BAD, "does not exist: ordinary users cannot unmount",
            f"ln -s /proc/mounts {_MTAB}",
        )  # fmt: skip


def _disk(state: Path) -> Iterator[Finding]:
    folder = next(parent for parent in (state, *state.parents) if parent.is_dir())
    free = shutil.disk_usage(folder).free
    health = Health.GOOD if free >= MIN_DISK else Health.WARNING
    elsewhere = f"--state DIR, where {readable_size(MIN_DISK)} are free"
    yield Finding(
        "disk", health, f"{readable_size(free)} free for {state}",
        None if health is Health.GOOD else elsewhere,
    )  # fmt: skip
    if not os.access(folder, os.W_OK):
        yield Finding(
            "state", Health.BAD, f"{folder} cannot be written to", "pansoft --state DIR …"
        )


def _caller(state: Path) -> Iterator[Finding]:
    del state
    if os.geteuid() == 0:
        yield Finding("you", Health.GOOD, f"root; builds run as {BUILD_USER}")
    else:
        yield Finding("you", Health.GOOD, build_user().name)


def _repository(state: Path) -> Iterator[Finding]:
    """Look whether a facility's repository can be read and written; the embedded one is made when needed."""
    name, here = "repository", State(state)
    try:
        kind = target.kind(here)
        if kind is BackendKind.NATIVE:
            return
        backend = target.backend_of(here, at=clock.now())
        with backend.reader(at=clock.now()) as reader:
            revision = reader.revision
    except InvalidInput as err:
        yield Finding(name, Health.BAD, str(err.problems[0]), err.problems[0].hint)
        return
    except UserError as err:
        yield Finding(name, Health.BAD, err.message, err.hint)
        return
    if kind is BackendKind.CVMFS_SERVER and process.which("cvmfs_server") is None:
        yield Finding(
            name, Health.BAD, f"cvmfs_server, which writes {backend.fqrn}, is not on this machine",
            "publish on the machine that has it, or through the repository's gateway",
        )  # fmt: skip
        return
    yield Finding(name, Health.GOOD, f"{backend.fqrn}, revision {revision}, through {kind}")


Check = Callable[[Path], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (
    _caller,
    _apptainer,
    _programs,
    _who_builds,
    _namespaces,
    _fuse,
    _disk,
    _repository,
)
