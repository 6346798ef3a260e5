# SPDX-License-Identifier: BSD-3-Clause
"""The only maker of `SignedImage`: `sign` makes a signature, `verify` checks one.

What `examine` returns is as it was signed; only `verify` says that it is accepted as well.

A signed image is a folder that appears whole or not at all:

    NAME.sif  NAME.sif.statement.json  NAME.sif.statement.json.asc  verdict.json
    sbom.spdx.json  sbom.cdx.json  provenance.json

The verdict comes first: what the policy refuses is not signed. The refused verdict is kept beside
the folder (`FOLDER.refused.json`), so that `pansoft trust explain` can replay it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from builder.evidence.provenance import FILE_NAME as PROVENANCE_FILE
from builder.evidence.provenance import Provenance, check_provenance
from builder.evidence.sbom import CYCLONEDX_FILE, SPDX_FILE
from builder.stages import (
    Fingerprint,
    Image,
    PlanId,
    SignedImage,
)
from core.canonical import Json, readable_json
from core.errors import Refused, UserError
from core.files import atomic_folder, copy_atomic, exclusive_lock, sha256_file, write_atomic
from trust.codec import Undecodable, from_json, to_json
from trust.decisions import waiting
from trust.decisions.decision import Kind, of_verdict, pgp
from trust.evidence import (
    Evidence,
    Published,
    PublishedVersion,
    Purpose,
    SignerFacts,
    Waiver,
)
from trust.judge import judge
from trust.keys import SigningKey
from trust.policy import Origin, Signer, TrustPolicy
from trust.programs import gnupg
from trust.signing import certified, dsse, signatures, statements
from trust.signing.cosignatures import cosigners
from trust.signing.statements import ImageFacts, Statement
from trust.verdict import Verdict, reasons

VERDICT_FILE = "verdict.json"
_RECORD_SCHEMA = 2


@dataclass(frozen=True, slots=True)
class Record:
    """A decision and what it was made from, kept to be replayed."""

    evidence: Evidence
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """Who signed an image, when, under which policy; what was decided then and what is now.

    `evidence` is what was signed, with the key and the bytes as they are; `verdict` is today's of it.
    `objects` are those that the signatures inside the file cover; none where the file was not read.
    """

    signer: Signer
    signed_at: datetime
    statement: Statement
    objects: tuple[str, ...]
    evidence: Evidence
    verdict: Verdict

    @property
    def is_local(self) -> bool:
        """Return whether the key counts in this state folder only."""
        return self.signer.origin is Origin.LOCAL


class SigningRefused(Refused):
    """The policy does not let this image be signed; carries the verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(
            f"{verdict.name} {verdict.version} is not signed, the policy refuses it:\n{reasons(verdict)}",
            hint=f"pansoft trust explain {verdict.name} says how to mend it",
        )
        self.verdict = verdict

    @property
    def rule(self) -> str | None:
        """Return the first rule that said no."""
        return next((finding.rule for finding in self.verdict.refusals), None)


def sign(
    image: Image,
    *,
    evidence: Evidence,
    policy: TrustPolicy,
    key: SigningKey,
    folder: Path,
    at: datetime,
    provenance: Provenance | None = None,
    journal: Path | None = None,
) -> SignedImage:
    """Sign an image if the policy accepts it, and return it.

    An image that is signed already, and whose signature the policy still accepts, is left alone:
    signing again would give it other bytes.

    Args:
        image: what was built; it is copied, not changed.
        evidence: from `gather`; the key is added here.
        policy: the policy.
        key: from `trust.keys.open_key` or `trust.keys.local_key`.
        folder: the folder to make, one per image: `<state>/signed/<plan>`.
        at: now.
        provenance: the one that the evidence speaks of; it is signed as well.
        journal: the folder in which the decision waits to be published; none is kept without it.

    Raises:
        SigningRefused: the policy says no.
        Refused: the image's bytes are not those that were built and tested.
    """
    lock = folder.parent / f".{folder.name}.lock"
    with exclusive_lock(lock, purpose=f"sign {image.name}", wait=True):
        _sweep(folder)
        done = _signed_before(
            folder, image, policy=policy, key=key, waivers=evidence.waivers, at=at
        )
        if done is not None:
            return done
        seen = replace(evidence, purpose=Purpose.SIGN, signer=_signer_facts(key.facts))
        verdict = judge(policy, seen, at=at)
        if (
            journal is not None
        ):  # before what follows from it: a crash leaves no signature without it
            waiting.note(journal, of_verdict(Kind.SIGN, verdict, seen, who=pgp(key.fingerprint)))
        refused = _refused_file(folder)
        if not verdict.accepted:
            write_atomic(refused, _record_text(Record(seen, verdict)))
            raise SigningRefused(verdict)
        _check_same(image, seen)
        with atomic_folder(folder) as new:
            _sign_copy(image, new, key=key, record=Record(seen, verdict))
            _put_papers(image, new, key=key, evidence=seen, provenance=provenance)
        refused.unlink(missing_ok=True)
    # Others may have to sign it before it counts: it is checked, and not judged.
    return examine(folder, policy=policy, at=at)[0]


