# SPDX-License-Identifier: BSD-3-Clause
"""May I run this, and why: the site's policy on the partner's evidence.

What is asked, in this order, and the first no is the answer:

1. does the federation list the statement beside the software, and for this place of this repository
2. is the statement signed by a key of the site's policy, and about this package and version
3. is every byte as the statement says: by the content hashes that the CVMFS client shows, compared with the
   signed table, so that nothing is fetched; or by reading, where there is no such mount or no table
4. does the site's policy accept the evidence that was signed, by the rules of the policy and the site's own

The hashes are what the client says. It checks the objects against them when they are read, so other bytes
cannot come out of it later; who does not believe the client program reads in full.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from builder import sign
from builder.sign import VerificationReport
from builder.sign_tree import examine_tree, manifest_in
from core.errors import Refused, UserError
from core.files import sha256_file
from cvmfs.reading.unverified import open_unverified
from pansoft import trees
from pansoft.consent import NOBODY, Consent, consent_in
from pansoft.site import acceptance, publisher, settings
from pansoft.site.acceptance import Acceptance
from pansoft.site.promotions import in_its_channel
from pansoft.site.rules import Delivered, all_rules, without_waivers_not_accepted
from pansoft.site.settings import SitePlaces, SiteSettings
from pansoft.witness import witnessed
from trust.contents import content_table, cvmfs_attributes
from trust.contents.cvmfs_attributes import NotShown
from trust.evidence import Approval, Evidence
from trust.federation import names
from trust.federation.client import Federation, open_federation
from trust.federation.target import Target
from trust.judge import judge
from trust.policy import Signer, TrustPolicy
from trust.signing import statements
from trust.signing.statements import Statement
from trust.trees.tree_check import Content, Reading
from trust.verdict import Verdict, reasons

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenSite:
    """A site that can be asked: its policy, what the federation says now, and where the mount is.

    `listed` are the statements that the federation lists for the site's repository, by their sha256;
    `consent` is what people have approved and waived, as it verifies by the site's own policy.
    """

    settings: SiteSettings
    policy: TrustPolicy
    acceptance: Acceptance
    federation: Federation
    mount: Path
    listed: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    consent: Consent = NOBODY


@dataclass(frozen=True, slots=True)
class Bytes:
    """How the bytes were seen to: how many by attributes, or None where they were read; and how, in words."""

    compared: int | None
    said: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer about one version.

    Args:
        path: what was asked about.
        reason: why not, or None for a yes.
        hint: what may be done about a no.
        target: what the federation says, as far as that was found out; so are the others.
        report: who signed it and when.
        bytes: how the bytes were seen to.
        verdict: of the site's policy.
        approvals: of this version, as they verify by the site's own policy.
    """

    path: Path
    reason: str | None
    hint: str | None = None
    target: Target | None = None
    report: VerificationReport | None = None
    bytes: Bytes | None = None
    verdict: Verdict | None = None
    approvals: tuple[Approval, ...] = ()

    @property
    def accepted(self) -> bool:
        """Return whether it may be run."""
        return self.reason is None


def open_site(places: SitePlaces, *, mount: Path | None, at: datetime) -> OpenSite:
    """Return the site, with what the federation says now.

    Args:
        places: of the site.
        mount: where the repository is mounted; by default below `/cvmfs`.
        at: now.

    Raises:
        Refused: the federation's metadata does not hold.
        UserError: the site was never set up, or its policy is wrong.
    """
    known = settings.load(places).settings
    policy, accepted = acceptance.load_site_policy(places.policy)
    where = mount or Path("/cvmfs") / known.fqrn
    federation = _federation(places, known, where, at=at)
    listed = _statements(federation, known.fqrn)
    said = consent_in(places.policy, policy, at=at)
    return OpenSite(known, policy, accepted, federation, where, listed, said)


def answer(site: OpenSite, path: Path, *, full: bool, at: datetime) -> Answer:
    """Return whether a version may be run at a site, and why.

    Args:
        site: from `open_site`.
        path: the folder of a version, its image, or the manifest of its tree; on the mount or elsewhere.
        full: read every byte in any case.
        at: now.
    """
    asked = _Asked(site, path, at)
    try:
        asked.run(full=full)
    except UserError as err:
        return asked.told(err.message, err.hint)
    return asked.told(None, None)


