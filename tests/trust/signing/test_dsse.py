# SPDX-License-Identifier: BSD-3-Clause
"""DSSE envelopes by real PGP keys: opened by the right key only, and only as they were sealed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import process
from core.errors import Refused
from tests.trust.conftest import public
from trust.keys import FolderKey
from trust.signing import dsse

pytestmark = pytest.mark.needs("apptainer", "gpg")

PAYLOAD = b'{"_type": "https://in-toto.io/Statement/v1"}'


@pytest.fixture(scope="module")
def envelope(key: FolderKey) -> str:
    return dsse.seal(PAYLOAD, key=key)


def test_what_was_sealed_comes_out_with_who_sealed_it(envelope: str, key: FolderKey) -> None:
    opened = dsse.unseal(envelope.encode(), public_keys=[public(key)], what="it")

    assert opened.payload == PAYLOAD
    assert opened.signature.fingerprint == key.fingerprint


def test_gpg_alone_can_check_it(envelope: str, key: FolderKey, tmp_path: Path) -> None:
    data = json.loads(envelope)
    payload, kind = base64.b64decode(data["payload"]), data["payloadType"]
    text, signature = tmp_path / "text", tmp_path / "text.sig"
    text.write_bytes(f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload)
    signature.write_bytes(base64.b64decode(data["signatures"][0]["sig"]))
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    gpg: list[str | Path] = ["gpg", "--homedir", home, "--batch", "--quiet"]
    process.run([*gpg, "--import", public(key)], reason="import the key")

    done = process.run([*gpg, "--verify", signature, text], reason="verify it")

    assert "Good signature" in done.stderr


def test_another_key_does_not_open_it(envelope: str, other_key: FolderKey) -> None:
    with pytest.raises(Refused, match="which the policy does not list"):
        dsse.unseal(envelope.encode(), public_keys=[public(other_key)], what="it")


def _text(data: str) -> str:
    return base64.b64encode(data.encode()).decode()


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(lambda d: d.update(payload=_text("{}")), "it was altered", id="payload"),
        pytest.param(
            lambda d: d.update(payloadType="text/plain"), "no in-toto statement", id="type"
        ),
        pytest.param(lambda d: d["signatures"].clear(), "with one signature", id="unsigned"),
        pytest.param(
            lambda d: d["signatures"].append({"keyid": "x", "sig": "AA=="}),
            "one signature",
            id="two",
        ),
        pytest.param(
            lambda d: d["signatures"][0].update(keyid="E" * 40), "names another key", id="key"
        ),
        pytest.param(lambda d: d["signatures"][0].update(sig="AA=="), "not one whole", id="noise"),
        pytest.param(lambda d: d["signatures"][0].update(sig=7), "is not a DSSE", id="no text"),
        pytest.param(lambda d: d.pop("payload"), "is not a DSSE", id="no payload"),
    ],
)
def test_an_altered_envelope_is_refused(
    envelope: str, key: FolderKey, edit: Callable[[Any], object], reason: str
) -> None:
    data = json.loads(envelope)
    edit(data)

    with pytest.raises(Refused, match=reason):
        dsse.unseal(json.dumps(data).encode(), public_keys=[public(key)], what="it")


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 100_000, '"x"', "\x80"])
def test_what_is_no_envelope_is_refused(text: str, key: FolderKey) -> None:
    with pytest.raises(Refused, match="is not a DSSE envelope"):
        dsse.unseal(text.encode("latin-1"), public_keys=[public(key)], what="it")
