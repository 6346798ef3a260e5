# SPDX-License-Identifier: BSD-3-Clause
"""What to do about the keys of a policy before it is too late: ends that come near, things that disagree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from trust.policy import Signer, TrustPolicy
from trust.programs import gnupg


def signer_warnings(policy: TrustPolicy, *, at: datetime, within: timedelta) -> Iterator[str]:
    """Yield a sentence for each thing that somebody should see to.

    Args:
        policy: the policy.
        at: now.
        within: how long before the end of a key the warning begins.
    """
    for signer in policy.signers:
        if signer.revoked_key_file is not None:
            yield from _about_revocation(signer)
        if signer.signs_new(at):
            yield from _about_end(signer, at=at, within=within)


def _about_end(signer: Signer, *, at: datetime, within: timedelta) -> Iterator[str]:
    key = gnupg.read_key(signer.key_file)
    if key.expires is not None and key.expires <= at + within:
        said = "has expired" if key.expires <= at else "expires"
        yield (
            f"the key of {signer.name} {said} on {key.expires:%Y-%m-%d}: "
            "pansoft trust key extend NAME, or pansoft trust key rotate NAME"
        )
    if signer.valid_until is not None:
        ends = datetime.combine(signer.valid_until + timedelta(days=1), time(), UTC)
        if ends <= at + within:
            yield (
                f"the policy accepts the key of {signer.name} until {signer.valid_until}: "
                "propose a later day, or pansoft trust key rotate NAME"
            )


def _about_revocation(signer: Signer) -> Iterator[str]:
    """Yield what is wrong with the revoked form of a key, which key rings get."""
    key = gnupg.read_key(signer.ring_file)
    if key.fingerprint != signer.fingerprint:
        yield f"{signer.ring_file.name} is another key than the one of {signer.name}"
    elif not key.revoked:
        yield f"{signer.ring_file.name} is not revoked, as the policy says of {signer.name}"