def _check_same(image: Image, evidence: Evidence) -> None:
    """Refuse evidence about something else: the judge can only compare what it is told."""
    said = (evidence.name, evidence.version, evidence.base, evidence.plan, evidence.image_sha256)
    if said != (image.name, image.version, image.base, image.plan, image.sha256):
        raise Refused(f"the evidence is not about this image of {image.name} {image.version}")


def _sign_copy(image: Image, new: Path, *, key: SigningKey, record: Record) -> None:
    copy = new / f"{image.name}.sif"
    copy_atomic(image.path, copy, mode=0o755)
    if sha256_file(copy) != image.sha256:
        raise Refused(
            f"{image.path} is not the image that was built: its sha256 has changed",
            hint=f"build it again: pansoft build {image.name}",
        )
    signatures.sign_sif(copy, key)
    statements.write(
        copy,
        key=key,
        image=ImageFacts(
            plan=image.plan,
            name=image.name,
            version=image.version,
            base=image.base,
            sha256=image.sha256,
            size=image.size,
            delta_size=image.delta_size,
        ),
        evidence=record.evidence,
        verdict=record.verdict,
    )
    write_atomic(new / VERDICT_FILE, _record_text(record))


def _put_papers(
    image: Image, new: Path, *, key: SigningKey, evidence: Evidence, provenance: Provenance | None
) -> None:
    """Put the bills that lie beside the built image, and the provenance, into the signed folder."""
    for name, sha256 in _bills(evidence):
        copy_atomic(image.path.with_name(name), new / name)
        if sha256_file(new / name) != sha256:
            raise Refused(
                f"{name} beside {image.path} is not the one that was made: its sha256 has changed",
                hint=f"build it again: pansoft build {image.name}",
            )
    if evidence.provenance is not None:
        if provenance is None or provenance.facts != evidence.provenance:
            raise Refused(f"the provenance is not the one that was judged, of {image.name}")
        write_atomic(new / PROVENANCE_FILE, dsse.seal(provenance.payload, key=key))


