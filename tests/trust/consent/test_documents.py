# SPDX-License-Identifier: BSD-3-Clause
"""The file that people sign: what it says is what comes back, and its form is held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput
from tests.trust.people import approval, waiver
from trust.consent import documents, waivers

ARMOR = "-----BEGIN PGP SIGNATURE-----\n\niQ==\n=abcd\n-----END PGP SIGNATURE-----\n"


def test_a_file_goes_out_and_comes_back(tmp_path: Path) -> None:
    content = waiver(reason='a "quoted" reason: with # and ü\nand two lines')
    signatures = [
        {"kind": "pgp", "signature": ARMOR},
        {"kind": "oidc", "issuer": "aai", "token": "a.b.c"},
    ]
    documents.write(tmp_path / "one.yaml", content, signatures)

    signed = documents.read(tmp_path / "one.yaml", waivers.CONTENT)

    assert signed.content == content
    assert documents.entries(signed) == signatures
    assert signed.where("rule").line == 6
    assert signed.signatures[1].where.line > signed.signatures[0].where.line


def test_what_is_signed_can_be_made_by_anybody_again() -> None:
    assert documents.payload(approval()) == (
        b"pansoft approval 1\n"
        b'{"authors":["Eve"],"kind":"approval","package":"pyfai","plan":"' + b"3" * 64 + b'",'
        b'"version":"2024.9"}'
    )


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"package": "*"}, "schema-pattern"),
        ({"package": "py*"}, "schema-pattern"),
        ({"package": "pyfai "}, "schema-pattern"),
        ({"versions": []}, "schema-value"),
        ({"versions": ["*"]}, "schema-pattern"),
        ({"versions": ["2024.?"]}, "schema-pattern"),
        ({"versions": "2024.9"}, "schema-type"),
        ({"rule": "*"}, "schema-pattern"),
        ({"rule": ["no-setuid"]}, "schema-type"),
        ({"reason": "because"}, "schema-value"),
        ({"expires": "never"}, "schema-pattern"),
        ({"expires": "2026-06-11"}, "schema-pattern"),
        ({"kind": "approval"}, "schema-value"),
        ({"more": "fields"}, "schema-unknown"),
    ],
    ids=str,
)
def test_what_is_broader_than_one_thing_is_no_waiver(
    tmp_path: Path, changed: dict[str, Any], rule: str
) -> None:
    documents.write(tmp_path / "one.yaml", waiver(**changed), [])

    with pytest.raises(InvalidInput) as invalid:
        documents.read(tmp_path / "one.yaml", waivers.CONTENT)

    assert {problem.rule for problem in invalid.value.problems} == {rule}


@pytest.mark.parametrize("field", sorted(waiver()))
def test_a_field_that_is_missing_is_named(tmp_path: Path, field: str) -> None:
    content = waiver()
    del content[field]
    documents.write(tmp_path / "one.yaml", content, [])

    with pytest.raises(InvalidInput) as invalid:
        documents.read(tmp_path / "one.yaml", waivers.CONTENT)

    assert [problem.rule for problem in invalid.value.problems] == ["schema-required"]
    assert f"'{field}' is missing" in invalid.value.problems[0].message
