# SPDX-License-Identifier: BSD-3-Clause
"""What each stage of a build hands to the next: Image, TestReport, SignedImage.

A stage accepts only the type it needs, so an unsigned image cannot be published by mistake.
`SignedImage` is made by `builder.sign.sign` and `builder.sign.verify` and by nothing else, `SignedTree`
by `builder.sign_tree`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NewType

from builder.recipes.recipe import TestKind
from trust.evidence import BillFacts, ScanFacts

PlanId = NewType("PlanId", str)
"""The sha256, in hex, of a build plan's canonical JSON."""

Fingerprint = NewType("Fingerprint", str)
"""A PGP key's fingerprint: 40 upper-case hex digits."""


@dataclass(frozen=True, slots=True)
class Image:
    """A built, unsigned SIF file. Sizes in bytes; `delta_size` is what the package adds to its base."""

    plan: PlanId
    name: str
    version: str
    base: str
    path: Path
    sha256: str
    size: int
    delta_size: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What a build saw: paths that no image should have, and the network interfaces it had.

    `cleared` are the files of Debian packages that were set-uid or set-gid and no longer are; `scan`
    is what a look at every file saw, `bill` what is said of the bills of materials beside the image.
    """

    setuid: tuple[str, ...]
    world_writable: tuple[str, ...]
    interfaces: tuple[str, ...]
    cleared: tuple[str, ...] = ()
    scan: ScanFacts | None = None
    bill: BillFacts | None = None

    @property
    def was_offline(self) -> bool:
        """Return whether the build had no interface but the loopback."""
        return self.interfaces == ("lo",)


class TestOutcome(StrEnum):
    """How a test went; what could not be run here has neither passed nor failed."""

    __test__ = False

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True)
class TestAttempt:
    """A try that failed before another one: how long it took, what it printed, why it failed."""

    __test__ = False

    seconds: float
    output: str
    reason: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test went; `output` is the end of what it printed, `reason` why it has not passed.

    `evidence` are files below the image's folder; `earlier` are the tries that failed before this.
    """

    __test__ = False

    name: str
    kind: TestKind
    outcome: TestOutcome
    seconds: float
    output: str
    reason: str | None = None
    evidence: tuple[str, ...] = ()
    earlier: tuple[TestAttempt, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether it was run and went well."""
        return self.outcome is TestOutcome.PASSED


@dataclass(frozen=True, slots=True)
class TestReport:
    """How the tests of one image went; `image_sha256` says of which bytes this speaks."""

    __test__ = False

    plan: PlanId
    name: str
    version: str
    image_sha256: str
    results: tuple[TestResult, ...]

    @property
    def evidence(self) -> tuple[str, ...]:
        """Return all files that tests left, of earlier tries as well; below the image's folder."""
        return tuple(
            name
            for result in self.results
            for files in (*(item.evidence for item in result.earlier), result.evidence)
            for name in files
        )

    @property
    def passed(self) -> bool:
        """Return whether a test passed and none failed; whether all were run, the policy asks."""
        outcomes = {result.outcome for result in self.results}
        return TestOutcome.PASSED in outcomes and TestOutcome.FAILED not in outcomes


@dataclass(frozen=True, slots=True)
class SignedImage:
    """A SIF file whose signature was made or verified here; `sha256` is that of the signed file."""

    image: Image
    path: Path
    sha256: str
    size: int
    signer: Fingerprint
    signer_name: str


@dataclass(frozen=True, slots=True)
class SignedTree:
    """The tree of an image whose manifest was signed or verified here; `sha256` is the manifest's.

    `root` is the folder that a program sees as its root.
    """

    name: str
    version: str
    plan: PlanId
    root: Path
    manifest: Path
    sha256: str
    signer: Fingerprint
    signer_name: str
