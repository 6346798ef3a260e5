# SPDX-License-Identifier: BSD-3-Clause
"""The policy, one module for each section of `trust-policy/policy.yaml`.

Each section module has `SCHEMA`, the frozen types of what the section says, and `read`, which makes
them of a document that the schema has found valid:

- `signers`: the keys whose signatures count
- `authorities`: X.509 authorities whose holders may sign as well
- `repositories`: where packages may be published, and who can read it there
- `people`: the roles there are, and which people and pipelines have them; `issuers` and `claims`
  are the parts of it that are about tokens
- `waivers`: who may let a no pass, and for how long
- `safety`, `release`, `licensing`: what the rules of each group ask

`fields` has the kinds of fields, `schema` the whole form, `constitution` the policy as one value.
"""

from __future__ import annotations

from trust.policy.authorities import Authority
from trust.policy.constitution import (
    LOCAL_FILE,
    POLICY_FILE,
    TrustPolicy,
    check_policy,
    load_policy,
    policy_file,
)
from trust.policy.fields import day_of
from trust.policy.issuers import Issuer, IssuerKind
from trust.policy.licensing import ComponentReview, Components, Exceptions, Licensing, Review
from trust.policy.people import People, Role
from trust.policy.release import Release
from trust.policy.repositories import Audience, Repository
from trust.policy.safety import Known, Safety
from trust.policy.signers import Origin, Removed, Signer
from trust.policy.waivers import WaiverTerms

__all__ = [
    "LOCAL_FILE",
    "POLICY_FILE",
    "Audience",
    "Authority",
    "ComponentReview",
    "Components",
    "Exceptions",
    "Issuer",
    "IssuerKind",
    "Known",
    "Licensing",
    "Origin",
    "People",
    "Release",
    "Removed",
    "Repository",
    "Review",
    "Role",
    "Safety",
    "Signer",
    "TrustPolicy",
    "WaiverTerms",
    "check_policy",
    "day_of",
    "load_policy",
    "policy_file",
]
