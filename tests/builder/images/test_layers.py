# SPDX-License-Identifier: BSD-3-Clause
"""Bases on bases: real layers, what lies over what, and that each is the same bytes everywhere."""

from __future__ import annotations

import concurrent.futures
import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from builder.images.base import Base, ensure_base
from builder.images.built import Built, built
from builder.images.plan import BasePlan, BuildPlan, read_base_plan
from builder.inputs.lock import BaseLock, PythonArtefact, read_package_lock
from builder.recipes import load
from builder.state import State
from core import process
from core.console import Console
from core.errors import Refused, UserError
from tests.builder.conftest import ROOT, Builds
from tests.builder.images.test_build import runs, wait_for
from tests.packages import wheel
from trust import keys
from trust.signing import sif, signatures

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap")

PACKAGES = "/opt/venv/lib/python3.11/site-packages"
DELETES = """
rm /usr/lib/x86_64-linux-gnu/libaec.so.0* /etc/issue
rm -r /usr/share/doc/libaec0 /usr/share/common-licenses
mkdir /usr/share/doc/libaec0 /usr/share/common-licenses
echo own > /usr/share/doc/libaec0/OWN
echo own > /usr/share/common-licenses/OWN
"""


@pytest.fixture(scope="session")
def two(builds: Builds) -> BasePlan:
    """Return the plan of a layer with libaec0 over the base."""
    return layer(builds, "two", builds.base, "libaec0")


@pytest.fixture(scope="session")
def three(builds: Builds, two: BasePlan) -> BasePlan:
    """Return the plan of a layer with libsz2 over that."""
    return layer(builds, "three", two, "libsz2", (("GREETING", "from the third"),))


def layer(
    builds: Builds,
    name: str,
    below: BasePlan,
    package: str,
    environment: tuple[tuple[str, str], ...] = (),
) -> BasePlan:
    recipe = load.load_recipe(ROOT / "recipes" / "hdf5-tools")
    locked = read_package_lock(recipe, builds.base.lock).debian
    chosen = tuple(item for item in locked if item.name == package)
    assert chosen
    lock = BaseLock(name, "0" * 64, below.lock.epoch, (), chosen, (), below.lock)
    return BasePlan(name, None, lock, below, environment)


@pytest.fixture(scope="session")
def made(builds: Builds, three: BasePlan) -> Built:
    """Return an image of four partitions that deletes and replaces what lies in all layers below."""
    return builds.build(on(builds, three, DELETES))


def on(builds: Builds, base: BasePlan, script: str | None, name: str = "tiny") -> BuildPlan:
    environment = tuple(sorted(base.environment))
    return replace(builds.plan(script, name=name), base=base, environment=environment)


def built_base(builds: Builds, plan: BasePlan, state: State) -> Base:
    return ensure_base(plan, state, user=builds.user, console=Console(quiet=True))


def partitions(image: Path) -> list[tuple[str, str]]:
    """Return the name and the sha256 of each partition of an image."""
    content = image.read_bytes()
    return [
        (item.name, hashlib.sha256(content[item.offset : item.offset + item.size]).hexdigest())
        for item in sif.read(image).objects
        if item.kind == sif.PARTITION
    ]


def byte_code_in_delta(image: Path) -> list[str]:
    [delta] = [item for item in sif.read(image).objects if item.name == "delta"]
    listed = process.run(
        ["unsquashfs", "-l", "-o", str(delta.offset), image],
        reason="list a delta",
    )
    names = [line.removeprefix("squashfs-root") for line in listed.stdout.splitlines()]
    return sorted(name for name in names if name.endswith(".pyc"))


def said(builds: Builds, made: Built, script: str) -> list[str]:
    done = builds.run(made.image.path, script)
    return (done.stdout + done.stderr).splitlines()


