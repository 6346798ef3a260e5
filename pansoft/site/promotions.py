# SPDX-License-Identifier: BSD-3-Clause
"""The channel into which a published version came later, as the decision log of its repository says.

The statement beside an image names the channel that it was signed for, and is not signed again. That a
version was promoted since counts where a signer of the site's own policy has signed the log: whoever holds
the repository's key alone could write another channel into `entry.json`.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from pathlib import Path

from core.errors import UserError
from pansoft.promoting import channel_in
from pansoft.witness import entry_at
from trust.decisions.decision import Kind
from trust.decisions.log import read_log
from trust.evidence import Evidence
from trust.policy import TrustPolicy

log = logging.getLogger(__name__)


def in_its_channel(
    evidence: Evidence, path: Path, *, mount: Path, fqrn: str, policy: TrustPolicy
) -> Evidence:
    """Return evidence with the channel in which a version is now.

    Args:
        evidence: what was signed about it.
        path: its folder, or a file in it.
        mount: of the repository.
        fqrn: its name.
        policy: the site's, whose signers may sign the log.
    """
    entry = entry_at(path)
    if evidence.release is None or entry is None or entry.promoted is None:
        return evidence
    try:
        found = read_log(
            lambda name: _content(mount / name), public_keys=policy.public_keys, repository=fqrn
        )
    except UserError as err:
        log.warning("the decision log of %s is not believed: %s", fqrn, err)
        return evidence
    if found is None or found.signed.signature is None:
        return evidence
    subject = f"{evidence.name} {evidence.version}"
    channels = [
        channel
        for link in found.links
        if (decision := link.entry.decision).kind is Kind.PROMOTE
        and decision.accepted
        and (decision.subject, decision.plan) == (subject, evidence.plan)
        and (channel := channel_in(decision)) is not None
    ]
    if not channels:
        return evidence
    return replace(evidence, release=replace(evidence.release, channel=channels[-1]))


def _content(file: Path) -> bytes | None:
    with contextlib.suppress(FileNotFoundError):
        return file.read_bytes()
    return None
