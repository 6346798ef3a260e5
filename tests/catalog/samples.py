# SPDX-License-Identifier: BSD-3-Clause
"""Entries for tests: realistic ones, and one written by somebody who means harm."""

from __future__ import annotations

from dataclasses import replace

from builder.recipes.recipe import (
    Channel,
    Command,
    Desktop,
    Jupyter,
    License,
    Maintainer,
    Need,
    Redistribution,
    Runtime,
    TestKind,
)
from builder.stages import Fingerprint, PlanId
from catalog.entry import (
    CatalogEntry,
    PolicyVersion,
    PublishedFinding,
    PublishedImage,
    PublishedTest,
    PublishedVerdict,
    Signer,
    image_path,
)
from catalog.held import HeldPackage

FQRN = "software.example.org"
PANET = "http://purl.org/pan-science/PaNET/"


def entry(name: str = "hdf5-tools", version: str = "1.10.8", **changes: object) -> CatalogEntry:
    """Return a complete entry, with `changes` made to it."""
    base = CatalogEntry(
        name=name,
        version=version,
        channel=Channel.TESTING,
        title="HDF5 tools",
        summary="Look into HDF5 and NeXus files: list, dump, compare, repack",
        description=(
            "The command-line tools of the HDF5 library. They show what a file holds, "
            "compare two files and rewrite one with other chunks or compression.\n\n"
            "NeXus files are HDF5 files, so the tools work on them as well."
        ),
        homepage="https://www.hdfgroup.org/solutions/hdf5/",
        source="https://github.com/HDFGroup/hdf5",
        documentation="https://docs.hdfgroup.org/hdf5/",
        citation="https://doi.org/10.5281/zenodo.17808558",
        license=License(
            "BSD-3-Clause", Redistribution.ALLOWED, "/usr/share/doc/hdf5-tools/copyright"
        ),
        maintainers=(
            Maintainer("Ada Beam", "ada@example.org", "https://orcid.org/0000-0002-1825-0097"),
        ),
        facilities=("ESRF", "DESY"),
        techniques=(PANET + "PaNET01022",),
        environment=(("HDF5_USE_FILE_LOCKING", "BEST_EFFORT"),),
        commands=(Command("h5dump", ("h5dump",)), Command("h5ls", ("h5ls",))),
        runtime=Runtime(cpus=1, memory=512, time=10),
        base="debian-12",
        supported_until=None,
        replaced_by=None,
        plan=PlanId("4f" * 32),
        image=PublishedImage(image_path(name, version), "a1" * 32, 99_800_000, 4_700_000),
        signer=Signer(Fingerprint("8FD3" * 10), "Software Office <software@example.org>"),
        policy=PolicyVersion("2026.1", "c3" * 32),
        verdict=PublishedVerdict(
            accepted=True,
            findings=(
                PublishedFinding("inputs-pinned", "passed", "every input is pinned by its sha256"),
                PublishedFinding("tests-passed", "passed", "2 of 2 tests passed"),
            ),
        ),
        tests=(
            PublishedTest("prints its version", TestKind.COMMAND, passed=True, seconds=0.412),
            PublishedTest("writes and reads a file", TestKind.COMMAND, passed=True, seconds=1.9),
        ),
        published="2026-03-02T09:30:00Z",
        fqrn=FQRN,
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # the fields' types vary


def held() -> HeldPackage:
    """Return a package that is told of and not distributed."""
    return HeldPackage(
        name="xds",
        version="20250714",
        title="XDS",
        summary="Processes rotation data.",
        homepage="https://xds.example.org",
        licence="LicenseRef-XDS",
        redistribution=Redistribution.FORBIDDEN,
        terms="https://xds.example.org/terms",
        registration="https://xds.example.org/get",
    )


def pyfai() -> CatalogEntry:
    """Return a Python package with a kernel, a menu entry and an optional GPU."""
    return entry(
        "pyfai",
        "2026.9.0",
        title="pyFAI",
        summary="Fast azimuthal integration of two-dimensional detector images",
        description="Turns detector images into diffraction patterns, on CPU or GPU.",
        homepage="https://www.silx.org/doc/pyFAI/latest/",
        source="https://github.com/silx-kit/pyFAI",
        citation="https://doi.org/10.1107/S1600576715004306",
        license=License("MIT", Redistribution.ALLOWED, None),
        facilities=("ESRF", "SOLEIL", "XFEL"),
        techniques=(PANET + "PaNET01188", PANET + "PaNET01101"),
        commands=(
            Command("pyFAI-integrate", ("pyFAI-integrate",)),
            Command("pyfai-python", ("python", "-m", "pyFAI", "it's quoted")),
        ),
        runtime=Runtime(
            gpu=Need.OPTIONAL,
            cpus=4,
            memory=4096,
            desktop=Desktop(
                "pyFAI-integrate",
                "pyFAI integrate",
                "/usr/local/share/icons/pyfai.svg",
                ("Science", "Physics", "Beamline"),
            ),
            jupyter=Jupyter("pyFAI", "/opt/venv/bin/python"),
        ),
        base="debian-12-python",
        image=PublishedImage(image_path("pyfai", "2026.9.0"), "b2" * 32, 284_000_000, 178_000_000),
        published="2026-03-05T14:00:00Z",
    )


def partners_only() -> CatalogEntry:
    """Return a package with an MPI program that may be given to partners only."""
    return entry(
        "phaser",
        "3.1",
        title="Phaser",
        summary="Phase retrieval for coherent diffraction, over many nodes",
        source=None,
        documentation=None,
        citation=None,
        license=License("LicenseRef-Phaser-Academic", Redistribution.PARTNERS, None),
        facilities=(),
        techniques=(PANET + "PaNET01212", PANET + "PaNET01024"),
        commands=(Command("phaser", ("phaser",)),),
        runtime=Runtime(gpu=Need.REQUIRED, mpi=True, cpus=64, memory=262144, time=1440),
        image=PublishedImage(image_path("phaser", "3.1"), "d4" * 32, 1_840_000_000, 1_650_000_000),
        verdict=PublishedVerdict(
            accepted=True,
            findings=(
                PublishedFinding("redistribution", "passed", "may be given to partners"),
                PublishedFinding("no-setuid", "not-applicable", "not asked to publish"),
                PublishedFinding(
                    "soak-time",
                    "waived",
                    "waived until 2026-04-01 12:00 UTC by Ada Beam, Bob Slit: beam time begins "
                    "tomorrow (waiver 4f0c1d2e3a4b); without it: 3 days in testing, 7 are asked",
                ),
            ),
        ),
        tests=(PublishedTest("two ranks", TestKind.MPI, passed=True, seconds=14.25),),
        channel=Channel.STABLE,
        supported_until="2027-12-31",
        replaced_by="pyfai",
    )


HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\"'&{{7*7}}\u202e"
)