def test_an_image_has_a_partition_for_each_layer(
    builds: Builds, two: BasePlan, three: BasePlan, made: Built
) -> None:
    bases = [built_base(builds, plan, builds.state) for plan in (builds.base, two, three)]
    other = builds.build(on(builds, two, "echo > $PREFIX/file", name="other"))

    found = partitions(made.image.path)

    assert [name for name, _ in found] == ["base", "two", "three", "delta"]
    assert [sha256 for _, sha256 in found[:3]] == [base.sha256 for base in bases]
    assert partitions(other.image.path)[:2] == found[:2]


def test_programs_see_all_layers(builds: Builds, made: Built) -> None:
    assert said(builds, made, "dpkg -l libaec0 libsz2 bash | grep -c ^ii; echo $GREETING") == [
        "3",
        "from the third",
    ]


def test_what_a_package_deletes_is_gone_from_whatever_layer(builds: Builds, made: Built) -> None:
    script = "ls /usr/lib/*/libaec.so.0 /etc/issue; ls /usr/lib/*/libsz.so.2"
    assert said(builds, made, script) == [
        "/usr/lib/x86_64-linux-gnu/libsz.so.2",
        "ls: cannot access '/usr/lib/*/libaec.so.0': No such file or directory",
        "ls: cannot access '/etc/issue': No such file or directory",
    ]


def test_a_folder_that_was_replaced_shows_nothing_from_below(builds: Builds, made: Built) -> None:
    assert said(builds, made, "ls /usr/share/doc/libaec0 /usr/share/common-licenses") == [
        "/usr/share/common-licenses:",
        "OWN",
        "",
        "/usr/share/doc/libaec0:",
        "OWN",
    ]


