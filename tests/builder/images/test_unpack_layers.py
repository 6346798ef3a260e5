# SPDX-License-Identifier: BSD-3-Clause
"""The script that lays layers over each other, run as a build runs it: as root of a namespace."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.images.build_user import build_user
from builder.images.sandbox import SCRIPTS, scratch_folder
from core import process
from core.process import Completed
from tests.images import Device, File, Folder, Link, busybox_layer, layer

pytestmark = pytest.mark.needs("unshare", "newuidmap", "busybox")

LOW = busybox_layer()


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    with scratch_folder(tmp_path / "scratch", build_user()) as folder:
        yield folder


def lay_out(scratch: Path, *layers: bytes) -> Completed:
    """Lay layers out in `scratch/root` and return how it went."""
    user = build_user()
    user.own(scratch / "root")
    tars = []
    for number, content in enumerate(layers):
        tar = scratch / f"layer-{number}.tar"
        tar.write_bytes(content)
        user.give(tar)
        tars.append(tar)
    script = scratch / "unpack_layers.py"
    script.write_bytes((SCRIPTS / "unpack_layers.py").read_bytes())
    inside = ["unshare", "--user", "--map-root-user", "--map-auto", "--mount", "--net"]
    return process.run(
        user.command([*inside, "python3", "-I", script, scratch / "root", *tars], reach=[scratch]),
        reason="lay out layers",
        env=user.environment(),
        cwd=Path("/"),
        check=False,
    )


def laid_out(scratch: Path, *layers: bytes) -> Path:
    done = lay_out(scratch, *layers)
    assert done.returncode == 0, done.stderr
    return scratch / "root"


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def test_a_root_is_what_its_layers_add_up_to(scratch: Path) -> None:
    high = layer(
        File("opt/a/new", b"new", 0o640, time=1_500_000_000),
        File("opt/a/both", b"higher"),
        Link("opt/a/same", "opt/a/new", is_hard=True),
        Link("opt/a/there", "/etc/os-release"),
    )
    root = laid_out(
        scratch, LOW, layer(File("opt/a/old", b"old"), File("opt/a/both", b"low")), high
    )

    assert names(root / "opt" / "a") == ["both", "new", "old", "same", "there"]
    assert (root / "opt/a/both").read_bytes() == b"higher"
    new = (root / "opt/a/new").stat()
    assert (new.st_mtime, stat.S_IMODE(new.st_mode), new.st_nlink) == (1_500_000_000, 0o640, 2)
    assert (root / "opt/a/there").readlink() == Path("/etc/os-release")
    assert not list(scratch.glob("layer-*.tar"))


def test_what_a_layer_takes_away_is_gone_and_what_it_brings_stays(scratch: Path) -> None:
    low = layer(File("opt/a/x"), File("opt/b/x"), File("opt/b/y"), File("opt/c/x"), File("opt/d"))
    high = layer(
        File("opt/a/.wh.x"),
        # an opaque folder hides what is below it, wherever in the layer that stands
        File("opt/b/new"), File("opt/b/.wh..wh..opq"),
        File("opt/.wh.c"), File("opt/.wh.nothing"), File("never/.wh..wh..opq"),
        Folder("opt/d"), File("opt/d/in"),
    )  # fmt: skip
    root = laid_out(scratch, LOW, low, high)

    found = sorted(str(path.relative_to(root)) for path in (root / "opt").rglob("*"))
    assert found == ["opt/a", "opt/b", "opt/b/new", "opt/d", "opt/d/in"]
    assert not list(root.rglob(".wh.*"))


def test_a_folder_keeps_the_time_its_layer_says(scratch: Path) -> None:
    low = layer(Folder("opt", time=1_400_000_000), Folder("opt/a", time=1_300_000_000))
    root = laid_out(scratch, LOW, low, layer(File("opt/a/b")))

    assert (root / "opt").stat().st_mtime == 1_400_000_000
    assert (root / "opt" / "a").stat().st_mtime == 1_300_000_000


def test_nothing_in_a_layer_reaches_out_of_the_root(scratch: Path) -> None:
    """Links are followed inside of the root only, as in the container itself."""
    outside = scratch / "outside"
    build_user().own(outside)
    (outside / "keep").write_text("kept")
    build_user().give(outside / "keep")
    evil = layer(
        Link("abs", str(outside)), File("abs/written", b"x"), File("abs/.wh.keep"),
        Link("up", "../../../../../../" + str(outside)), File("up/written", b"x"),
        Folder("here"), Link("here/etc", "/etc"), File("here/etc/inner", b"x"),
    )  # fmt: skip
    root = laid_out(scratch, LOW, layer(Folder(str(outside))), evil)

    assert names(outside) == ["keep"]
    assert (root / "etc" / "inner").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (File("../evil"), "it has the name '../evil'"),
        (File("a/../../evil"), "it has the name 'a/../../evil'"),
        (Link("a", "../../etc/passwd", is_hard=True), "it has the name '../../etc/passwd'"),
        (Link("a", "etc/nothing", is_hard=True), "No such file"),
    ],
    ids=["above", "above by a detour", "hard link above", "hard link to nothing"],
)
def test_a_name_that_leads_out_is_refused(member: File | Link, message: str, scratch: Path) -> None:
    done = lay_out(scratch, LOW, layer(member))

    assert done.returncode == 1
    assert "pansoft: layer 2 of 2 cannot be laid out" in done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_devices_set_uid_bits_and_foreign_owners_are_not_carried_over(scratch: Path) -> None:
    odd = layer(
        Device("opt/null"),
        File("opt/su", b"x", 0o6755),
        Folder("opt/group", 0o2775),
        File("opt/far", owner=4_000_000),
    )
    done = lay_out(scratch, LOW, odd)
    root = scratch / "root"

    assert done.stdout == "left out 1 devices, sockets and pipes\n"
    assert names(root / "opt") == ["far", "group", "su"]
    assert stat.S_IMODE((root / "opt/su").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "opt/group").stat().st_mode) == 0o775
    nobody = os.stat(root / "opt/far").st_uid  # noqa: PTH116
    assert nobody != (root / "opt/su").stat().st_uid


def test_what_is_the_host_s_or_apptainer_s_is_made_anew(scratch: Path) -> None:
    image = layer(
        Link("dev", "/etc"), File("run/x"), File("tmp/x"), Link(".singularity.d", "/etc"),
        Link("etc/resolv.conf", "/run/resolv.conf"), File("etc/hostname", b"x"),
    )  # fmt: skip
    root = laid_out(scratch, LOW, image)

    for name in ("dev", "proc", "sys", "run", "tmp"):
        assert not (root / name).is_symlink()
        assert names(root / name) == []
    assert (root / "etc/resolv.conf").read_bytes() == b""
    assert not (root / "etc/resolv.conf").is_symlink()
    assert not (root / "etc/hostname").exists()
    assert not os.path.lexists(root / ".singularity.d")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (layer(File("etc/os-release")), "the image has no /bin/sh"),
        (b"no tar" * 1000, "layer 1 of 1 cannot be laid out"),
    ],
    ids=["no shell", "no tar"],
)
def test_an_image_in_which_no_build_works_is_refused(
    image: bytes, message: str, scratch: Path
) -> None:
    done = lay_out(scratch, image)

    assert done.returncode == 1
    assert done.stderr.startswith("pansoft: ")
    assert message in done.stderr
