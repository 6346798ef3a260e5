# SPDX-License-Identifier: BSD-3-Clause
"""What may be written in `trust-policy/policy.yaml` and in a state's `signers.yaml`."""

from __future__ import annotations

from typing import Final

from core.schema import Schema
from trust.policy import (
    authorities,
    licensing,
    people,
    release,
    repositories,
    safety,
    signers,
    waivers,
)
from trust.policy.fields import listing, one_of, whole_number

WARNINGS: Final = (
    "components-known",
    "no-build-paths",
    "no-dangling-links",
    "no-foreign-programs",
    "tests-complete",
)
"""The rules whose no only warns. A policy can make them stricter and no rule weaker."""

_SCHEMA: Final = whole_number("The version of this file's form.", required=True, allowed=[1])

POLICY: Final[Schema] = {
    "schema": _SCHEMA,
    "version": whole_number(
        "The version of the policy; it grows by one with every change that is merged.",
        required=True,
        min=1,
    ),
    "strict": listing(
        "The rules that would only warn and whose no counts as an error under this policy.",
        one_of(*WARNINGS),
    ),
    "signers": signers.SCHEMA,
    "authorities": authorities.SCHEMA,
    "repositories": repositories.SCHEMA,
    "people": people.SCHEMA,
    "waivers": waivers.SCHEMA,
    "safety": safety.SCHEMA,
    "release": release.SCHEMA,
    "licensing": licensing.SCHEMA,
}

LOCAL_SIGNERS: Final[Schema] = {
    "schema": _SCHEMA,
    "signers": {
        **signers.SCHEMA,
        "meta": {
            "description": "Keys of this machine. They count in this state folder only, and only "
            "for repositories whose audience is `local`."
        },
    },
}