def test_a_signature_covers_every_layer(made: Built, tmp_path: Path) -> None:
    pair = keys.keygen(
        tmp_path / "key",
        name="A signer",
        email="a@example.org",
        public=tmp_path / "a.asc",
        bits=2048,
    )
    image = tmp_path / "tiny.sif"
    shutil.copyfile(made.image.path, image)

    signatures.sign_sif(image, keys.open_key(pair.folder))

    report = signatures.verify_sif(image, public_keys=[pair.public_key_file])
    assert report.objects[-4:] == (
        "data object 3 (primary partition 'base')",
        "data object 4 (overlay partition 'two')",
        "data object 5 (overlay partition 'three')",
        "data object 6 (overlay partition 'delta')",
    )
    [second] = [item for item in sif.read(image).objects if item.name == "two"]
    altered = bytearray(image.read_bytes())
    altered[second.offset + second.size // 2] ^= 0xFF
    image.write_bytes(altered)
    with pytest.raises(Refused, match="overlay partition 'two'"):
        signatures.verify_sif(image, public_keys=[pair.public_key_file])


def test_a_layer_is_the_same_bytes_in_another_state(
    builds: Builds, two: BasePlan, three: BasePlan, tmp_path: Path
) -> None:
    """Its folder is its own here: only the inputs and the lowest base are those of the other state."""
    state = State(tmp_path / "another state")
    (state.folder / "bases").mkdir(parents=True)
    (state.folder / "inputs").symlink_to(builds.state.inputs)
    process.run(
        ["cp", "-al", builds.state.base(builds.base.id), state.base(builds.base.id)],
        reason="copy a base",
    )

    again = [built_base(builds, plan, state).sha256 for plan in (two, three)]

    assert again == [built_base(builds, plan, builds.state).sha256 for plan in (two, three)]


def removed(base: Path) -> None:
    base.rename(base.with_name("gone"))


def replaced(base: Path) -> None:
    removed(base)
    process.run(["cp", "-al", base.with_name("gone"), base], reason="make it anew")


def damaged(base: Path) -> None:
    file = base / "base.squashfs"
    content = file.read_bytes()
    file.unlink()  # the other states have the same file
    file.write_bytes(content[:-1] + b"?")


@pytest.mark.parametrize(
    ("happens", "message"),
    [
        pytest.param(removed, "the base two was removed or replaced", id="removed"),
        pytest.param(replaced, "the base two was removed or replaced", id="replaced"),
        pytest.param(damaged, "the base two in .* is damaged", id="damaged"),
    ],
)
def test_a_base_that_changes_during_a_build_on_it_gives_no_image(
    builds: Builds,
    two: BasePlan,
    tmp_path: Path,
    happens: Callable[[Path], None],
    message: str,
) -> None:
    built_base(builds, two, builds.state)
    state = State(tmp_path / "state")
    (state.folder / "bases").mkdir(parents=True)
    (state.folder / "inputs").symlink_to(builds.state.inputs)
    for base in (builds.base, two):
        process.run(
            ["cp", "-al", builds.state.base(base.id), state.base(base.id)], reason="copy a base"
        )
    seconds = f"2.{len(happens.__name__)}"
    plan = on(builds, two, f"sleep {seconds}; echo > $PREFIX/file")

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        building = pool.submit(builds.build, plan, state)
        wait_for(lambda: building.done() or runs("sleep", seconds))
        happens(state.base(two.id))
        with pytest.raises(UserError, match=message):
            building.result()

    assert built(plan, state) is None


@pytest.fixture(scope="module")
def wheels(builds: Builds) -> Mapping[str, PythonArtefact]:
    """Return wheels by name and version, in the input cache."""
    found = {}
    for name, version in (("kept", "1.0"), ("changed", "1.0"), ("changed", "2.0")):
        filename, content = wheel(name, version)
        sha256 = hashlib.sha256(content).hexdigest()
        file = builds.state.inputs / sha256[:2] / sha256
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        found[f"{name} {version}"] = PythonArtefact(name, version, filename, sha256)
    return found


@pytest.fixture(scope="module")
def with_wheels(builds: Builds, wheels: Mapping[str, PythonArtefact]) -> BasePlan:
    """Return the plan of a base with two wheels, on a base with Python."""
    below = read_base_plan(ROOT / "recipes" / "bases" / "debian-12-python")
    python = (wheels["changed 1.0"], wheels["kept 1.0"])
    lock = BaseLock("wheels", "0" * 64, below.lock.epoch, (), (), python, below.lock)
    return BasePlan("wheels", None, lock, below)


def test_a_wheel_of_the_base_is_replaced_and_the_others_stay(
    builds: Builds, with_wheels: BasePlan, wheels: Mapping[str, PythonArtefact]
) -> None:
    plan = on(builds, with_wheels, None)

    made = builds.build(replace(plan, python=(wheels["changed 2.0"],)))

    show = "import changed, kept, sys; print(changed.VERSION, kept.VERSION, sys.prefix)"
    assert said(builds, made, f"python -c '{show}'; ls {PACKAGES} | grep changed") == [
        "2.0 1.0 /opt/venv",
        "changed-2.0.dist-info",
        "changed.py",
    ]
    assert made.image.delta_size < 50_000


def test_byte_code_is_made_where_it_is_missing_only(builds: Builds, with_wheels: BasePlan) -> None:
    script = f"""
    ls {PACKAGES}/__pycache__ > $PREFIX/before
    echo 'VERSION = "edited"' > {PACKAGES}/changed.py
    echo 'VERSION = "added"' > {PACKAGES}/added.py
    """

    made = builds.build(on(builds, with_wheels, script))

    show = "import added, changed, kept; print(added.VERSION, changed.VERSION, kept.VERSION)"
    assert said(builds, made, f"cat /opt/tiny/before; python -c '{show}'") == [
        "changed.cpython-311.pyc",
        "kept.cpython-311.pyc",
        "added edited 1.0",
    ]
    assert byte_code_in_delta(made.image.path) == [
        f"{PACKAGES}/__pycache__/added.cpython-311.pyc",
        f"{PACKAGES}/__pycache__/changed.cpython-311.pyc",
    ]
