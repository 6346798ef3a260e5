# SPDX-License-Identifier: BSD-3-Clause
"""From a signed image to a signed tree and back: what is refused, and what is left alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builder.images.build_user import build_user
from builder.sign_tree import sign_tree, verify_tree
from builder.stages import SignedImage, SignedTree
from core.errors import Refused, UserError
from tests.builder import test_sign
from tests.builder.test_sign import NOW, image, key, policy, signed, state
from trust import keys
from trust.keys import SigningKey
from trust.policy import TrustPolicy, load_policy
from trust.signing import statements
from trust.trees.tree_check import Part

__all__ = ["image", "key", "policy", "signed", "state"]  # fixtures

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "unsquashfs")


def make(
    signed: SignedImage, folder: Path, policy: TrustPolicy, key: SigningKey, **more: Any
) -> SignedTree:
    return sign_tree(
        signed, folder=folder, policy=policy, key=key, user=build_user(),
        scratch=folder.parent / "scratch", at=more.pop("at", NOW), **more,
    )  # fmt: skip


@pytest.fixture(scope="module", name="made")
def _made(
    tmp_path_factory: pytest.TempPathFactory,
    signed: SignedImage,
    policy: TrustPolicy,
    key: SigningKey,
) -> SignedTree:
    # the build user has to reach the image
    for folder in (signed.path.parent, signed.path.parent.parent):
        folder.chmod(0o755)
    return make(signed, tmp_path_factory.mktemp("trees") / "plan", policy, key)


@pytest.fixture(name="copy")
def _copy(made: SignedTree, tmp_path: Path) -> Path:
    """Return a copy of the signed tree, to spoil."""
    folder = tmp_path / "tiny" / "1.0"
    shutil.copytree(made.manifest.parent, folder, symlinks=True)
    return folder


def test_the_tree_has_the_evidence_and_the_verdict_of_its_image(
    made: SignedTree, signed: SignedImage, policy: TrustPolicy
) -> None:
    tree, found = verify_tree(made.manifest.parent, policy=policy, at=NOW)
    of_image, _ = statements.read(signed.path, public_keys=policy.public_keys)

    said = found.report.statement
    assert tree == made
    assert (said.image, said.evidence, said.verdict) == (
        of_image.image, of_image.evidence, of_image.verdict,
    )  # fmt: skip
    assert said.file == "tiny.mtree"
    assert found.checked.files == 1
    assert (made.root / "file").read_text().startswith("delta")


def test_a_second_time_leaves_it_alone(
    made: SignedTree, signed: SignedImage, policy: TrustPolicy, key: SigningKey
) -> None:
    before = made.manifest.stat().st_ino

    again = make(signed, made.manifest.parent, policy, key, at=NOW + timedelta(days=1))

    assert again == made
    assert made.manifest.stat().st_ino == before


def test_a_spoilt_one_is_made_anew(
    copy: Path, made: SignedTree, signed: SignedImage, policy: TrustPolicy, key: SigningKey
) -> None:
    (copy / "root" / "file").write_text("x")

    again = make(signed, copy, policy, key)

    assert again.sha256 == made.sha256
    assert verify_tree(copy, policy=policy, at=NOW)[1].checked.files == 1


def _sign_again(folder: Path, line: str, key: SigningKey, policy: TrustPolicy) -> None:
    """Write another line into a manifest and sign that: what only a signer can do."""
    manifest = folder / "tiny.mtree"
    said, _ = statements.read(manifest, public_keys=policy.public_keys)
    manifest.write_text(manifest.read_text() + line)
    statements.write(
        manifest, key=key, image=said.image, evidence=said.evidence, verdict=said.verdict
    )


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(
            lambda f: (f / "root/file").write_text("x"), "file has 1 bytes instead", id="content"
        ),
        pytest.param(
            lambda f: (f / "tiny.mtree").write_text("#mtree\n"), "is cut short by", id="cut short"
        ),
        pytest.param(
            lambda f: (f / "tiny.mtree").write_text(
                (f / "tiny.mtree").read_text().replace("mode=0644", "mode=0755")
            ),
            "tiny.mtree is not the file that was signed: it was altered",
            id="manifest",
        ),
        pytest.param(lambda f: shutil.rmtree(f / "root"), "root is missing", id="no tree"),
        pytest.param(
            lambda f: (f / "root").rename(f / "r") and (f / "root").symlink_to("r"),
            "root is missing, or is no folder",
            id="a link to it",
        ),
        pytest.param(
            lambda f: (f / "tiny.mtree.statement.json").unlink(),
            r"statement\.json is missing",
            id="no statement",
        ),
        pytest.param(
            lambda f: (f / "sbom.spdx.json").write_text("{}"), "sbom.spdx.json beside", id="bill"
        ),
        pytest.param(
            lambda f: (f / "provenance.json").unlink(),
            r"provenance\.json is missing",
            id="provenance",
        ),
        pytest.param(lambda f: f.rename(f.with_name("2.0")), "it was swapped", id="other version"),
        pytest.param(
            lambda f: [
                (f / f"tiny.mtree{end}").rename(f / f"huge.mtree{end}")
                for end in ("", ".statement.json", ".statement.json.asc")
            ],
            r"speaks of tiny\.mtree, not of huge\.mtree",
            id="other name",
        ),
    ],
)
def test_what_is_not_as_it_was_signed_is_refused(
    copy: Path, policy: TrustPolicy, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(copy)
    folder = copy if copy.is_dir() else copy.with_name("2.0")

    with pytest.raises(Refused, match=reason):
        verify_tree(folder, policy=policy, at=NOW)


def test_a_manifest_that_leads_out_is_refused_though_it_is_signed(
    copy: Path, policy: TrustPolicy, key: SigningKey
) -> None:
    _sign_again(copy, "./../x type=dir mode=0755\n", key, policy)

    with pytest.raises(Refused, match="leads elsewhere"):
        verify_tree(copy, policy=policy, at=NOW)


def test_the_manifest_of_another_tree_is_refused(
    copy: Path, policy: TrustPolicy, key: SigningKey
) -> None:
    _sign_again(copy, "./more type=dir mode=0755\n", key, policy)

    with pytest.raises(Refused, match="more is missing"):
        verify_tree(copy, policy=policy, at=NOW)


def test_a_tree_by_another_key_is_refused(copy: Path, tmp_path: Path) -> None:
    keys.local_key(tmp_path / "other")
    other = load_policy(
        test_sign.ROOT / "trust-policy", local=keys.local_policy(tmp_path / "other")
    )

    with pytest.raises(Refused, match="which the policy does not list"):
        verify_tree(copy, policy=other, at=NOW)


def test_an_image_that_was_altered_gives_no_tree(
    tmp_path: Path, signed: SignedImage, policy: TrustPolicy, key: SigningKey
) -> None:
    shutil.copytree(signed.path.parent, tmp_path / "image")
    altered = SignedImage(
        signed.image, tmp_path / "image" / signed.path.name, signed.sha256, signed.size,
        signed.signer, signed.signer_name,
    )  # fmt: skip
    content = bytearray(altered.path.read_bytes())
    content[-5] ^= 1
    altered.path.write_bytes(content)

    with pytest.raises(Refused, match="is not the file that was signed"):
        make(altered, tmp_path / "plan", policy, key)
    assert not (tmp_path / "plan").exists()


def test_a_part_is_verified_where_the_rest_was_altered(copy: Path, policy: TrustPolicy) -> None:
    (copy / "root" / "more").touch()

    assert verify_tree(copy, policy=policy, at=NOW, part=Part("file"))[1].checked.files == 1


def test_a_good_tree_in_the_place_of_another_is_refused(
    copy: Path, tmp_path: Path, policy: TrustPolicy
) -> None:
    place = tmp_path / "trees" / "other" / "1.0"
    place.parent.mkdir(parents=True)
    copy.rename(place)

    with pytest.raises(Refused, match=r"holds tiny 1\.0: it was swapped"):
        verify_tree(place, policy=policy, at=NOW)


def test_a_folder_without_a_manifest_is_no_tree(tmp_path: Path, policy: TrustPolicy) -> None:
    with pytest.raises(UserError, match="holds no tree with its manifest"):
        verify_tree(tmp_path, policy=policy, at=NOW)
