# SPDX-License-Identifier: BSD-3-Clause
"""Lost signing key: it signs nothing new; what was published before stays, if the policy says so."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from builder import sign as signing
from pansoft import clock
from tests.builder.test_sign import evidence_about, provenance_about
from tests.pansoft.site.conftest import SiteMaker, image, listed
from tests.site_publisher import ROOT, Publisher
from trust.policy import Removed, load_policy
from trust.programs import execution_list

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "fusermount3")

WHY = "the card was stolen"
PUBLISHED = date(2026, 3, 2)


def test_lost_signing_key(publisher: Publisher, site: SiteMaker, tmp_path: Path) -> None:
    """The policy removes the signer; sites follow by themselves and refuse all that it has signed."""
    with publisher.served() as url:
        site.set_up(publisher, url, "--ecl", "whitelist")
        publisher.signer_more["removed"] = f'{{on: "2026-11-20", why: "{WHY}"}}'
        publisher.publish()
        site.done("update")

    machine_list = site.machine / "etc/apptainer" / execution_list.FILE_NAME
    assert publisher.key.fingerprint not in machine_list.read_text()
    assert execution_list.is_active(machine_list.read_bytes())
    told = _verified(publisher, site, tmp_path)
    assert told["accepted"] is False
    assert f"ESRF release is removed since 2026-11-20: {WHY}" in told["reason"]


@pytest.mark.parametrize(
    ("before", "accepted"), [("2026-03-03", True), ("2026-03-02", False)], ids=str
)
def test_lost_signing_key_leaves_what_was_published_before(
    publisher: Publisher, site: SiteMaker, tmp_path: Path, before: str, accepted: bool
) -> None:
    """The day is the repository's: a thief can write any day into a signature."""
    publisher.signer_more["removed"] = (
        f'{{on: "2026-11-20", why: "{WHY}", accept_before: "{before}"}}'
    )
    publisher.publish()
    with publisher.served() as url:
        site.set_up(publisher, url)

    assert _verified(publisher, site, tmp_path)["accepted"] is accepted


def test_lost_signing_key_signs_nothing_new(publisher: Publisher, tmp_path: Path) -> None:
    """Neither does it where the old is still accepted."""
    gone = replace(
        listed(publisher.key, publisher.public), removed=Removed(date(2026, 11, 20), WHY, PUBLISHED)
    )
    policy = replace(load_policy(ROOT / "trust-policy"), signers=(gone,))
    new = image(tmp_path, "3.0")

    with pytest.raises(signing.SigningRefused, match=WHY):
        signing.sign(
            new,
            provenance=provenance_about(new),
            evidence=evidence_about(new),
            policy=policy,
            key=publisher.key,
            folder=tmp_path / "signed",
            at=clock.now(),
        )

    assert not (tmp_path / "signed").exists()


def _verified(publisher: Publisher, site: SiteMaker, folder: Path) -> dict[str, Any]:
    with publisher.mounted(folder) as mount:
        result = site.run("verify", "tiny@1.0", "--mount", mount, "--json")
    if result.exception is not None:
        raise result.exception
    told = json.loads(result.stdout)
    assert isinstance(told, dict)
    return told
