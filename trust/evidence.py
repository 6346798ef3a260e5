# SPDX-License-Identifier: BSD-3-Clause
"""What was seen of one package, for the judge: facts, no opinions.

A field that is None was not seen. A rule that needs it refuses with "could not be checked":
what nobody looked at is not taken for granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Purpose(StrEnum):
    """What the verdict is for; each rule says for which of these it is asked."""

    MERGE = "merge"
    SIGN = "sign"
    PUBLISH = "publish"
    VERIFY = "verify"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a build: a Debian package, a wheel, an archive, a file; None is an unpinned one."""

    name: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What the build engine saw.

    Args:
        inputs: everything that went in, as the lock names it.
        network_off: whether the build ran in a network namespace with nothing in it.
        risky_files: set-uid, set-gid and world-writable files among what the package added
            to its base; the empty tuple says that somebody looked and found none.
        cleared: files that Debian packages install set-uid or set-gid, and that lost it in the build.
    """

    inputs: tuple[Input, ...] | None = None
    network_off: bool | None = None
    risky_files: tuple[str, ...] | None = None
    cleared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestFacts:
    """Which tests passed and which failed, and on exactly which image.

    Args:
        image_sha256: of the image that was tested.
        passed: the recipe's own tests that passed.
        failed: all that failed, of the recipe and of what is tested of every package.
        not_run: what could not be run where the tests were run, for want of a GPU for instance.
        retried: those of `passed` that failed at a first try.
        started: what is tested of every package and passed: commands that start, modules that load.
        kinds: the kinds of `passed`, each once.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    image_sha256: str
    passed: tuple[str, ...]
    failed: tuple[str, ...]
    not_run: tuple[str, ...] = ()
    retried: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    kinds: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """What the recipe says that the package has, and the kinds of its tests.

    Args:
        traits: in the words of `trust.policy.safety.TRAITS`.
        tests: the kinds of the tests in the recipe, each once.
    """

    traits: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sight:
    """Something odd in a tree, before anybody judges it: `kind` in the words of `SIGHTS`."""

    kind: str
    path: str
    what: str


SIGHTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "secret": "a private key, a token or a password",
        "capability": "a file capability",
        "world-writable": "a folder without the sticky bit that anybody may write to",
        "unreadable": "a file that could not be looked into",
        "dangling-link": "a symbolic link that leads nowhere in the image",
        "build-path": "a folder of the build, which is gone, in a text or a library's search path",
        "foreign-program": "a program for another processor",
    }
)
"""The kinds of `Sight`."""


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """What a look at everything in the image saw, before packing; `files` says of how many files."""

    files: int
    sights: tuple[Sight, ...]

    def of(self, kind: str) -> tuple[Sight, ...]:
        """Return the sights of one kind."""
        return tuple(each for each in self.sights if each.kind == kind)


@dataclass(frozen=True, slots=True)
class Component:
    """One package of any kind that an image holds.

    Args:
        purl: the package URL, which tells its kind.
        name: in the words of its kind.
        version: likewise.
        licences: as its makers declare them; empty where no machine can tell.
        source: the source package it was built from, `name version`, where that is known.
        origin: whom the file was had from, where the lock tells: `debian-main`, or `recipe` for
            what the recipe itself names as its sources.
        brought_by: why it is there: the base, a field of the recipe, or the components that want it.
    """

    purl: str
    name: str
    version: str
    licences: tuple[str, ...] = ()
    source: str | None = None
    origin: str | None = None
    brought_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BillFacts:
    """The bills of materials beside the image: the sha256 of each form, and what is in them.

    `unlicensed` counts the components whose licence no machine can tell.
    """

    spdx_sha256: str
    cyclonedx_sha256: str
    components: int
    unlicensed: int
    contents: tuple[Component, ...] | None = None


@dataclass(frozen=True, slots=True)
class ProvenanceFacts:
    """The provenance beside the image: the sha256 of what its envelope holds, and what that says.

    Args:
        sha256: of the payload, without its signature.
        builder: who built, as a URI.
        commit: of the recipe; None where the recipes are no git checkout.
        changed: whether files of the recipe or its base differ from that commit.
        ref: the branch or tag that the pipeline ran for, if there was one.
        protected: whether that ref is protected, as the pipeline's server said.
    """

    sha256: str
    builder: str
    commit: str | None
    changed: bool
    ref: str | None = None
    protected: bool | None = None


