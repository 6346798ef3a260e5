# SPDX-License-Identifier: BSD-3-Clause
"""A policy with people in it, the issuer that knows them, and contents that they sign with tokens.

Ada (ESRF) and Bob (ILL) are security officers, Cid (ESRF) is a release manager by the same GitLab job that
anybody could start; members of a group of the AAI are security officers of DESY. Dan has a PGP key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.files import write_atomic
from tests.oidc_issuer import NOON, OidcIssuer
from tests.policies import policy_with
from trust.consent import approvals, documents, waivers
from trust.identity import keysets, snapshots
from trust.policy import TrustPolicy, load_policy

GITLAB = "https://gitlab.example.org"
AAI = "https://aai.example.org"
GROUP = "urn:geant:example.org:group:pan:security#aai.example.org"
PLAN = "3" * 64
ROLES = ("publisher", "security-officer", "release-manager")


def login(issuer: str, **claims: Any) -> dict[str, Any]:
    return {"issuer": issuer, "claims": claims}


def gitlab_login(user: str) -> dict[str, Any]:
    return login(
        "gitlab",
        project_path="pan/recipes",
        ref_protected=True,
        pipeline_source="web",
        user_login=user,
    )


def person(name: str, facility: str, role: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "facility": facility, "roles": [role], **more}


PEOPLE: dict[str, Any] = {
    "roles": [{"name": name, "means": name} for name in ROLES],
    "issuers": [
        {"name": "gitlab", "url": GITLAB, "audience": "pansoft", "kind": "gitlab"},
        {"name": "aai", "url": AAI, "audience": "pansoft", "kind": "generic"},
    ],
    "persons": [
        person("Ada", "esrf", "security-officer", logins=[login("aai", sub="ada@aai")]),
        person("Bob", "ill", "security-officer", logins=[login("aai", sub="bob@aai")]),
        person("Cid", "esrf", "release-manager", logins=[gitlab_login("cid")]),
    ],
    "groups": [
        {
            "name": "security group",
            "issuer": "aai",
            "claims": {"eduperson_entitlement": GROUP},
            "roles": ["security-officer"],
            "facility": "desy",
        }
    ],
}
WAIVERS: dict[str, Any] = {
    "threshold": 2,
    "roles": ["security-officer"],
    "facilities": 2,
    "longest_days": 30,
    "never": ["sbom-present"],
}


@dataclass
class World:
    """The policy's folder, and the issuers of its people."""

    folder: Path
    people: dict[str, Any] = field(default_factory=lambda: PEOPLE)
    waivers: dict[str, Any] | None = field(default_factory=lambda: WAIVERS)
    aai: OidcIssuer = field(default_factory=lambda: OidcIssuer(url=AAI))
    gitlab: OidcIssuer = field(default_factory=lambda: OidcIssuer(url=GITLAB))

    def policy(self) -> TrustPolicy:
        """Write the policy and read it."""
        policy_with(self.folder, people=self.people, waivers=self.waivers)
        for name, issuer in (("aai", self.aai), ("gitlab", self.gitlab)):
            file = self.folder / "issuers" / f"{name}.jwks.json"
            if not file.exists():
                self.review(name, issuer, at=NOON)
        return load_policy(self.folder)

    def review(self, name: str, issuer: OidcIssuer, *, at: datetime) -> None:
        """Take the keys that an issuer shows into the policy."""
        file = self.folder / "issuers" / f"{name}.jwks.json"
        before = snapshots.read(file, issuer=issuer.url) if file.exists() else None
        keys = keysets.parse(issuer.jwks(), what="the keys")
        write_atomic(file, snapshots.text(snapshots.updated(before, issuer.url, keys, at=at)))

    def by_login(self, content: dict[str, Any], who: str, **more: Any) -> dict[str, str]:
        """Return the signature of somebody who logged in at the AAI with the nonce of a content."""
        more = {"sub": f"{who}@aai", "nonce": documents.digest(content)} | more
        return {"kind": "oidc", "issuer": "aai", "token": self.aai.token(**more)}

    def by_job(self, content: dict[str, Any], user: str, **more: Any) -> dict[str, str]:
        """Return the signature of somebody who started a job by hand for a content."""
        more = {
            "aud": f"pansoft:{documents.digest(content)}",
            "user_login": user,
            "pipeline_source": "web",
        } | more
        return {"kind": "oidc", "issuer": "gitlab", "token": self.gitlab.gitlab(**more)}

    def put(
        self, kind: str, content: dict[str, Any], *signatures: dict[str, str], name: str = "one"
    ) -> Path:
        """Write a file that people sign."""
        file = self.folder / kind / f"{name}.yaml"
        documents.write(file, content, list(signatures))
        return file


def waiver(*, granted: datetime = NOON, days: float = 10, **changed: Any) -> dict[str, Any]:
    """Return the content of a waiver."""
    plain = {
        "kind": waivers.KIND,
        "rule": "no-setuid",
        "package": "pyfai",
        "versions": ["2024.9"],
        "reason": "the helper needs it; looked at on 2026-05-30",
        "authors": ["Eve"],
        "granted": f"{granted:%Y-%m-%dT%H:%M:%SZ}",
        "expires": f"{granted + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}",
    }
    return plain | changed


def approval(**changed: Any) -> dict[str, Any]:
    """Return the content of an approval."""
    plain = {
        "kind": approvals.KIND,
        "package": "pyfai",
        "version": "2024.9",
        "plan": PLAN,
        "authors": ["Eve"],
    }
    return plain | changed
