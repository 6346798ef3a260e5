# SPDX-License-Identifier: BSD-3-Clause
"""What published bills and locks say that packages hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.evidence import cyclonedx_form
from builder.evidence.components import Component as Made
from builder.evidence.components import Ecosystem
from builder.evidence.sbom import CYCLONEDX_FILE, Bill
from builder.inputs.apt import DebianPackage
from builder.inputs.lock import (
    BaseLock,
    PackageLock,
    PythonArtefact,
    base_asked,
    package_asked,
    write_base_lock,
    write_package_lock,
)
from builder.recipes import load
from builder.state import State
from catalog.entry import write_entry
from core.console import Console
from pansoft import target
from pansoft.advisories import holdings
from pansoft.advisories.holdings import Holder
from pansoft.context import Context
from tests.builder.recipes.projects import make_project
from tests.catalog import samples
from trust.evidence import Component

AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
LIBC = "pkg:deb/debian/libc6@2.36-9?arch=amd64"
OPENSSL = Made(
    Ecosystem.DEBIAN,
    "libssl3",
    "3.0.15-1",
    "pkg:deb/debian/libssl3@3.0.15-1?arch=amd64",
    source="openssl 3.0.15-1",
)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(make_project(tmp_path / "project"), tmp_path / "state", Console(quiet=True))


def publish(context: Context, *versions: tuple[str, str], bill: bool = True) -> None:
    """Publish entries of these names and versions, each with a bill that lists one component."""
    backend = target.backend_of(State(context.state), at=AT)
    with backend.transaction(at=AT, message="for a test") as tx:
        for name, version in versions:
            entry = samples.entry(name, version)
            tx.put_bytes(write_entry(entry), f"{entry.folder}/entry.json")
            if bill:
                made = Bill(name, version, "MIT", "debian-12", "a" * 64, "0" * 32, 0, (OPENSSL,))
                text = cyclonedx_form.text(made).encode()
                tx.put_bytes(text, f"{entry.folder}/{CYCLONEDX_FILE}")


def test_every_component_is_there_once_with_all_who_hold_it(context: Context) -> None:
    assert not holdings.is_published(context, at=AT)
    publish(context, ("hdf5-tools", "1.10.8"), ("hdf5-tools", "1.10.9"), ("gemmi", "0.7.3"))

    found = holdings.published(context, ["hdf5-tools"], at=AT)

    release = "pkg:deb/debian/libssl3@3.0.15-1?arch=amd64&distro=debian-12"
    component = Component(release, "libssl3", "3.0.15-1", source="openssl 3.0.15-1")
    assert list(found.held) == [component]
    assert [str(each) for each in found.holders] == ["hdf5-tools 1.10.8", "hdf5-tools 1.10.9"]
    assert found.unknown == ()
    assert holdings.is_published(context, at=AT)


def test_a_version_without_a_bill_is_told_of(context: Context) -> None:
    publish(context, ("gemmi", "0.7.3"), bill=False)

    found = holdings.published(context, [], at=AT)

    assert found.held == {}
    assert found.unknown == ("gemmi 0.7.3: images/gemmi/0.7.3/sbom.cdx.json is not there",)


def lock(context: Context) -> None:
    """Lock the project: the recipe brings another numpy than its base has."""
    base = load.load_base(context.recipes / "bases" / "debian-12")
    recipe = load.load_recipe(context.recipes / "plotter")
    libc = DebianPackage(
        "libc6", "2.36-9", "amd64", "pool/main/g/glibc/libc6_2.36-9_amd64.deb", 1, "1" * 64
    )
    of_base = BaseLock(
        base.name,
        base_asked(base),
        epoch=0,
        system=(libc,),
        debian=(),
        python=(artefact("numpy", "1.26.0"), artefact("six", "1.16.0")),
    )
    write_base_lock(of_base, base.lock_file)
    of_recipe = PackageLock(
        name=recipe.name,
        asked=package_asked(recipe, of_base),
        base=of_base.id,
        debian=(),
        tools=(),
        python=(artefact("NumPy", "2.0.0"),),
        sources=(),
    )
    write_package_lock(of_recipe, recipe.lock_file)


def artefact(name: str, version: str) -> PythonArtefact:
    return PythonArtefact(name, version, f"{name}-{version}-py3-none-any.whl", "2" * 64)


def test_a_lock_names_what_is_installed(context: Context) -> None:
    lock(context)

    found = holdings.locked(context, [])

    assert {each.purl: each.source for each in found.held} == {
        f"{LIBC}&distro=debian-12": "glibc",
        "pkg:pypi/six@1.16.0": None,
        "pkg:pypi/numpy@2.0.0": None,
    }
    assert found.holders == (Holder("plotter", "5.4.4", "debian-12", is_published=False),)


def test_a_recipe_without_a_lock_is_told_of(context: Context) -> None:
    found = holdings.locked(context, [])

    assert found.held == {}
    assert [each.startswith("plotter 5.4.4: ") for each in found.unknown] == [True]