class _Asked:
    """One question: what was found out so far, which a refusal tells as well."""

    def __init__(self, site: OpenSite, path: Path, at: datetime) -> None:
        self.site, self.path, self.at = site, path, at
        self.target: Target | None = None
        self.report: VerificationReport | None = None
        self.bytes: Bytes | None = None
        self.verdict: Verdict | None = None

    def run(self, *, full: bool) -> None:
        """Ask everything, in the order of the module's docstring.

        Raises:
            Refused: with the first no.
        """
        file = _signed_file(self.path)
        self.target = _target(self.site, file)
        _check_signer(self.site, self.target)
        self.report = self._verified(full=full)
        _check_target(self.site, self.target, self.report.statement)
        self.verdict = self._judged(self.report.evidence, self.target)
        if not self.verdict.accepted:
            raise Refused(f"the policy of this site refuses it:\n{reasons(self.verdict)}")

    def told(self, reason: str | None, hint: str | None) -> Answer:
        """Return the answer."""
        said = self.site.consent.about(self.report.evidence).approvals if self.report else ()
        return Answer(
            self.path, reason, hint, self.target, self.report, self.bytes, self.verdict, said or ()
        )

    @property
    def form(self) -> str:
        """Return in which form the version is delivered here."""
        return "tree" if trees.is_tree(self.path) else "image"

    def _verified(self, *, full: bool) -> VerificationReport:
        """Return who signed it, with its bytes seen to in the cheapest way that there is."""
        if full:
            return self._read("every byte was read, as asked")
        try:
            return self._tree(self._show) if self.form == "tree" else self._image(self._compare)
        except NotShown as err:
            return self._read(f"every byte was read: {err.message}")

    def _read(self, why: str) -> VerificationReport:
        report = self._tree(lambda *_: Reading()) if self.form == "tree" else self._image(None)
        self.bytes = Bytes(None, why)
        return report

    def _tree(self, content: Callable[[Path, Statement, Signer], Content]) -> VerificationReport:
        _, found = examine_tree(
            self.path,
            policy=self.site.policy,
            at=self.at,
            content=content,
            witnessed=witnessed(self.path),
            waivers=self.site.consent.waivers,
            repository=self.site.settings.fqrn,
        )
        checked = found.checked
        self.bytes = Bytes(checked.bytes, f"{checked.way}, nothing was read")
        return found.report

    def _show(self, file: Path, statement: Statement, signer: Signer) -> Content:
        """Return the way to know what is in the files of a tree on the mount of this repository."""
        showing = trees.showing(file, statement, signer)
        for where in (showing.table.repository, cvmfs_attributes.repository_at(file.parent)):
            self._check_repository(where, file)
        return showing

    def _check_repository(self, where: str, file: Path) -> None:
        if where != self.site.settings.fqrn:
            raise Refused(f"the content hashes of {file.parent} are of {where}")

    def _image(self, unread: Callable[[Path, Statement], None] | None) -> VerificationReport:
        _, report = sign.examine(
            self.path,
            policy=self.site.policy,
            at=self.at,
            unread=unread,
            witnessed=witnessed(self.path),
            waivers=self.site.consent.waivers,
            repository=self.site.settings.fqrn,
        )
        return report

    def _compare(self, file: Path, statement: Statement) -> None:
        signer = self.site.policy.signer(statement.signer)
        table = content_table.read(
            file.parent,
            subject=statements.statement_file(file),
            public_keys=[signer.key_file] if signer else (),
        )
        self._check_repository(table.repository, file)
        checked = content_table.verify_by_attributes(
            file.parent, table, expected={file.name: statement.sha256}
        )
        self._check_repository(checked.repository, file)
        hashes = " and ".join(checked.algorithms)
        self.bytes = Bytes(
            checked.bytes,
            f"content hashes ({hashes}) that the CVMFS client shows, nothing was read",
        )

    def _judged(self, evidence: Evidence, target: Target) -> Verdict:
        """Ask the judge; who approved is who verifies here, not whom the signer believed."""
        accepted, said = self.site.acceptance, self.site.consent.about(evidence)
        seen = in_its_channel(
            replace(evidence, approvals=said.approvals),
            self.path,
            mount=self.site.mount,
            fqrn=self.site.settings.fqrn,
            policy=self.site.policy,
        )
        return judge(
            self.site.policy,
            without_waivers_not_accepted(seen, accepted),
            at=self.at,
            rules=all_rules(accepted, Delivered(target.namespace, self.form)),
        )


