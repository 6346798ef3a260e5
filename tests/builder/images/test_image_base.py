# SPDX-License-Identifier: BSD-3-Clause
"""Bases that begin with a container image: locked, built and built on, with genuine programs."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder.evidence.gather import build_facts
from builder.images.base import ensure_base
from builder.images.build_user import build_user
from builder.images.plan import BasePlan, plan_base
from builder.inputs import locking
from builder.inputs.lock import read_base_lock, read_package_lock, write_base_lock
from builder.recipes import load
from builder.recipes.image_reference import parse_reference
from builder.recipes.recipe import BaseRecipe
from builder.state import State
from core import process
from core.console import Console
from core.errors import UserError
from tests.builder.conftest import ROOT, Builds
from tests.images import (
    ZSTD_LAYER,
    File,
    Folder,
    Link,
    busybox_layer,
    docker_archive,
    image_of,
    layer,
    sha256,
    zstd,
)
from tests.integration.program import pansoft
from tests.registries import registry

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "busybox")

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
CONSOLE = Console(quiet=True)
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
LOW = busybox_layer(File("opt/old", b"old"), File("opt/su", b"#!/bin/sh\n", 0o4755))
HIGH = layer(File("opt/.wh.old"), Folder("opt/lib"), Link("opt/link", "/etc/os-release"))
IMAGE = image_of([LOW, HIGH], env=["PATH=/opt/lib:/bin", "GREETING=it's the image"])

BASE = f"""\
schema: 1
name: tiny
title: Tiny
summary: One program.
image: docker-archive:tiny.tar@sha256:{IMAGE.id}
maintainers:
  - name: Somebody
"""
RECIPE = """\
schema: 1
name: hello
version: 1.0
title: Hello
summary: Greets.
description: It greets.
homepage: https://hello.example.org
license:
  spdx: MIT
  redistribution: allowed
maintainers:
  - name: Somebody
base: tiny
build:
  script: |
    mkdir -p $PREFIX/bin
    printf '#!/bin/sh\\necho "$GREETING, in $PATH"\\n' > $PREFIX/bin/hello
    chmod 755 $PREFIX/bin/hello
    rm /opt/link
commands: [hello]
tests:
  - name: greets
    kind: command
    run: hello
    expect: it's the image, in /opt/hello/bin:/opt/lib:/bin
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, text in (("bases/tiny/base.yaml", BASE), ("hello/recipe.yaml", RECIPE)):
        file = folder / "recipes" / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
    shutil.copytree(ROOT / "trust-policy", folder / "trust-policy")
    (folder / "recipes/bases/tiny/tiny.tar").write_bytes(docker_archive(IMAGE, [LOW, HIGH]))
    return folder


def locked(recipe: BaseRecipe, state: State) -> BasePlan:
    """Lock a base, write the lock and read it back, and return the plan."""
    lock = locking.lock_base(recipe, None, state, at=AT, console=CONSOLE)
    write_base_lock(lock, recipe.lock_file)
    assert read_base_lock(recipe) == lock
    return plan_base(recipe, read_base_lock(recipe))


