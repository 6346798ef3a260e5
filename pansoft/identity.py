# SPDX-License-Identifier: BSD-3-Clause
"""Who runs this: the token of a pipeline or a person, as the environment or a file gives it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from builder.state import State
from trust.evidence import IdentityFacts
from trust.identity import recognition, secrets, verification
from trust.identity.verification import Verified
from trust.policy import Audience, TrustPolicy


def shown(policy: TrustPolicy, state: State, *, file: Path | None, at: datetime) -> Verified | None:
    """Return what the token that is at hand claims, verified; None where there is none.

    Raises:
        Refused: there is one and it is not to be believed.
    """
    token = secrets.read_token(
        file, variable=policy.people.token_variable, environment=environment()
    )
    if token is None:
        return None
    return verification.verify(token, policy.people, cache=cache_of(state), at=at)


def publisher_of(
    policy: TrustPolicy, state: State, *, repository: str, file: Path | None, at: datetime
) -> IdentityFacts | None:
    """Return who is about to publish, as evidence; None where there is no token, or none is asked for.

    Raises:
        Refused: a token is there, is asked for, and is not to be believed.
    """
    if policy.audience_of(repository) in (Audience.LOCAL, Audience.SITE):
        return None
    found = shown(policy, state, file=file, at=at)
    if found is None:
        return None
    return recognition.pipeline_of(policy.people, found.issuer, found.claims)


def environment() -> Mapping[str, str]:
    """Return the variables in which a token may stand."""
    return os.environ


def cache_of(state: State) -> Path:
    """Return where a state keeps the keys of issuers."""
    return state.folder / "identity"
