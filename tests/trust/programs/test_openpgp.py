# SPDX-License-Identifier: BSD-3-Clause
"""OpenPGP packets made here are read by gpg: keys, signatures, revocations, of both algorithms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from core.errors import Refused
from trust.programs import armors, gnupg
from trust.programs.openpgp import EcNumbers, PacketKey, RsaNumbers, Sign

pytestmark = pytest.mark.needs("gpg")

MADE = datetime.now(UTC).replace(microsecond=0)
ENDS = MADE + timedelta(days=30)
HOLDER = "Zoë Beam <zoe@example.org>"


@pytest.fixture(scope="module", params=["rsa", "p256"])
def pair(request: pytest.FixtureRequest) -> tuple[PacketKey, Sign]:
    """A key and what its secret half answers, in software."""
    if request.param == "rsa":
        return _rsa()
    return _p256()


def _rsa() -> tuple[PacketKey, Sign]:
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_numbers()

    def sign(data: bytes) -> tuple[int, ...]:
        return (int.from_bytes(key.sign(data, padding.PKCS1v15(), hashes.SHA256()), "big"),)

    return PacketKey(RsaNumbers(public.n, public.e), MADE), sign


def _p256() -> tuple[PacketKey, Sign]:
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )

    def sign(data: bytes) -> tuple[int, ...]:
        return decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))

    return PacketKey(EcNumbers(point), MADE), sign


@pytest.fixture
def public(pair: tuple[PacketKey, Sign], tmp_path: Path) -> Path:
    key, sign = pair
    file = tmp_path / "public.asc"
    file.write_bytes(
        armors.armor("PUBLIC KEY BLOCK", key.certificate(HOLDER, expires=ENDS, at=MADE, sign=sign))
    )
    return file


def test_gpg_reads_the_key_as_it_was_meant(pair: tuple[PacketKey, Sign], public: Path) -> None:
    key, _ = pair

    assert gnupg.read_key(public) == gnupg.PublicKey(
        key.fingerprint, HOLDER, MADE, ENDS, revoked=False
    )


@pytest.mark.parametrize("content", [b"", b"hello\r\n", bytes(range(256)) * 300])
def test_gpg_verifies_a_detached_signature(
    pair: tuple[PacketKey, Sign], public: Path, content: bytes
) -> None:
    key, sign = pair

    signature = key.detached(content, at=MADE, sign=sign)

    good = gnupg.verify_detached(content, signature, public_keys=[public], what="it")
    assert good == gnupg.GoodSignature(key.fingerprint, MADE)
    with pytest.raises(Refused, match="it was altered"):
        gnupg.verify_detached(content + b"x", signature, public_keys=[public], what="it")


@pytest.mark.parametrize("text", [b"{}\n", b'{"a":1}\n\n{"b":2}\n', "é\n".encode()])
def test_gpg_verifies_a_text_with_its_signature_around_it(
    pair: tuple[PacketKey, Sign], public: Path, text: bytes
) -> None:
    key, sign = pair

    signed = key.cleartext(text, at=MADE, sign=sign)

    good = gnupg.verify_cleartext(signed, public_keys=[public], what="it")
    assert good.fingerprint == key.fingerprint
    altered = signed.replace(b"\n\n" + text, b"\n\nx" + text)
    assert altered != signed
    with pytest.raises(Refused):
        gnupg.verify_cleartext(altered, public_keys=[public], what="it")


@pytest.mark.parametrize("text", [b"- a dash\n", b"a space \n", b"a\nb\t\n"])
def test_a_text_that_would_have_to_be_escaped_is_not_signed(
    pair: tuple[PacketKey, Sign], text: bytes
) -> None:
    key, sign = pair

    with pytest.raises(ValueError, match="would have to be escaped"):
        key.cleartext(text, at=MADE, sign=sign)


@pytest.mark.parametrize("length", [0, 190, 300], ids=str)
def test_gpg_takes_a_revocation_with_a_reason_of_any_length(
    pair: tuple[PacketKey, Sign], public: Path, tmp_path: Path, length: int
) -> None:
    key, sign = pair

    certificate = key.revocation(reason="compromised", why="x" * length, at=MADE, sign=sign)

    (tmp_path / "revoked.asc").write_bytes(gnupg.revoked(public.read_bytes(), certificate))
    assert gnupg.read_key(tmp_path / "revoked.asc").revoked


def test_a_later_certificate_gives_a_key_another_end(
    pair: tuple[PacketKey, Sign], public: Path, tmp_path: Path
) -> None:
    key, sign = pair
    later = MADE + timedelta(days=500)

    longer = key.certificate(HOLDER, expires=later, at=MADE + timedelta(seconds=1), sign=sign)

    (tmp_path / "longer.asc").write_bytes(armors.armor("PUBLIC KEY BLOCK", longer))
    assert gnupg.read_key(tmp_path / "longer.asc").expires == later


def test_numbers_with_leading_zeros_are_written_as_short_as_they_are() -> None:
    def body(sign: Callable[[bytes], tuple[int, ...]]) -> bytes:
        return armors.dearmor(key.detached(b"x", at=MADE, sign=sign))

    key = PacketKey(EcNumbers(b"\x04" + b"\x01" * 64), MADE)

    assert body(lambda _: (1, 255)).endswith(b"\x00\x01\x01\x00\x08\xff")
    assert body(lambda _: (256, 3)).endswith(b"\x00\x09\x01\x00\x00\x02\x03")