def test_a_package_on_an_archive_goes_the_whole_way(project: Path, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = pansoft("--project", project, *words, state=tmp_path / "state")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("check", "hello")
    run("lock", "hello")
    run("build", "hello")
    assert "greets" in run("test", "hello")

    lock = (project / "recipes/bases/tiny/lock.json").read_text()
    assert sha256(LOW) in lock
    assert "tiny.tar" not in lock


def test_the_policy_says_which_bases_of_images_are_allowed(project: Path, tmp_path: Path) -> None:
    policy = project / "trust-policy" / "policy.yaml"
    warning = "base-allowed: the policy will refuse this: the base tiny is not one of debian-12"

    checked = pansoft("--project", project, "check", "hello", state=tmp_path / "state")
    policy.write_text(policy.read_text().replace("  bases:\n", "  bases:\n    - tiny\n"))
    allowed = pansoft("--project", project, "check", "hello", state=tmp_path / "state")

    assert warning in checked.stdout + checked.stderr
    assert "base-allowed" not in allowed.stdout + allowed.stderr


def test_a_base_of_an_image_is_the_same_bytes_everywhere(project: Path, tmp_path: Path) -> None:
    recipe = load.load_base(project / "recipes" / "bases" / "tiny")
    user = build_user()
    one, two = State(tmp_path / "one"), State(tmp_path / "two")
    plan = locked(recipe, one)

    first = ensure_base(plan, one, user=user, console=CONSOLE)
    second = ensure_base(plan, two, user=user, console=CONSOLE)

    assert first.sha256 == second.sha256
    listed = process.run(["unsquashfs", "-lln", first.squashfs], reason="list a base").stdout
    names = {line.split()[-1]: line.split()[0] for line in listed.splitlines()}
    assert names["squashfs-root/opt/su"] == "-rwxr-xr-x"
    assert "squashfs-root/opt/old" not in names
    assert "squashfs-root/.singularity.d/env/10-base.sh" in names


def test_a_layer_that_is_not_what_the_image_says_is_no_base(project: Path, tmp_path: Path) -> None:
    folder = project / "recipes" / "bases" / "tiny"
    state = State(tmp_path / "state")
    plan = locked(load.load_base(folder), state)
    lied = replace(plan.lock.image.layers[1], diff_id="0" * 64)  # type: ignore[union-attr]
    image = replace(plan.lock.image, layers=(plan.lock.image.layers[0], lied))  # type: ignore[type-var, union-attr]
    wrong = replace(plan, lock=replace(plan.lock, image=image))

    with pytest.raises(UserError, match="does not unpack to what the image's configuration says"):
        ensure_base(wrong, state, user=build_user(), console=CONSOLE)

    assert not (state.base(wrong.id)).exists()


def test_an_image_without_a_shell_is_no_base(tmp_path: Path) -> None:
    image = image_of([HIGH])
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "tiny.tar").write_bytes(docker_archive(image, [HIGH]))
    reference = parse_reference(f"docker-archive:tiny.tar@sha256:{image.id}")
    recipe = BaseRecipe(folder, "tiny", "Tiny", "Tiny.", None, (), (), image=reference)
    state = State(tmp_path / "state")

    with pytest.raises(UserError, match="the image has no /bin/sh"):
        ensure_base(locked(recipe, state), state, user=build_user(), console=CONSOLE)


# -- a real Debian, in a real registry ---------------------------------------------------------------


@pytest.fixture(scope="module")
def debian(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BasePlan]:
    """Return the base `debian-12` as an image in a registry, and a base that begins with it."""
    folder = tmp_path_factory.mktemp("debian")
    root = builds.state.base(builds.base.id) / "root"
    user = builds.user
    inside = user.own(folder / "tree")
    tar = inside / "root.tar"
    namespaces = ["unshare", "--user", "--map-root-user", "--map-auto"]
    process.run(
        user.command(
            [*namespaces, "tar", "-C", root, "--exclude=./.singularity.d", "-cf", tar, "."],
            reach=[root, inside],
        ),
        reason="make a layer",
        env=user.environment(),
        cwd=Path("/"),
    )
    plain, upper = tar.read_bytes(), layer(File("etc/motd", b"from above\n"))
    tar.unlink()
    stored = [
        (zstd(plain, folder), ZSTD_LAYER),
        (gzip.compress(upper), "application/vnd.docker.image.rootfs.diff.tar.gzip"),
    ]
    image = image_of([plain, upper], env=["LANG=C.UTF-8"], stored=stored)
    with registry(folder) as running:
        running.push("test/debian", image)
        reference = parse_reference(f"docker://{running.host}/test/debian@sha256:{image.digest}")
        base = folder / "debian-image"
        base.mkdir()
        recipe = BaseRecipe(base, base.name, "Debian", "Debian.", None, (), (), image=reference)
        plan = locked(recipe, builds.state)
        assert running.host.encode() not in recipe.lock_file.read_bytes()
        yield plan


@pytest.mark.needs("docker-registry", "zstd", "mmdebstrap")
def test_debian_packages_are_installed_on_a_debian_of_a_registry(
    builds: Builds, debian: BasePlan
) -> None:
    recipe = load.load_recipe(ROOT / "recipes" / "hdf5-tools")
    packages = read_package_lock(recipe, builds.base.lock).debian
    plan = replace(builds.plan(None), base=debian, debian=packages, environment=debian.environment)

    made = builds.build(plan)

    said = builds.run(
        made.image.path,
        "h5dump --version; cat /etc/motd; dpkg -l hdf5-tools bash | grep -c ^ii; echo $LANG",
    )
    assert said.stdout.splitlines() == ["h5dump: Version 1.10.8", "from above", "2", "C.UTF-8"]
    assert made.findings.was_offline
    assert made.findings.setuid == ()
    inputs = {item.name for item in build_facts(plan, made.findings).inputs or ()}
    assert {"configuration of test/debian", "layer 1 of test/debian"} <= inputs