def _federation(
    places: SitePlaces, known: SiteSettings, mount: Path, *, at: datetime
) -> Federation:
    """Return the federation as the mount shows it, or its own address, or else the repository."""
    root = places.root.read_bytes()
    memory = publisher.memory_of(places, root).federation
    there = mount / names.FOLDER
    if known.metadata is not None:
        shown = publisher.metadata_at(known.metadata, proxies=known.proxies or "")
        return open_federation(root, shown, cache=memory, at=at)
    if there.is_dir():
        return open_federation(root, there, cache=memory, at=at)
    files = open_unverified(known.source, fqrn=known.fqrn, proxies=known.proxies or "")
    return open_federation(root, publisher.metadata_of(files), cache=memory, at=at)


def _statements(federation: Federation, fqrn: str) -> dict[str, tuple[Target, ...]]:
    found: dict[str, tuple[Target, ...]] = {}
    survey = federation.survey()
    for namespace, why in survey.unsound:
        log.warning("nothing of %s is believed: %s", namespace, why)
    for target in survey.targets:
        if target.repository == fqrn and target.package is not None:
            found[target.sha256] = (*found.get(target.sha256, ()), target)
    return found


def _signed_file(path: Path) -> Path:
    """Return the manifest or the image that a path means; verifying it says what is wrong with it."""
    manifest = manifest_in(path)
    if manifest is not None or not path.is_dir():
        return manifest or path
    found = sorted(path.glob("*.sif"))
    return found[0] if found else path / "image.sif"


def _target(site: OpenSite, file: Path) -> Target:
    """Return what the federation says of the statement beside an image.

    Raises:
        Refused: it does not list it, or for another place.
    """
    statement = statements.statement_file(file)
    if not statement.is_file():
        raise Refused(
            f"{statement.name} is missing: without it nothing says who built {file.name}",
            hint="copy it from where the image came from",
        )
    found = site.listed.get(sha256_file(statement), ())
    place = _place(site, statement)
    here = [each for each in found if place in (None, each.location)]
    if here:
        return _chosen(site, here)
    if found:
        raise Refused(
            f"{place} holds {found[0].package} {found[0].version}, which the federation lists at "
            f"{found[0].location}: it was swapped"
        )
    others = [t for each in site.listed.values() for t in each if t.location == place]
    if others:
        raise Refused(
            f"{others[0].namespace} lists another {statement.name} for "
            f"{others[0].package} {others[0].version} than the one that is here",
            hint="a mirror shows another file than was published: read from another one",
        )
    raise Refused(
        f"nobody in the federation answers for {place or statement}",
        hint="it was never published by who may, or was taken back",
    )


def _place(site: OpenSite, file: Path) -> str | None:
    """Return where in the repository a file is, or None for one that lies elsewhere."""
    path, mount = file.absolute(), site.mount.absolute()
    return str(path.relative_to(mount)) if path.is_relative_to(mount) else None


def _chosen(site: OpenSite, found: list[Target]) -> Target:
    """Return the target of a namespace that the site accepts, if there is one."""
    accepted = [
        each for each in found if acceptance.is_accepted(each.namespace, site.acceptance.namespaces)
    ]
    return (accepted or found)[0]


def _check_signer(site: OpenSite, target: Target) -> None:
    """Refuse what is said to be signed by a key that nobody here has listed, with what to do about it."""
    if target.signer is not None and site.policy.signer(target.signer) is None:
        raise Refused(
            f"{target.package} {target.version} is signed by the key {target.signer}, which neither the "
            f"published policy nor {acceptance.FILE_NAME} lists",
            hint=f"if this site trusts it: an entry in `signers` of its {acceptance.FILE_NAME}",
        )


def _check_target(site: OpenSite, target: Target, statement: Statement) -> None:
    """Refuse a statement about something else than the federation lists it for."""
    image = statement.image
    if (image.name, image.version) != (target.package, target.version):
        raise Refused(
            f"{target.namespace} lists the statement of {image.name} {image.version} as that of "
            f"{target.package} {target.version}"
        )
    if target.signer not in (None, statement.signer):
        raise Refused(
            f"{target.namespace} lists {image.name} {image.version} as signed by {target.signer}, "
            f"not by {statement.signer}"
        )
    folder = target.location.rpartition("/")[0]
    for each in (t for found in site.listed.values() for t in found):
        is_image = each.location == f"{folder}/{statement.file}"
        if is_image and each.namespace == target.namespace and each.sha256 != statement.sha256:
            raise Refused(f"{target.namespace} lists another {statement.file} than was signed")