@dataclass(frozen=True, slots=True)
class LicenceFacts:
    """The SPDX expression and the redistribution right (`allowed`, `partners`, `forbidden`).

    `text_sha256` is of the licence's words, where the recipe has them.
    """

    spdx: str
    redistribution: str
    text_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """The channel, and the day (YYYY-MM-DD) until which the version is supported, if one is said.

    `kept` is whether git has it beside another version, which is the current one.
    """

    channel: str
    supported_until: str | None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class SignerFacts:
    """The PGP key that is about to sign, or has signed: what the key itself says.

    One that signed as well may be the holder of a certificate: then `fingerprint` is
    `x509:AUTHORITY:SUBJECT`, and the days are the certificate's.
    """

    fingerprint: str
    name: str
    created: datetime
    expires: datetime | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class Published:
    """What the repository already holds under this name and version: a sha256, or None for nothing."""

    sha256: str | None


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """One version of the package that the repository holds, in one channel, since when."""

    version: str
    channel: str
    since: datetime
    plan: str
    retired: bool = False


@dataclass(frozen=True, slots=True)
class IdentityFacts:
    """A pipeline, by a token that was verified; the token itself is not kept.

    Args:
        by: the identity: `oidc:ISSUER#SUBJECT`.
        name: as the policy calls it.
        roles: what the policy gives it; none for a pipeline that it does not list.
        facility: whom it works for.
        claims: what the token says of the job, each `NAME=VALUE`.
    """

    by: str
    name: str
    roles: tuple[str, ...] = ()
    facility: str | None = None
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody with a role said yes to exactly this plan; verified before it becomes evidence.

    Args:
        by: the identity: `pgp:FINGERPRINT` or `oidc:ISSUER#SUBJECT`.
        name: as people know them.
        roles: what they answer for.
        facility: whom they speak for.
        subject: `NAME VERSION`.
        plan: the id of the plan that was approved.
        given: when.
    """

    by: str
    name: str
    roles: tuple[str, ...]
    facility: str
    subject: str
    plan: str
    given: datetime


@dataclass(frozen=True, slots=True)
class Waiver:
    """A signed exception; its signatures, threshold and form are checked before it becomes evidence.

    Args:
        id: the sha256 of the signed content.
        rule: the one rule that it answers.
        package: the exact name.
        versions: the exact versions.
        reason: why.
        approvers: the names of those who signed it.
        granted: the moment from which it holds.
        expires: the moment from which it no longer does.
    """

    id: str
    rule: str
    package: str
    versions: tuple[str, ...]
    reason: str
    approvers: tuple[str, ...]
    granted: datetime
    expires: datetime

    def covers(self, rule: str, package: str, version: str, at: datetime) -> bool:
        """Return whether it answers this rule for this version at this moment."""
        named = self.rule == rule and self.package == package and version in self.versions
        return named and self.granted <= at < self.expires


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the judge gets to know.

    Args:
        purpose: what is asked for.
        name: the package.
        version: its version.
        plan: the id of the plan the image was built from.
        expected_plan: the id of the plan that the recipe and the lock in git give now.
        image_sha256: of the image before it was signed; this is what the tests ran.
        signed_sha256: of the signed file.
        signers: every key that has signed, `signer` among them; None where that one counts alone.
        repository: the fully qualified name of the repository to publish to; the policy knows
            its audience.
        bases: the base and those that it stands on, the nearest first.
        publisher: who is about to publish.
        approvals: of this version, by people with roles.
        waivers: the signed exceptions for this package.
        history: the versions of the package that the repository holds.
        witnessed: when the repository first published this version.
        package: what the recipe says of the package.
    """

    purpose: Purpose
    name: str
    version: str
    base: str | None = None
    plan: str | None = None
    expected_plan: str | None = None
    image_sha256: str | None = None
    signed_sha256: str | None = None
    build: BuildFacts | None = None
    tests: TestFacts | None = None
    scan: ScanFacts | None = None
    bill: BillFacts | None = None
    provenance: ProvenanceFacts | None = None
    licence: LicenceFacts | None = None
    release: ReleaseFacts | None = None
    signer: SignerFacts | None = None
    repository: str | None = None
    published: Published | None = None
    signers: tuple[SignerFacts, ...] | None = None
    bases: tuple[str, ...] | None = None
    publisher: IdentityFacts | None = None
    approvals: tuple[Approval, ...] | None = None
    waivers: tuple[Waiver, ...] = ()
    history: tuple[PublishedVersion, ...] | None = None
    witnessed: datetime | None = None
    package: PackageFacts | None = None
