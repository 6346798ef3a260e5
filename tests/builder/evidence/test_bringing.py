# SPDX-License-Identifier: BSD-3-Clause
"""Where a component comes from and who brought it: from the lock, the base and what packages require."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builder.evidence.bringing import DEBIAN_MAIN, RECIPE, explained, facts
from builder.evidence.components import Component, Ecosystem
from builder.evidence.languages import npm_components, python_components
from builder.images.plan import BasePlan, BuildPlan
from builder.inputs.apt import DebianPackage
from builder.inputs.lock import BaseLock, PythonArtefact
from builder.recipes.recipe import Source, SourceKind

DIGEST, OTHER = "a" * 64, "b" * 64


def deb(name: str, area: str = "main") -> DebianPackage:
    return DebianPackage(name, "1.0-1", "amd64", f"pool/{area}/x/{name}.deb", 5, DIGEST)


def installed(name: str, sha256: str | None = DIGEST) -> Component:
    purl = f"pkg:deb/debian/{name}@1.0-1"
    return Component(Ecosystem.DEBIAN, name, "1.0-1", purl, sha256=sha256)


def wheel(name: str, brought_by: tuple[str, ...] = ()) -> Component:
    purl = f"pkg:pypi/{name}@1.0"
    return Component(Ecosystem.PYTHON, name, "1.0", purl, "MIT", brought_by=brought_by)


@pytest.fixture
def plan() -> BuildPlan:
    lock = BaseLock(
        "debian-12",
        DIGEST,
        0,
        (deb("libc6"),),
        (),
        python=(PythonArtefact("NumPy", "1.0", "numpy-1.0.whl", DIGEST),),
    )
    return BuildPlan(
        name="plotter",
        version="1",
        license="MIT",
        base=BasePlan("debian-12", "bookworm", lock),
        debian=(deb("gnuplot"), deb("nvidia-x", "non-free"), deb("fixed", "updates/main")),
        tools=(),
        python=(),
        sources=(),
        files=(),
        script=None,
        environment=(),
    )


@pytest.mark.parametrize(
    ("component", "origin", "brought_by"),
    [
        pytest.param(installed("libc6"), DEBIAN_MAIN, ("the base debian-12",), id="of the base"),
        pytest.param(installed("gnuplot"), DEBIAN_MAIN, ("build.apt",), id="of main"),
        pytest.param(installed("fixed"), DEBIAN_MAIN, ("build.apt",), id="of the updates of main"),
        pytest.param(installed("nvidia-x"), None, ("build.apt",), id="of another area"),
        pytest.param(installed("gnuplot", OTHER), None, ("build.apt",), id="other bytes"),
        pytest.param(installed("gnuplot", None), None, ("build.apt",), id="of no lock"),
        pytest.param(installed("stranger"), None, ("build.apt",), id="that no lock names"),
        pytest.param(wheel("numpy"), None, ("the base debian-12",), id="a wheel of the base"),
        pytest.param(wheel("mkl", ("larch",)), None, ("larch",), id="a wheel that another wants"),
        pytest.param(wheel("larch"), None, ("build.pip",), id="a wheel of the recipe"),
        pytest.param(
            Component(Ecosystem.ARCHIVE, "a.tgz", "1", "pkg:generic/a.tgz"),
            RECIPE,
            ("build.sources",),
            id="a source",
        ),
    ],
)
def test_it_is_told_where_a_component_comes_from(
    plan: BuildPlan, component: Component, origin: str | None, brought_by: tuple[str, ...]
) -> None:
    [told] = map(facts, explained([component], plan))

    assert (told.origin, told.brought_by) == (origin, brought_by)


def test_the_file_of_a_licence_holder_is_told_as_one(plan: BuildPlan) -> None:
    held = replace(plan, sources=(Source(SourceKind.DOWNLOAD, "a.tgz", DIGEST),))
    archive = Component(Ecosystem.ARCHIVE, "a.tgz", DIGEST[:12], "pkg:generic/a.tgz")

    [told] = map(facts, explained([archive], held))

    assert (told.origin, told.brought_by) == (RECIPE, ("site.download",))


def test_the_judge_gets_what_the_bill_says(plan: BuildPlan) -> None:
    [numpy] = map(facts, explained([wheel("numpy")], plan))

    assert (numpy.purl, numpy.name, numpy.version) == ("pkg:pypi/numpy@1.0", "numpy", "1.0")
    assert numpy.licences == ("MIT",)


def metadata(name: str, *lines: str) -> str:
    return "\n".join(("Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *lines))


def components(**texts: str) -> dict[str, Component]:
    found = python_components({f"site/{name}.dist-info": text for name, text in texts.items()})
    return {item.name: item for item in found}


def test_a_wheel_names_those_that_require_it() -> None:
    found = components(
        larch=metadata("larch", "Requires-Dist: Intel_MKL>=1", "Requires-Dist: gone; extra == 'x'"),
        est=metadata("est", "Requires-Dist: intel-mkl", "Requires-Dist: ]broken["),
        mkl=metadata("intel.mkl"),
        gone=metadata("gone"),
    )

    assert found["intel.mkl"].brought_by == ("est", "larch")
    assert found["gone"].brought_by == ()


@pytest.mark.parametrize(
    "line",
    [
        "License: NVIDIA Proprietary Software",
        "License: Intel Simplified Software License",
        "License: Free for academic use",
        "License: Other/Proprietary License (all rights reserved)",
        "Classifier: License :: Other/Proprietary License",
        "Classifier: License :: Free To Use But Restricted",
        "Classifier: License :: Free for non-commercial use",
        "License-Expression: LicenseRef-NVIDIA-Proprietary",
    ],
)
def test_what_says_that_it_is_not_free_is_not_silent(line: str) -> None:
    [found] = components(odd=metadata("odd", line)).values()

    assert found.licence is not None
    assert found.licence.startswith("LicenseRef-")


@pytest.mark.parametrize("line", ["License: BSD", "Classifier: Topic :: Scientific", "Summary: x"])
def test_what_says_nothing_is_silent(line: str) -> None:
    [found] = components(odd=metadata("odd", line)).values()

    assert found.licence is None


BSD = (
    "Redistribution and use in source and binary forms, with or without modification, are permitted"
)


def test_the_words_of_a_licence_are_not_its_name() -> None:
    """scipy and others put the whole text there, and that says that all rights are reserved."""
    text = (
        "License: Copyright (c) 2001 Enthought, Inc. All rights reserved.\n"
        f"        {BSD}.\n        ... to endorse or promote products ..., commercial or not"
    )

    [found] = components(scipy=metadata("scipy", text)).values()

    assert found.licence == "BSD-3-Clause"


def test_a_node_package_without_a_licence_says_so() -> None:
    text = '{"name": "ours", "version": "1.0.0", "license": "UNLICENSED"}'

    [found] = npm_components({"opt/npm/node_modules/ours": text})

    assert found.licence == "LicenseRef-restricted"