def hostile() -> CatalogEntry:
    """Return an entry whose every free text tries to break out of where it is put."""
    return entry(
        "zz-hostile",
        "0.1",
        title=HOSTILE,
        summary=f"summary {HOSTILE}",
        description=f"description {HOSTILE}\n\n$(touch owned)\n`touch owned`\n[[owned]]",
        homepage="https://example.org/\"onclick='alert(1)'",
        source="https://example.org/</script>",
        documentation="https://example.org/?a=1&b=2",
        citation=f"javascript:alert(1)//{HOSTILE}",
        license=License(HOSTILE, Redistribution.FORBIDDEN, HOSTILE),
        maintainers=(Maintainer(HOSTILE, "x@example.org?bcc=<b>", "javascript:alert(1)"),),
        facilities=(HOSTILE,),
        techniques=('http://purl.org/x"><script>alert(1)</script>',),
        environment=(("EVIL", HOSTILE),),
        commands=(
            Command("zz", ("sh", "-c", 'echo $(touch owned); echo "\'`id`"\nsecond line', HOSTILE)),
        ),
        runtime=Runtime(
            desktop=Desktop(
                "zz", f"{HOSTILE}\nExec=touch owned", "../../etc/passwd;x", ("A;B\nX=1",)
            ),
            jupyter=Jupyter(HOSTILE, "/opt/venv/bin/python; touch owned"),
        ),
        signer=Signer(Fingerprint("0BAD" * 10), HOSTILE),
        policy=PolicyVersion(HOSTILE, "e5" * 32),
        verdict=PublishedVerdict(
            accepted=False, findings=(PublishedFinding(HOSTILE, HOSTILE, HOSTILE),)
        ),
        tests=(PublishedTest(HOSTILE, TestKind.GUI, passed=False, seconds=0.0),),
    )


def everything() -> tuple[CatalogEntry, ...]:
    """Return all samples."""
    return (entry(), pyfai(), partners_only(), hostile())
