# SPDX-License-Identifier: BSD-3-Clause
"""From an image to a signed one and back: what is refused, and what a killed run leaves."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from builder import sign as signing
from builder.evidence.provenance import PREDICATE, STATEMENT, Provenance
from builder.evidence.sbom import FILES
from builder.sign import SigningRefused, verify
from builder.stages import Image, PlanId, SignedImage
from core import process
from core.errors import Refused, UserError
from core.files import sha256_file
from trust import keys
from trust.decisions.decision import Kind
from trust.decisions.waiting import waiting
from trust.evidence import (
    BillFacts,
    BuildFacts,
    Component,
    Evidence,
    Input,
    LicenceFacts,
    PackageFacts,
    ProvenanceFacts,
    Purpose,
    ReleaseFacts,
    ScanFacts,
    TestFacts,
)
from trust.judge import judge
from trust.keys import SigningKey
from trust.policy import TrustPolicy, load_policy
from trust.signing import dsse, sif

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs")

ROOT = Path(__file__).parents[2]
# later than the keys that fixtures make, however long the run takes to come to them
NOW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
PLAN = PlanId("ab" * 32)
CONTENTS = (
    Component("pkg:pypi/numpy@2.4", "numpy", "2.4", ("BSD-3-Clause",)),
    Component("pkg:pypi/comm@0.2", "comm", "0.2"),
)


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a state with spaces")


@pytest.fixture(scope="session")
def key(state: Path) -> SigningKey:
    return keys.local_key(state)


@pytest.fixture(scope="session")
def policy(state: Path, key: SigningKey) -> TrustPolicy:
    return load_policy(ROOT / "trust-policy", local=keys.local_policy(state))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("images")
    path = folder / "unsigned.sif"
    process.run(["apptainer", "sif", "new", path], reason="make a test image")
    for name, kind in (("base", "2"), ("delta", "4")):
        (folder / name).mkdir()
        (folder / name / "file").write_text(name * 1000)
        squashfs = folder / f"{name}.sqfs"
        process.run(
            ["mksquashfs", folder / name, squashfs, "-quiet", "-no-progress"],
            reason="make a test image",
        )
        process.run(
            [
                *("apptainer", "sif", "add", path, squashfs, "--datatype", "4", "--parttype", kind),
                *("--partfs", "1", "--partarch", "2", "--groupid", "1", "--filename", name),
            ],
            reason="make a test image",
        )
    for name in FILES:
        (folder / name).write_text(f"the {name} of tiny\n")
    size = path.stat().st_size
    return Image(PLAN, "tiny", "1.0", "debian-12", path, sha256_file(path), size, 4096)


def provenance_about(image: Image) -> Provenance:
    """Return the least that is provenance; tests/builder/evidence has a real one."""
    asked = {"commit": "c" * 40, "changedSinceCommit": False}
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": "tiny.sif", "digest": {"sha256": image.sha256}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {"externalParameters": asked},
            "runDetails": {"builder": {"id": "urn:test"}},
        },
    }
    payload = json.dumps(statement).encode()
    sha256 = hashlib.sha256(payload).hexdigest()
    return Provenance(payload, ProvenanceFacts(sha256, "urn:test", "c" * 40, changed=False))


def sign(image: Image, **more: Any) -> SignedImage:
    return signing.sign(image, provenance=provenance_about(image), **more)


def evidence_about(image: Image) -> Evidence:
    spdx, cyclonedx = (sha256_file(image.path.with_name(name)) for name in FILES)
    return Evidence(
        purpose=Purpose.SIGN,
        name=image.name,
        version=image.version,
        base=image.base,
        plan=image.plan,
        expected_plan=image.plan,
        image_sha256=image.sha256,
        build=BuildFacts((Input("libc6", "0" * 64),), network_off=True, risky_files=()),
        tests=TestFacts(image.sha256, ("starts",), (), kinds=("command",)),
        scan=ScanFacts(2, ()),
        bill=BillFacts(spdx, cyclonedx, 2, 1, CONTENTS),
        provenance=provenance_about(image).facts,
        licence=LicenceFacts("MIT", "allowed"),
        release=ReleaseFacts("testing", None),
        repository="software.pansoft.local",
        bases=(image.base,),
        package=PackageFacts(("commands",), ("command",)),
    )


@pytest.fixture(scope="session")
def signed(
    tmp_path_factory: pytest.TempPathFactory, image: Image, policy: TrustPolicy, key: SigningKey
) -> SignedImage:
    folder = tmp_path_factory.mktemp("signed") / PLAN
    return sign(
        image, evidence=evidence_about(image), policy=policy, key=key, folder=folder, at=NOW
    )


@pytest.fixture
def published(tmp_path: Path, signed: SignedImage) -> Path:
    """The folder of a published version, as it lies in a repository; it may be spoilt."""
    folder = tmp_path / "images" / "tiny" / "1.0"
    shutil.copytree(signed.path.parent, folder)
    return folder


def test_a_signed_image_names_its_signer_and_keeps_what_was_built(
    signed: SignedImage, image: Image, key: SigningKey
) -> None:
    assert replace(signed.image, path=image.path) == image
    assert signed.signer == key.fingerprint
    assert signed.signer_name == "local demo key"
    assert signed.sha256 == sha256_file(signed.path) != image.sha256


def test_the_unsigned_image_is_left_as_it_was(signed: SignedImage, image: Image) -> None:
    assert sha256_file(image.path) == image.sha256


def test_a_published_folder_is_verified(published: Path, policy: TrustPolicy) -> None:
    found, report = verify(published, policy=policy, at=NOW)

    assert found.path == published / "tiny.sif"
    assert report.is_local
    assert report.objects == (
        "data object 1 (primary partition 'base')",
        "data object 2 (overlay partition 'delta')",
    )
    said = signing.text(report)
    assert "a local key, valid for this state folder only" in said
    assert policy.sha256 in said
    json.dumps(signing.as_json(report))


def test_a_published_file_is_verified(published: Path, policy: TrustPolicy) -> None:
    assert verify(published / "tiny.sif", policy=policy, at=NOW)[0].image.name == "tiny"


def test_verifying_writes_nothing(published: Path, policy: TrustPolicy) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in published.parent.rglob("*"))
    for path in (*published.iterdir(), published):
        path.chmod(0o555 if path.is_dir() else 0o444)

    verify(published, policy=policy, at=NOW)

    published.chmod(0o755)
    assert before == sorted((path, path.stat().st_mtime_ns) for path in published.parent.rglob("*"))


@pytest.mark.needs("squashfuse", "fusermount3")
def test_a_read_only_mount_is_verified(
    published: Path, policy: TrustPolicy, tmp_path: Path
) -> None:
    squashfs, mount = tmp_path / "published.sqfs", tmp_path / "read only"
    mount.mkdir()
    tree = published.parent.parent.parent
    process.run(["mksquashfs", tree, squashfs, "-quiet", "-no-progress"], reason="pack it")
    process.run(["squashfuse", squashfs, mount], reason="mount it")
    try:
        signed, _ = verify(mount / "images" / "tiny" / "1.0", policy=policy, at=NOW)
    finally:
        process.run(["fusermount3", "-u", mount], reason="unmount it")

    assert signed.path == mount / "images" / "tiny" / "1.0" / "tiny.sif"


def test_verifying_needs_no_home(
    published: Path, policy: TrustPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "APPTAINER_KEYSDIR"):
        monkeypatch.delenv(name, raising=False)

    assert verify(published, policy=policy, at=NOW)


def _every_part(path: Path) -> Iterator[tuple[int, str]]:
    for part in sif.parts(sif.read(path)):
        yield part.offset, part.name
        yield part.offset + part.size // 2, part.name
        yield part.offset + part.size - 1, part.name


def test_one_changed_byte_anywhere_is_refused_and_named(
    published: Path, policy: TrustPolicy
) -> None:
    path = published / "tiny.sif"
    whole = path.read_bytes()
    places = list(_every_part(path))
    names = {name for _, name in places}
    assert {
        "the header",
        "the space after the header",
        "the descriptor of data object 2 (overlay partition 'delta')",
        "the unused descriptors",
        "the padding before data object 1 (primary partition 'base')",
        "data object 1 (primary partition 'base')",
        "data object 2 (overlay partition 'delta')",
        "data object 3 (signature)",
    } <= names
    for offset, name in places:
        spoilt = bytearray(whole)
        spoilt[offset] ^= 0x01
        path.write_bytes(spoilt)

        with pytest.raises(Refused) as refused:
            verify(published, policy=policy, at=NOW)

        assert f"{name} was altered" in refused.value.message, offset


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda raw: raw + b"\0", "1 bytes were appended", id="appended"),
        pytest.param(lambda raw: raw[:-1], "cut short by 1 bytes, in data object 3", id="cut"),
        pytest.param(lambda raw: raw[:100], "cut short", id="cut in the header"),
        pytest.param(lambda raw: b"", "cut short", id="empty"),
        pytest.param(lambda raw: b"\0" * len(raw), "the header was altered", id="zeroed"),
    ],
)
def test_a_longer_or_shorter_file_is_refused(
    published: Path, policy: TrustPolicy, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    path = published / "tiny.sif"
    path.write_bytes(spoil(path.read_bytes()))

    with pytest.raises(Refused, match=reason):
        verify(published, policy=policy, at=NOW)


@pytest.mark.parametrize("file", ["tiny.sif.statement.json", "tiny.sif.statement.json.asc"])
def test_a_missing_statement_is_refused(published: Path, policy: TrustPolicy, file: str) -> None:
    (published / file).unlink()

    with pytest.raises(Refused, match=f"{file} is missing"):
        verify(published, policy=policy, at=NOW)


def test_an_unsigned_image_is_refused_as_such(image: Image, policy: TrustPolicy) -> None:
    with pytest.raises(Refused, match="is not signed"):
        verify(image.path, policy=policy, at=NOW)


def test_a_changed_statement_is_refused(published: Path, policy: TrustPolicy) -> None:
    file = published / "tiny.sif.statement.json"
    file.write_text(file.read_text().replace('"MIT"', '"ISC"'))

    with pytest.raises(Refused, match=r"tiny.sif.statement.json was altered"):
        verify(published, policy=policy, at=NOW)


def test_a_changed_verdict_is_refused(published: Path, policy: TrustPolicy) -> None:
    file = published / "verdict.json"
    file.write_text(file.read_text().replace('"MIT"', '"ISC"'))

    with pytest.raises(Refused, match=r"verdict.json beside tiny.sif was altered"):
        verify(published, policy=policy, at=NOW)


@pytest.mark.parametrize("file", FILES)
def test_a_changed_bill_is_refused(published: Path, policy: TrustPolicy, file: str) -> None:
    (published / file).write_text("another")

    with pytest.raises(Refused, match=f"{file} beside tiny.sif was altered"):
        verify(published, policy=policy, at=NOW)


def test_changed_provenance_is_refused(published: Path, policy: TrustPolicy) -> None:
    file = published / "provenance.json"
    envelope = json.loads(file.read_text())
    payload = base64.b64decode(envelope["payload"]).replace(b"urn:test", b"urn:evil")
    file.write_text(json.dumps(envelope | {"payload": base64.b64encode(payload).decode()}))

    with pytest.raises(Refused, match=r"provenance.json was altered"):
        verify(published, policy=policy, at=NOW)


def test_good_provenance_of_another_run_is_refused(
    published: Path, policy: TrustPolicy, key: SigningKey, image: Image
) -> None:
    """Signed by the right key, about the right image, and still not what the verdict rests on."""
    payload = provenance_about(image).payload.replace(b"urn:test", b"urn:else")
    (published / "provenance.json").write_text(dsse.seal(payload, key=key))

    with pytest.raises(Refused, match=r"provenance.json beside tiny.sif was altered"):
        verify(published, policy=policy, at=NOW)


@pytest.mark.parametrize("file", [*FILES, "provenance.json"])
def test_a_folder_without_a_paper_is_refused_and_an_image_alone_is_not(
    published: Path, policy: TrustPolicy, file: str
) -> None:
    (published / file).unlink()

    with pytest.raises(Refused, match=f"{file} is missing beside tiny.sif"):
        verify(published, policy=policy, at=NOW)
    assert verify(published / "tiny.sif", policy=policy, at=NOW)


def test_a_bill_that_changed_since_the_build_is_not_signed(
    tmp_path: Path, image: Image, policy: TrustPolicy, key: SigningKey
) -> None:
    moved = tmp_path / "image" / "unsigned.sif"
    shutil.copytree(image.path.parent, moved.parent)
    (moved.parent / FILES[0]).write_text("another")

    with pytest.raises(Refused, match=f"{FILES[0]} beside .* its sha256 has changed"):
        sign(
            replace(image, path=moved),
            evidence=evidence_about(image),
            policy=policy,
            key=key,
            folder=tmp_path / PLAN,
            at=NOW,
        )
    assert not (tmp_path / PLAN).exists()


def test_a_signature_of_another_state_is_refused(published: Path) -> None:
    policy = load_policy(ROOT / "trust-policy")

    with pytest.raises(Refused, match="which the policy does not list"):
        verify(published, policy=policy, at=NOW)


def test_a_disabled_signer_is_refused_with_the_reason(published: Path, policy: TrustPolicy) -> None:
    disabled = tuple(replace(each, disabled="stolen") for each in policy.signers)

    with pytest.raises(Refused, match="disabled the key of local demo key: stolen"):
        verify(published, policy=replace(policy, signers=disabled), at=NOW)


def test_a_version_put_in_place_of_another_is_refused(published: Path, policy: TrustPolicy) -> None:
    swapped = published.rename(published.with_name("2.0"))

    with pytest.raises(Refused, match=r"of version 2.0 is tiny 1.0: it was swapped"):
        verify(swapped, policy=policy, at=NOW)


def test_a_renamed_image_is_refused(published: Path, policy: TrustPolicy) -> None:
    for file in list(published.glob("tiny.*")):
        file.rename(file.with_name(file.name.replace("tiny", "huge")))

    with pytest.raises(Refused, match=r"speaks of tiny.sif, not of huge.sif"):
        verify(published, policy=policy, at=NOW)


@pytest.mark.parametrize(
    ("repository", "plan", "held", "refused"),
    [
        pytest.param("software.pansoft.local", PLAN, None, [], id="new"),
        pytest.param("software.pansoft.local", PLAN, "same", [], id="again"),
        pytest.param("software.pansoft.local", PLAN, "9" * 64, ["version-immutable"], id="other"),
        pytest.param("software.pansoft.local", "9" * 64, None, ["plan-matches"], id="old plan"),
        pytest.param(
            "software.pan.org",
            PLAN,
            None,
            ["signer-trusted", "signers-enough", "ref-protected", "redistribution"],
            id="not local",
        ),
    ],
)
def test_a_verified_image_is_judged_again_to_publish_it(
    published: Path,
    policy: TrustPolicy,
    repository: str,
    plan: PlanId,
    held: str | None,
    refused: list[str],
) -> None:
    signed, report = verify(published, policy=policy, at=NOW)

    evidence = signing.evidence_to_publish(
        report,
        repository=repository,
        expected_plan=plan,
        published_sha256=signed.sha256 if held == "same" else held,
        history=(),
    )

    found = [each.rule for each in judge(policy, evidence, at=NOW).refusals]
    assert [rule for rule in found if rule in refused] == refused
    assert bool(found) is bool(
        refused
    )  # what a public repository asks beyond this is told elsewhere


def test_what_is_read_from_a_shared_repository_is_asked_for_more_than_its_signer_says(
    published: Path, policy: TrustPolicy
) -> None:
    assert verify(published, policy=policy, at=NOW)

    with pytest.raises(Refused, match="signers-enough"):
        verify(published, policy=policy, at=NOW, repository="software.pan.org")


def test_a_path_that_is_not_there_is_the_users_to_mend(tmp_path: Path, policy: TrustPolicy) -> None:
    with pytest.raises(UserError, match="there is no"):
        verify(tmp_path / "none.sif", policy=policy, at=NOW)
    with pytest.raises(UserError, match="holds no images"):
        verify(tmp_path, policy=policy, at=NOW)


def test_signing_twice_signs_once(
    tmp_path: Path, image: Image, policy: TrustPolicy, key: SigningKey
) -> None:
    folder = tmp_path / PLAN

    first, second = (
        sign(image, evidence=evidence_about(image), policy=policy, key=key, folder=folder, at=NOW)
        for _ in range(2)
    )

    assert first == second


def test_an_altered_signed_image_is_signed_anew(
    tmp_path: Path, image: Image, policy: TrustPolicy, key: SigningKey
) -> None:
    folder = tmp_path / PLAN
    (folder / "tiny.sif").parent.mkdir()
    (folder / "tiny.sif").write_bytes(b"half")

    signed = sign(
        image, evidence=evidence_about(image), policy=policy, key=key, folder=folder, at=NOW
    )

    assert verify(signed.path, policy=policy, at=NOW)


def test_what_the_policy_refuses_is_not_signed_and_the_verdict_is_kept(
    tmp_path: Path, image: Image, policy: TrustPolicy, key: SigningKey
) -> None:
    failed = TestFacts(image.sha256, ("starts",), ("computes",))
    evidence = replace(evidence_about(image), tests=failed)
    folder = tmp_path / PLAN

    with pytest.raises(SigningRefused, match="tests-passed: failed: computes") as refused:
        sign(image, evidence=evidence, policy=policy, key=key, folder=folder, at=NOW)

    assert refused.value.exit_code == 3
    assert not folder.exists()
    kept = list(signing.records(tmp_path))
    assert [record.verdict for record in kept] == [refused.value.verdict]


def test_a_later_signature_takes_the_refusal_away(
    tmp_path: Path, image: Image, policy: TrustPolicy, key: SigningKey
) -> None:
    folder = tmp_path / PLAN
    with pytest.raises(SigningRefused):
        sign(
            image,
            evidence=replace(evidence_about(image), tests=None),
            policy=policy,
            key=key,
            folder=folder,
            at=NOW,
        )

    sign(image, evidence=evidence_about(image), policy=policy, key=key, folder=folder, at=NOW)

    assert [record.verdict.accepted for record in signing.records(tmp_path)] == [True]


def test_an_image_changed_after_its_tests_is_not_signed(
    tmp_path: Path, image: Image, policy: TrustPolicy, key: SigningKey
) -> None:
    changed = tmp_path / "changed.sif"
    changed.write_bytes(image.path.read_bytes() + b"\0")

    with pytest.raises(Refused, match="its sha256 has changed"):
        sign(
            replace(image, path=changed),
            evidence=evidence_about(image),
            policy=policy,
            key=key,
            folder=tmp_path / PLAN,
            at=NOW,
        )
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_evidence_about_another_image_is_not_taken(
    tmp_path: Path, image: Image, policy: TrustPolicy, key: SigningKey
) -> None:
    evidence = replace(evidence_about(image), name="other")

    with pytest.raises(Refused, match="not about this image"):
        sign(image, evidence=evidence, policy=policy, key=key, folder=tmp_path / PLAN, at=NOW)


@pytest.mark.parametrize("after_s", [0.3, 0.5, 0.7, 0.9])
def test_killed_at_any_moment_there_is_a_whole_image_or_none(
    tmp_path: Path,
    image: Image,
    policy: TrustPolicy,
    key: SigningKey,
    after_s: float,
) -> None:
    """A child signs and is killed; what it leaves is verified, and signing again ends well."""
    folder = tmp_path / PLAN
    child = os.fork()
    if child == 0:  # pragma: no cover - the child
        try:
            sign(
                image,
                evidence=evidence_about(image),
                policy=policy,
                key=key,
                folder=folder,
                at=NOW,
            )
        finally:
            os._exit(0)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    if folder.exists():
        verify(folder, policy=policy, at=NOW)
    sign(image, evidence=evidence_about(image), policy=policy, key=key, folder=folder, at=NOW)

    assert verify(folder, policy=policy, at=NOW)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [PLAN]


def test_a_killed_run_leaves_no_half_image_and_its_rest_is_swept(
    tmp_path: Path,
    image: Image,
    policy: TrustPolicy,
    key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SIGKILL runs no clean-up: the half-made folder stays, under a name that nobody reads."""
    folder = tmp_path / PLAN
    rest = tmp_path / f".{PLAN}.a1b2c3d4"
    rest.mkdir()
    shutil.copy(image.path, rest / "tiny.sif")
    assert not folder.exists()

    sign(image, evidence=evidence_about(image), policy=policy, key=key, folder=folder, at=NOW)

    assert not rest.exists()
    assert verify(folder, policy=policy, at=NOW)


def test_a_yes_and_a_no_wait_to_be_logged(
    image: Image, key: SigningKey, policy: TrustPolicy, tmp_path: Path
) -> None:
    said: dict[str, Any] = {
        "policy": policy,
        "key": key,
        "at": NOW,
        "journal": tmp_path / "waiting",
    }
    sign(image, evidence=evidence_about(image), folder=tmp_path / "a" / "x", **said)
    untested = replace(evidence_about(image), tests=None)

    with pytest.raises(signing.SigningRefused):
        sign(image, evidence=untested, folder=tmp_path / "b" / "x", **said)

    yes, no = sorted(waiting(tmp_path / "waiting"), key=lambda each: not each.accepted)
    assert (yes.kind, yes.subject, yes.plan) == (Kind.SIGN, "tiny 1.0", PLAN)
    assert yes.who == f"pgp:{key.fingerprint}"
    assert (no.accepted, no.who, no.refused) == (False, "", ("tests-passed",))