def _bills(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """Return the file of each bill of materials and the sha256 that the evidence gives it."""
    if evidence.bill is None:
        return ()
    return (
        (SPDX_FILE, evidence.bill.spdx_sha256),
        (CYCLONEDX_FILE, evidence.bill.cyclonedx_sha256),
    )


def _signed_before(
    folder: Path,
    image: Image,
    *,
    policy: TrustPolicy,
    key: SigningKey,
    waivers: tuple[Waiver, ...],
    at: datetime,
) -> SignedImage | None:
    """Return what was signed before, unless it is another image or another key must replace a local one."""
    if not folder.is_dir():
        return None
    with contextlib.suppress(UserError):  # altered or no longer accepted: sign it anew
        signed, report = examine(folder, policy=policy, at=at, waivers=waivers)
        counts = judge(policy, replace(report.evidence, purpose=Purpose.SIGN), at=at).accepted
        stands = not report.is_local or signed.signer == key.fingerprint
        if counts and stands and replace(signed.image, path=image.path) == image:
            return signed
    return None


def verify(
    path: Path,
    *,
    policy: TrustPolicy,
    at: datetime,
    unread: Callable[[Path, Statement], None] | None = None,
    witnessed: datetime | None = None,
    waivers: tuple[Waiver, ...] = (),
    repository: str | None = None,
) -> tuple[SignedImage, VerificationReport]:
    """Return a signed image and how it was verified. Nothing is written, nothing is looked up.

    The signature of the statement, every byte of the file, the signatures inside it, and last the
    policy as it is today, on the evidence that was signed.

    Args:
        path: a `.sif` with its statement beside it, or the folder of a published version.
        policy: whose signatures count.
        at: now.
        unread: sees to the bytes of the file in place of reading it, and refuses what is not as the
            statement says; then the signatures inside it, which the statement covers, are not looked at.
        witnessed: when a repository first published it, as its mount or its catalogue says; the
            policy may ask for it when the signer is gone.
        waivers: the exceptions that the verifier's own policy folder holds; those in the statement
            are what the signer believed, and count for nothing here.
        repository: the fully qualified name of the one that it was read from, where that is known.
            The signer says one as well, and would say a local one to be asked for less.

    Raises:
        Refused: anything is not as it was signed, or not accepted; it says what.
    """
    signed, report = examine(
        path,
        policy=policy,
        at=at,
        unread=unread,
        witnessed=witnessed,
        waivers=waivers,
        repository=repository,
    )
    check_accepted(report, signed.path)
    return signed, report


def check_accepted(report: VerificationReport, path: Path) -> None:
    """Refuse what is as it was signed and the policy of today does not accept.

    Raises:
        Refused: it says why.
    """
    if not report.verdict.accepted:
        raise Refused(
            f"{report.statement.file} is as it was signed, but the policy refuses it:\n"
            f"{reasons(report.verdict)}",
            hint=f"what would change it: pansoft trust explain {path}",
        )


def examine(
    path: Path,
    *,
    policy: TrustPolicy,
    at: datetime,
    unread: Callable[[Path, Statement], None] | None = None,
    witnessed: datetime | None = None,
    waivers: tuple[Waiver, ...] = (),
    repository: str | None = None,
) -> tuple[SignedImage, VerificationReport]:
    """Return what `verify` does, whether the policy accepts it or not; the report has its verdict.

    Raises:
        Refused: anything is not as it was signed; it says what.
    """
    file = _image_file(path)
    if not statements.statement_file(file).exists():
        signatures.verify_sif(file, public_keys=policy.public_keys)  # may know a better reason

    def look(file: Path, statement: Statement, signer: Signer) -> tuple[str, ...]:
        if unread is None:
            return _read_in_full(file, statement, signer)
        unread(file, statement)
        return ()

    report = examined(
        file,
        policy=policy,
        at=at,
        look=look,
        all_there=path.is_dir(),
        witnessed=witnessed,
        waivers=waivers,
        repository=repository,
    )
    return _signed_image(file, report.statement, report.signer), report


def examined(
    file: Path,
    *,
    policy: TrustPolicy,
    at: datetime,
    look: Callable[[Path, Statement, Signer], tuple[str, ...]],
    all_there: bool,
    witnessed: datetime | None = None,
    waivers: tuple[Waiver, ...] = (),
    repository: str | None = None,
) -> VerificationReport:
    """Return what `examine` does of any file with a statement beside it: an image, the manifest of a tree.

    Args:
        file: it.
        policy: whose signatures count.
        at: now.
        look: sees to the bytes that the statement speaks of and refuses others; returns what the
            signatures inside the file cover.
        all_there: whether what the statement says lies beside the file may not be missing.
        witnessed: as for `verify`.
        waivers: as for `verify`.
        repository: as for `verify`.

    Raises:
        Refused: anything is not as it was signed; it says what.
    """
    statement, signature = statements.read(file, public_keys=policy.public_keys)
    signer = policy.signer(signature.fingerprint)
    if signer is None:
        raise Refused(
            f"{file.name} is signed by {signature.fingerprint}, which the policy does not list"
        )
    objects = look(file, statement, signer)
    _check_story(file, statement)
    _check_papers(file, statement, signer=signer, all_there=all_there)
    evidence = replace(
        statement.evidence,
        purpose=Purpose.VERIFY,
        signer=_facts_of(signer),
        signers=_all_signers(file, signer, policy, at),
        signed_sha256=statement.sha256,
        witnessed=witnessed,
        waivers=tuple(each for each in waivers if each.package == statement.image.name),
        repository=repository or statement.evidence.repository,
    )
    now = judge(policy, evidence, at=at)
    return VerificationReport(signer, signature.made, statement, objects, evidence, now)


def _read_in_full(file: Path, statement: Statement, signer: Signer) -> tuple[str, ...]:
    """Check every byte of a file and the signatures inside it; return the objects that those cover."""
    statements.check_bytes(file, statement)
    report = signatures.verify_sif(file, public_keys=[signer.key_file])
    if report.fingerprints != (signer.fingerprint,):
        raise Refused(f"{file.name} and its statement are signed by different keys")
    return report.objects


def evidence_to_publish(
    report: VerificationReport,
    *,
    repository: str,
    expected_plan: PlanId,
    published_sha256: str | None,
    history: tuple[PublishedVersion, ...] | None = None,
) -> Evidence:
    """Return the evidence for publishing a verified image; hand it to `trust.judge.judge`.

    Args:
        report: from `verify`.
        repository: the fully qualified name of the repository.
        expected_plan: the plan that the recipe and the lock in git give now.
        published_sha256: of the file that the repository holds under this name and version;
            None when it holds none.
        history: the versions of the package that the repository holds.
    """
    return replace(
        report.evidence,
        purpose=Purpose.PUBLISH,
        repository=repository,
        expected_plan=expected_plan,
        published=Published(published_sha256),
        history=history,
    )


def _image_file(path: Path) -> Path:
    if not path.is_dir():
        if not path.exists():
            raise UserError(f"there is no {path}", hint="name a .sif file or its folder")
        return path
    found = sorted(path.glob("*.sif"))
    if len(found) != 1:
        raise UserError(
            f"{path} holds {len(found) or 'no'} images, one is expected",
            hint="name the .sif file itself",
        )
    return found[0]


def _check_story(file: Path, statement: Statement) -> None:
    """Refuse a good statement that is not about this package, this version, these bytes."""
    image, evidence, verdict = statement.image, statement.evidence, statement.verdict
    told = {
        (image.name, image.version),
        (evidence.name, evidence.version),
        (verdict.name, verdict.version),
    }
    if len(told) != 1 or (evidence.image_sha256, evidence.plan) != (image.sha256, image.plan):
        raise Refused(f"the statement about {file.name} contradicts itself")
    if not verdict.accepted:
        raise Refused(f"{file.name} was signed although the policy refused it")
    if file.stem != image.name:
        raise Refused(f"{file.name} holds {image.name} {image.version}: it was renamed or swapped")
    here = file.absolute().parent
    if here.parent.name == image.name and here.name != image.version:
        raise Refused(
            f"{file.name} of version {here.name} is {image.name} {image.version}: it was swapped"
        )
    beside = here / VERDICT_FILE
    if beside.is_file() and read_record(beside) != Record(evidence, verdict):
        raise Refused(f"{VERDICT_FILE} beside {file.name} was altered: it is not what was signed")


def _check_papers(file: Path, statement: Statement, *, signer: Signer, all_there: bool) -> None:
    """Refuse bills and provenance beside an image that are not those the statement speaks of.

    Args:
        file: the signed image.
        statement: the one about it, verified.
        signer: who signed both.
        all_there: whether one that is missing is refused: an image may be carried away without.
    """
    told = dict(_bills(statement.evidence))
    if statement.evidence.provenance is not None:
        told[PROVENANCE_FILE] = statement.evidence.provenance.sha256
    for name in (SPDX_FILE, CYCLONEDX_FILE, PROVENANCE_FILE):
        paper = file.with_name(name)
        if not paper.is_file():
            if name in told and all_there:
                raise Refused(f"{name} is missing beside {file.name}")
            continue
        if name == PROVENANCE_FILE:
            found = check_provenance(
                paper.read_bytes(),
                public_keys=[signer.key_file],
                image_sha256=statement.image.sha256,
            ).facts.sha256
        else:
            found = sha256_file(paper)
        if told.get(name) != found:
            raise Refused(f"{name} beside {file.name} was altered: it is not what was signed")


def _signed_image(file: Path, statement: Statement, signer: Signer) -> SignedImage:
    image = statement.image
    return SignedImage(
        image=Image(
            plan=PlanId(image.plan),
            name=image.name,
            version=image.version,
            base=image.base,
            path=file,
            sha256=image.sha256,
            size=image.size,
            delta_size=image.delta_size,
        ),
        path=file,
        sha256=statement.sha256,
        size=statement.size,
        signer=Fingerprint(signer.fingerprint),
        signer_name=signer.name,
    )


def _all_signers(
    file: Path, first: Signer, policy: TrustPolicy, at: datetime
) -> tuple[SignerFacts, ...]:
    """Return who is behind a statement: the one that signed it, and those that signed it as well."""
    also = cosigners(file, public_keys=policy.public_keys)
    others = [policy.signer(each.fingerprint) for each in also]
    keys = dict.fromkeys(_facts_of(each) for each in (first, *others) if each is not None)
    return (*keys, *certified.cosigners(file, authorities=policy.authorities, at=at))


def _facts_of(signer: Signer) -> SignerFacts:
    return _signer_facts(gnupg.read_key(signer.key_file))


def _signer_facts(key: gnupg.PublicKey) -> SignerFacts:
    return SignerFacts(key.fingerprint, key.name, key.created, key.expires, key.revoked)


def read_record(file: Path) -> Record:
    """Return a kept decision.

    Raises:
        UserError: the file is not one.
    """
    try:
        content = file.read_bytes()
    except OSError as err:
        raise UserError(f"{file} is not a kept verdict") from err
    return parse_record(content, what=str(file))


def parse_record(content: bytes, *, what: str) -> Record:
    """Return a kept decision; `what` names it in messages.

    Raises:
        UserError: it is not one.
    """
    try:
        data = json.loads(content)
        if data["schema"] != _RECORD_SCHEMA:
            raise UserError(f"{what} has the form {data['schema']}", hint="update pansoft")
        return record_of(data)
    except Undecodable as err:
        raise UserError(f"{what} cannot be read: {err}") from err
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise UserError(f"{what} is not a kept verdict") from err


def record_of(data: Mapping[str, object]) -> Record:
    """Return the decision in the JSON of a kept one or of a statement.

    Raises:
        Undecodable: it says something else.
    """
    return from_json(Record, {"evidence": data["evidence"], "verdict": data["verdict"]})


def records(signed: Path) -> Iterator[Record]:
    """Yield the decisions kept in a folder of signed images, accepted and refused ones.

    Args:
        signed: the parent of the folders that `sign` makes.
    """
    kept = [*signed.glob(f"*/{VERDICT_FILE}"), *signed.glob("*.refused.json")]
    for file in sorted(kept):
        with contextlib.suppress(UserError):  # being written or removed right now
            yield read_record(file)


def _record_text(record: Record) -> str:
    data: dict[str, Json] = {
        "schema": _RECORD_SCHEMA,
        "evidence": to_json(record.evidence),
        "verdict": to_json(record.verdict),
        "accepted": record.verdict.accepted,
    }
    return readable_json(data)


def _refused_file(folder: Path) -> Path:
    return folder.with_name(folder.name + ".refused.json")


def _sweep(folder: Path) -> None:
    """Remove what a killed run left beside the folder; the lock says that nobody is at work."""
    leftover = re.compile(rf"\.{re.escape(folder.name)}\.(old\.)?[a-z0-9_]{{8}}\Z")
    with os.scandir(folder.parent) as entries:
        for entry in entries:
            if leftover.match(entry.name) and entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)


