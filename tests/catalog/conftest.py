# SPDX-License-Identifier: BSD-3-Clause
"""A repository as a user sees it mounted: a real image and the real profiles, in a folder with spaces."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from builder.recipes.recipe import Channel, Command, Jupyter, Runtime
from catalog.profiles import profiles_for
from core import process
from tests.catalog import samples

_PROGRAMS = ("/bin/dash", "/bin/cat", "/usr/bin/env", "/bin/sleep")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Mounted:
    """Where the repository lies, and how to run things as somebody who uses it."""

    root: Path

    @property
    def channel(self) -> Path:
        """Return the folder of the channel."""
        return self.root / "testing"

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | bytes = b"",
    ) -> process.Completed:
        """Run a program with a plain environment, `env` added to it; any status will do."""
        return process.run(
            argv,
            reason="try it",
            cwd=cwd or self.root,
            env={"PATH": _PATH, "HOME": str(self.root.parent / "home"), **(env or {})},
            stdin=stdin,
            check=False,
            timeout_s=60,
        )

    def tiny(self, script: str, *arguments: str, **options: object) -> process.Completed:
        """Run a shell script inside the image, through the wrapper `tiny-sh`."""
        command = [self.channel / "bin" / "tiny-sh", "-c", script, "script", *arguments]
        return self.run(command, **options)  # type: ignore[arg-type]  # handed on as they are


@pytest.fixture(scope="session")
def mounted() -> Iterator[Mounted]:
    """Give a repository with one package, `tiny`, whose image holds a shell."""
    with tempfile.TemporaryDirectory(prefix="pansoft ", dir="/var/tmp") as folder:
        top = Path(folder)
        top.chmod(0o755)
        (top / "home").mkdir()
        root = top / "mount point"
        tiny = samples.entry(
            "tiny",
            "1.0",
            commands=(
                Command("tiny-sh", ("sh",)),
                Command("tiny-words", ("sh", "-c", 'printf "<%s>\\n" "$@"', "words", "it's first")),
                Command("tiny-here", ("tiny-here",)),
            ),
            runtime=Runtime(jupyter=Jupyter("Tiny", "/bin/sh")),
            image=replace(samples.entry().image, path="images/tiny/1.0/tiny.sif"),
        )
        for path, file in profiles_for([tiny], Channel.TESTING, fqrn=samples.FQRN).files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
            target.chmod(file.mode)
        image = root / tiny.image.path
        image.parent.mkdir(parents=True)
        _make_image(image, top / "tree")
        yield Mounted(root)


def _make_image(image: Path, tree: Path) -> None:
    for folder in ("bin", "usr/bin", "etc", "proc", "sys", "dev", "tmp", "var/tmp", "root", "home"):
        (tree / folder).mkdir(parents=True)
    for program in _PROGRAMS:
        _copy_with_libraries(Path(program), tree)
    (tree / "bin" / "sh").symlink_to("dash")
    own = tree / "opt" / "tiny" / "bin" / "tiny-here"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\necho from the image\n")
    own.chmod(0o755)
    environment = tree / ".singularity.d" / "env"
    environment.mkdir(parents=True)
    (environment / "90-environment.sh").write_text('export PATH="/opt/tiny/bin:$PATH"\n')
    (environment / "99-base.sh").touch()  # without it Apptainer ignores --env
    for name in ("passwd", "group", "hosts", "resolv.conf", "localtime"):
        (tree / "etc" / name).touch()
    packed = tree.with_suffix(".squashfs")
    _make(["mksquashfs", tree, packed, "-quiet", "-no-progress", "-all-root", "-comp", "gzip"])
    _make(["apptainer", "sif", "new", image])
    partition = ["--datatype", "4", "--parttype", "2", "--partfs", "1", "--partarch", "2"]
    _make(["apptainer", "sif", "add", image, packed, *partition, "--groupid", "1"])
    image.chmod(0o644)


def _copy_with_libraries(program: Path, tree: Path) -> None:
    listed = process.run(["ldd", program], reason="find a program's libraries").stdout
    for file in (str(program), *re.findall(r"(/\S+) \(0x", listed)):
        target = tree / file.lstrip("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)


def _make(argv: Sequence[str | Path]) -> None:
    environment = {**os.environ, "HOME": "/var/tmp"}
    process.run(argv, reason="make the image of the tests", env=environment, timeout_s=60)
