# SPDX-License-Identifier: BSD-3-Clause
"""Signatures of several facilities, and what becomes of them when one leaves or loses its key."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from builder import sign as signing
from builder.evidence.sbom import FILES
from builder.stages import Image, SignedImage
from core import process
from core.errors import Refused
from core.files import sha256_file
from pansoft import cosigning
from tests.authorities import TestAuthority
from tests.builder.test_sign import NOW, PLAN, evidence_about, sign
from tests.gpg_homes import GpgHome, gpg_home_in
from tests.trust.conftest import tiny_sif
from trust.keys import local_key, local_policy
from trust.keys.agent import AgentKey
from trust.policy import TrustPolicy, load_policy
from trust.programs import armors, gnupg
from trust.signing import certified, signatures
from trust.signing.cosignatures import cosignature_file, cosigners

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs")

ROOT = Path(__file__).parents[2]
GONE = "removed: {on: 2026-05-20, why: its key was lost%s}"


@dataclass(frozen=True, slots=True)
class Facilities:
    """Three facilities' keys in one gpg home; the third is listed nowhere."""

    home: GpgHome
    first: AgentKey
    second: AgentKey
    third: AgentKey

    def policy(self, folder: Path, *, of_first: str = "", local: Path | None = None) -> TrustPolicy:
        """Write and read a policy that lists the first two, with a line more about the first."""
        (folder / "keys").mkdir(parents=True, exist_ok=True)
        rows = []
        for key, name in ((self.first, "First"), (self.second, "Second")):
            shutil.copy(key.public_file, folder / "keys" / f"{name}.asc")
            more = f"\n    {of_first}" if of_first and name == "First" else ""
            rows.append(
                f'  - name: {name}\n    fingerprint: "{key.fingerprint}"\n'
                f'    key: keys/{name}.asc\n    packages: ["*"]{more}\n'
            )
        text = (ROOT / "trust-policy" / "policy.yaml").read_text()
        assert "signers: []" in text
        (folder / "policy.yaml").write_text(
            text.replace("signers: []", "signers:\n" + "".join(rows))
        )
        return load_policy(folder, local=local)


@pytest.fixture(scope="session")
def facilities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facilities]:
    folder = tmp_path_factory.mktemp("facilities")
    home = gpg_home_in(tmp_path_factory.mktemp("agent"))
    keys = [
        home.key(folder / name, home.new_key(name), at=NOW) for name in ("first", "second", "third")
    ]
    yield Facilities(home, *keys)
    home.forget()


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    path = tiny_sif(tmp_path_factory.mktemp("images"))
    for name in FILES:
        path.with_name(name).write_text(f"the {name} of tiny\n")
    size = path.stat().st_size
    return Image(PLAN, "tiny", "1.0", "debian-12", path, sha256_file(path), size, 4096)


@pytest.fixture(scope="session")
def signed(
    facilities: Facilities, image: Image, tmp_path_factory: pytest.TempPathFactory
) -> SignedImage:
    folder = tmp_path_factory.mktemp("signed")
    return sign(
        image,
        evidence=evidence_about(image),
        policy=facilities.policy(folder / "policy"),
        key=facilities.first,
        folder=folder / PLAN,
        at=NOW,
    )


@pytest.fixture
def version(signed: SignedImage, tmp_path: Path) -> Path:
    """The folder of a version as it would be published, signed by the first facility."""
    folder = tmp_path / "images" / "tiny" / "1.0"
    shutil.copytree(signed.path.parent, folder)
    return folder


def fingerprints(
    version: Path, policy: TrustPolicy, *, witnessed: datetime | None = None
) -> set[str]:
    """Return whose good signatures a version has that the policy accepts."""
    _, report = signing.verify(version, policy=policy, at=NOW, witnessed=witnessed)
    return {each.fingerprint for each in report.evidence.signers or ()}


def test_a_second_facility_stands_behind_an_image(
    facilities: Facilities, version: Path, tmp_path: Path
) -> None:
    policy = facilities.policy(tmp_path / "policy")
    before = fingerprints(version, policy)

    file = cosigning.cosign(version, policy=policy, key=facilities.second, at=NOW)

    assert file == cosignature_file(version / "tiny.sif", facilities.second.fingerprint)
    assert before == {facilities.first.fingerprint}
    assert fingerprints(version, policy) == before | {facilities.second.fingerprint}
    statement = version / "tiny.sif.statement.json"
    home = tmp_path / "gpg"
    home.mkdir(mode=0o700)
    gpg: tuple[str | Path, ...] = ("gpg", "--homedir", home, "--batch", "--no-autostart")
    process.run([*gpg, "--import", facilities.second.public_file], reason="ask gpg itself")
    process.run([*gpg, "--verify", file, statement], reason="ask gpg itself")