def text(report: VerificationReport) -> str:
    """Return a verification as people read it."""
    statement, then, now = report.statement, report.statement.verdict, report.verdict
    image = statement.image
    local = "\n           a local key, valid for this state folder only" if report.is_local else ""
    passed = ", ".join(finding.rule for finding in now.findings if finding.outcome == "passed")
    return "\n".join(
        [
            f"{image.name} {image.version}: accepted",
            f"signed by  {report.signer.name} ({report.signer.fingerprint}){local}",
            f"signed on  {report.signed_at:%Y-%m-%d %H:%M:%S} UTC",
            f"policy     version {then.policy_version}, sha256 {then.policy_sha256}"
            + ("" if then.policy_sha256 == now.policy_sha256 else ", which has changed since"),
            f"accepted   by version {now.policy_version} of the policy today: {passed}",
            f"file       sha256 {statement.sha256}, {statement.size} bytes, all of them covered",
            f"objects    {', '.join(report.objects)}",
            f"plan       {image.plan}",
        ]
    )


def as_json(report: VerificationReport) -> dict[str, Json]:
    """Return a verification as programs read it."""
    statement = report.statement
    return {
        "accepted": True,
        "name": statement.image.name,
        "version": statement.image.version,
        "plan": statement.image.plan,
        "sha256": statement.sha256,
        "size": statement.size,
        "signer": {
            "name": report.signer.name,
            "fingerprint": report.signer.fingerprint,
            "origin": str(report.signer.origin),
        },
        "signed_at": to_json(report.signed_at),
        "objects": list(report.objects),
        "verdict_at_signing": to_json(statement.verdict),
        "verdict_now": to_json(report.verdict),
    }
