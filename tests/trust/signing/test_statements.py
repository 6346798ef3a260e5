# SPDX-License-Identifier: BSD-3-Clause
"""The statement covers every byte, speaks of one file, and is refused when it contradicts itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.canonical import readable_json
from core.errors import Refused
from tests.trust.cases import EVIDENCE, NOON, POLICY
from tests.trust.conftest import public
from trust.evidence import Purpose
from trust.judge import judge
from trust.keys import FolderKey
from trust.programs import gnupg
from trust.signing import sif, statements
from trust.signing.signatures import sign_sif
from trust.signing.statements import ImageFacts, Statement

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs")

SIGN = replace(EVIDENCE, purpose=Purpose.SIGN)
IMAGE = ImageFacts("3" * 64, "pyfai", "2024.9", "debian-12-python", "1" * 64, 40960, 4096)


@pytest.fixture
def image(unsigned: Path, key: FolderKey, tmp_path: Path) -> Path:
    path = tmp_path / "pyfai.sif"
    path.write_bytes(unsigned.read_bytes())
    sign_sif(path, key)
    return path


@pytest.fixture
def statement(image: Path, key: FolderKey) -> Statement:
    verdict = judge(POLICY, SIGN, at=NOON)
    return statements.write(image, key=key, image=IMAGE, evidence=SIGN, verdict=verdict)


def test_what_was_written_is_read_back(image: Path, statement: Statement, key: FolderKey) -> None:
    found, signature = statements.read(image, public_keys=[public(key)])

    assert found == statement
    assert signature.fingerprint == key.fingerprint
    statements.check_bytes(image, found)


def test_it_is_an_in_toto_statement_about_the_file(image: Path, statement: Statement) -> None:
    data = json.loads(statements.statement_file(image).read_bytes())

    assert data["_type"] == "https://in-toto.io/Statement/v1"
    assert data["subject"] == [{"name": "pyfai.sif", "digest": {"sha256": statement.sha256}}]
    assert data["predicate"]["verificationResult"] == "PASSED"
    assert data["predicate"]["policy"]["digest"] == {"sha256": POLICY.sha256}


def test_the_parts_are_the_whole_file_once(image: Path, statement: Statement) -> None:
    end = 0
    for part in statement.parts:
        assert part.offset == end
        end += part.size

    assert end == image.stat().st_size == statement.size


def test_a_change_of_any_byte_is_refused(image: Path, statement: Statement) -> None:
    whole = image.read_bytes()
    for offset in (*range(0, len(whole), 211), *range(128), len(whole) - 1):
        raw = bytearray(whole)
        raw[offset] ^= 0x80
        image.write_bytes(raw)
        part = next(p for p in statement.parts if p.offset <= offset < p.offset + p.size)

        with pytest.raises(Refused) as refused:
            statements.check_bytes(image, statement)

        assert f": {part.name} was altered (bytes" in refused.value.message


def test_bytes_moved_between_two_parts_name_both(image: Path, statement: Statement) -> None:
    raw = bytearray(image.read_bytes())
    raw[0], raw[-1] = raw[-1], raw[0]
    image.write_bytes(raw)

    with pytest.raises(
        Refused, match=r"the header was altered .*; data object 4 \(signature\) was"
    ):
        statements.check_bytes(image, statement)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda d: d["subject"][0].update(name="other.sif"), id="subject"),
        pytest.param(lambda d: d["predicate"].update(verificationResult="FAILED"), id="result"),
        pytest.param(lambda d: d["predicate"].update(more=1), id="more"),
        pytest.param(lambda d: d["predicate"]["pansoft"].update(schema=1), id="schema"),
        pytest.param(lambda d: d["predicate"]["pansoft"].update(more=1), id="more of ours"),
        pytest.param(lambda d: d["predicate"]["pansoft"].pop("statement"), id="missing"),
        pytest.param(
            lambda d: d["predicate"]["pansoft"]["statement"].update(signer="E" * 40), id="signer"
        ),
        pytest.param(
            lambda d: d["predicate"]["pansoft"]["statement"].update(size="big"), id="type"
        ),
    ],
)
def test_a_signed_statement_that_contradicts_itself_is_refused(
    image: Path, statement: Statement, key: FolderKey, edit: Callable[[Any], object]
) -> None:
    file = statements.statement_file(image)
    data = json.loads(file.read_bytes())
    edit(data)
    _sign_text(image, readable_json(data), key)

    with pytest.raises(Refused):
        statements.read(image, public_keys=[public(key)])


def test_a_statement_of_before_a_field_is_read_and_says_that_nobody_looked(
    image: Path, statement: Statement, key: FolderKey
) -> None:
    data = json.loads(statements.statement_file(image).read_bytes())
    evidence = data["predicate"]["pansoft"]["statement"]["evidence"]
    for later in ("signers", "bases", "approvals", "waivers", "history", "witnessed"):
        del evidence[later]
    _sign_text(image, readable_json(data), key)

    found, _ = statements.read(image, public_keys=[public(key)])

    assert found.evidence.approvals is None
    assert found.evidence.waivers == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 100_000, "1e999", '"x"'])
def test_what_is_no_statement_is_refused_even_when_signed(
    image: Path, statement: Statement, key: FolderKey, text: str
) -> None:
    _sign_text(image, text, key)

    with pytest.raises(Refused, match="is not a statement"):
        statements.read(image, public_keys=[public(key)])


def test_a_statement_about_another_file_is_refused(
    image: Path, statement: Statement, key: FolderKey, tmp_path: Path
) -> None:
    other = tmp_path / "other.sif"
    image.rename(other)
    statements.statement_file(image).rename(statements.statement_file(other))
    statements.signature_file(image).rename(statements.signature_file(other))

    with pytest.raises(Refused, match=r"speaks of pyfai.sif, not of other.sif"):
        statements.read(other, public_keys=[public(key)])


def test_the_parts_of_an_unsigned_image_are_named_too(unsigned: Path) -> None:
    assert [part.name for part in sif.parts(sif.read(unsigned))][:3] == [
        "the header",
        "the space after the header",
        "the descriptor of data object 1 (definition)",
    ]


def _sign_text(image: Path, text: str, key: FolderKey) -> None:
    file = statements.statement_file(image)
    file.write_text(text)
    signature = gnupg.sign_detached(
        file,
        secret_keyring=key.folder / "pgp-secret",
        fingerprint=key.fingerprint,
        passphrase=None,
    )
    statements.signature_file(image).write_bytes(signature)