def test_a_further_signature_that_is_spoilt_or_unknown_speaks_for_nobody(
    facilities: Facilities, version: Path, tmp_path: Path
) -> None:
    policy = facilities.policy(tmp_path / "policy")
    statement = version / "tiny.sif.statement.json"
    file = cosignature_file(version / "tiny.sif", facilities.second.fingerprint)
    of_second = facilities.second.sign_detached(statement.read_bytes(), what="it")
    wrong = (
        facilities.second.sign_detached(b"something else", what="it"),
        b"no signature",
        facilities.third.sign_detached(statement.read_bytes(), what="it"),
        (version / f"{statement.name}.asc").read_bytes(),
    )

    def speak() -> list[str]:
        found = cosigners(version / "tiny.sif", public_keys=policy.public_keys)
        return [each.fingerprint for each in found]

    for content in wrong:
        file.write_bytes(content)
        assert speak() == []
    assert fingerprints(version, policy) == {facilities.first.fingerprint}
    file.write_bytes(of_second)
    assert speak() == [facilities.second.fingerprint]


def test_who_does_not_count_or_has_signed_already_is_told_so(
    facilities: Facilities, version: Path, tmp_path: Path
) -> None:
    policy = facilities.policy(tmp_path / "policy")

    with pytest.raises(Refused, match="would not count: the policy does not list the key"):
        cosigning.cosign(version, policy=policy, key=facilities.third, at=NOW)
    with pytest.raises(Refused, match="is signed by this very key"):
        cosigning.cosign(version, policy=policy, key=facilities.first, at=NOW)
    (version / "tiny.sif").write_bytes(b"another file")
    with pytest.raises(Refused, match="is not the file that was signed"):
        cosigning.cosign(version, policy=policy, key=facilities.second, at=NOW)


def test_a_removed_signers_image_is_refused_until_another_signs_it_as_well(
    facilities: Facilities, version: Path, tmp_path: Path
) -> None:
    policy = facilities.policy(tmp_path / "policy", of_first=GONE % "")
    with pytest.raises(Refused, match="First is removed since 2026-05-20: its key was lost"):
        fingerprints(version, policy)

    cosigning.cosign(version, policy=policy, key=facilities.second, at=NOW)

    assert facilities.second.fingerprint in fingerprints(version, policy)
    with pytest.raises(Refused, match="would not count: First is removed"):
        cosigning.cosign(version, policy=policy, key=facilities.first, at=NOW)


def test_what_the_repository_had_before_the_day_stays_accepted(
    facilities: Facilities, version: Path, tmp_path: Path
) -> None:
    """The thief of a key can date a signature back; the repository's day is another witness."""
    day = (NOW + timedelta(days=1)).date()
    policy = facilities.policy(tmp_path / "policy", of_first=GONE % f", accept_before: {day}")

    assert fingerprints(version, policy, witnessed=NOW) == {facilities.first.fingerprint}
    for late in (None, NOW + timedelta(days=2)):
        with pytest.raises(Refused, match=f"only what was published before {day} is accepted"):
            fingerprints(version, policy, witnessed=late)


def test_a_removed_signer_signs_nothing_new(
    facilities: Facilities, image: Image, tmp_path: Path
) -> None:
    day = (NOW + timedelta(days=1)).date()
    policy = facilities.policy(tmp_path / "policy", of_first=GONE % f", accept_before: {day}")

    with pytest.raises(signing.SigningRefused, match="First is removed since"):
        sign(
            image,
            evidence=evidence_about(image),
            policy=policy,
            key=facilities.first,
            folder=tmp_path / PLAN,
            at=NOW,
        )

    assert not (tmp_path / PLAN).exists()


def test_a_revoked_key_verifies_what_the_policy_keeps_and_only_that(
    facilities: Facilities, version: Path, tmp_path: Path
) -> None:
    prepared = facilities.home.folder / "openpgp-revocs.d" / f"{facilities.first.fingerprint}.rev"
    certificate = prepared.read_text().replace(":-----BEGIN", "-----BEGIN").encode()
    block = certificate[certificate.index(b"-----BEGIN") :]
    revoked = armors.dearmor(facilities.first.public_file.read_bytes()) + armors.dearmor(block)
    keys = tmp_path / "policy" / "keys"
    keys.mkdir(parents=True)
    (keys / "First.revoked.asc").write_bytes(armors.armor("PUBLIC KEY BLOCK", revoked))
    day = (NOW + timedelta(days=1)).date()

    policy = facilities.policy(
        tmp_path / "policy",
        of_first=f"{GONE % f', accept_before: {day}'}\n    revoked_key: keys/First.revoked.asc",
    )

    signer = policy.signer(facilities.first.fingerprint)
    assert signer is not None
    assert gnupg.read_key(signer.ring_file).revoked
    assert fingerprints(version, policy, witnessed=NOW)
    with pytest.raises(Refused, match="only what was published before"):
        fingerprints(version, policy)
    shutil.copy(keys / "First.revoked.asc", keys / "First.asc")
    with pytest.raises(Refused, match="signed by the revoked key"):
        fingerprints(version, policy, witnessed=NOW)


def test_a_release_key_replaces_the_signature_of_a_local_one(
    facilities: Facilities, image: Image, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    local = local_key(state)
    policy = facilities.policy(tmp_path / "policy", local=local_policy(state))
    told = {"evidence": evidence_about(image), "policy": policy, "folder": tmp_path / PLAN}
    first = sign(image, key=local, at=NOW, **told)
    again = sign(image, key=local, at=NOW, **told)

    better = sign(image, key=facilities.first, at=NOW, **told)
    kept = sign(image, key=facilities.second, at=NOW, **told)

    assert (first, again.signer) == (again, local.fingerprint)
    assert better.signer == facilities.first.fingerprint
    assert kept == better


@pytest.fixture(scope="session")
def authority() -> TestAuthority:
    return TestAuthority("ILL", NOW - timedelta(days=1))


@pytest.fixture(scope="session")
def holder() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


AUTHORITY = """authorities:
  - name: ILL
    certificates: keys/ill.pem
    revocations: keys/ill.crl.pem
    holders:
      - {name: ILL release, subject: "CN=release", packages: ["*"], roles: [release], facility: ill}

"""


def with_authority(
    facilities: Facilities, folder: Path, authority: TestAuthority, **more: Any
) -> TrustPolicy:
    """Return the policy with an authority that has one holder."""
    facilities.policy(folder, of_first=more.pop("of_first", ""))
    authority.write(folder, "ill", **more)
    file = folder / "policy.yaml"
    file.write_text(file.read_text().replace("repositories:\n", AUTHORITY + "repositories:\n", 1))
    return load_policy(folder)


def certify(
    version: Path, policy: TrustPolicy, chain: bytes, key: ec.EllipticCurvePrivateKey
) -> Path:
    def sign(data: bytes) -> bytes:
        return key.sign(data, ec.ECDSA(hashes.SHA256()))

    return cosigning.cosign_certified(version, policy=policy, chain=chain, sign=sign, at=NOW)


def test_the_holder_of_a_certificate_stands_behind_an_image(
    facilities: Facilities,
    authority: TestAuthority,
    holder: ec.EllipticCurvePrivateKey,
    version: Path,
    tmp_path: Path,
) -> None:
    chain = authority.issue("release", holder.public_key())
    policy = with_authority(facilities, tmp_path / "policy", authority)

    file = certify(version, policy, chain, holder)

    first = facilities.first.fingerprint
    assert fingerprints(version, policy) == {first, "x509:ILL:CN=release"}
    gone = with_authority(facilities, tmp_path / "gone", authority, of_first=GONE % "")
    assert fingerprints(version, gone) == {first, "x509:ILL:CN=release"}
    assert signatures.verify_sif(
        version / "tiny.sif", public_keys=[facilities.first.public_file]
    ).fingerprints == (first,), "nothing was put into the image"

    envelope = json.loads(file.read_text())
    other = {**envelope, "payload": base64.b64encode(b"{}").decode()}
    wrong: list[Any] = [other, {**envelope, "signatures": []}, [], {"payload": 1}]

    def speak(policy: TrustPolicy) -> list[tuple[str, bool]]:
        authorities = policy.authorities
        found = certified.cosigners(version / "tiny.sif", authorities=authorities, at=NOW)
        return [(each.fingerprint, each.revoked) for each in found]

    for spoilt in wrong:
        file.write_text(json.dumps(spoilt))
        assert speak(policy) == []
    file.write_text(json.dumps(envelope))
    another = with_authority(facilities, tmp_path / "another", TestAuthority("ILL", NOW))
    revoked = authority.lists(revoked=[chain])
    late = with_authority(
        facilities, tmp_path / "late", authority, of_first=GONE % "", lists=revoked
    )
    assert speak(facilities.policy(tmp_path / "without")) == speak(another) == []
    assert speak(late) == [("x509:ILL:CN=release", True)]
    with pytest.raises(Refused, match="First is removed"):
        fingerprints(version, late)


def test_a_certificate_that_would_not_count_signs_nothing(
    facilities: Facilities,
    authority: TestAuthority,
    holder: ec.EllipticCurvePrivateKey,
    version: Path,
    tmp_path: Path,
) -> None:
    before = sorted(version.iterdir())
    chain = authority.issue("release", holder.public_key())
    other = authority.issue("other", holder.public_key())
    listed = with_authority(facilities, tmp_path / "policy", authority)
    revoked = authority.lists(revoked=[chain])
    late = with_authority(facilities, tmp_path / "late", authority, lists=revoked)

    with pytest.raises(Refused, match="does not list the key x509:ILL:CN=other"):
        certify(version, listed, other, holder)
    with pytest.raises(Refused, match="the key of ILL release is revoked"):
        certify(version, late, chain, holder)
    with pytest.raises(Refused, match="the policy lists no authority"):
        certify(version, facilities.policy(tmp_path / "none"), chain, holder)

    assert sorted(version.iterdir()) == before
