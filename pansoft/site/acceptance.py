# SPDX-License-Identifier: BSD-3-Clause
"""What a site accepts of what others publish: `site-policy/acceptance.yaml`, written by the site alone.

The site's policy begins from the one that is published with the software, which lies beside this file. What
stands here takes away from it, or adds a signer by name: nothing that the published policy refuses is
accepted, but for software that one of the site's own `signers` has signed. A signer whom the published policy
has disabled stays disabled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from core.canonical import sha256_of
from core.errors import InvalidInput
from core.files import sha256_file
from core.problems import Problem, errors, in_order
from core.schema import Schema, validate
from core.schema import manual as fields_of
from core.strict_yaml import Document
from core.strict_yaml import load as load_yaml
from trust.policy import Origin, Signer, TrustPolicy, load_policy
from trust.policy import signers as signer_section
from trust.policy.fields import PATTERN, listing, mapping, matching, one_of, text

FILE_NAME = "acceptance.yaml"
FORMS: Final = ("image", "tree")
"""In which form software is delivered: as one file, or as the files that would be in it."""


def _accepted(what: str) -> dict[str, Any]:
    return listing(
        f"{what}; `*` is all of them, and an empty list none. Without the field: all.",
        matching(PATTERN, "a name, or a pattern of names"),
    )


SCHEMA: Final[Schema] = {
    "schema": {
        "type": "integer",
        "required": True,
        "allowed": [1],
        "meta": {"description": "The version of this file's form."},
    },
    "accept": mapping(
        "What is accepted of what the published policy accepts.",
        {
            "namespaces": _accepted("The namespaces of the federation: who answers for a package"),
            "signers": listing(
                "The signers of the published policy, by the names they have there, or patterns of them. "
                "Without the field: all.",
                text("A signer's name.", maxlength=100),
            ),
            "facilities": listing(
                "The facilities whose signers count, as the published policy names them; who speaks for "
                "none counts with `*` alone. Without the field: all.",
                text("A facility.", maxlength=100),
            ),
            "packages": _accepted("The packages"),
            "channels": _accepted("The channels that a version may be in"),
            "forms": listing(
                "The forms that software may be delivered in. Without the field: all.",
                one_of(*FORMS),
            ),
            "waivers": _accepted("The rules whose signed waivers count here as well"),
        },
        required=False,
    ),
    "refuse": listing(
        "Packages that are refused whoever accepts them.",
        {
            "type": "dict",
            "schema": {
                "package": text(
                    "The package's name, or a pattern of it.",
                    required=True,
                    regex=PATTERN,
                    pattern="a package name or a pattern of one",
                ),
                "reason": text("Why, for whoever asks.", required=True, maxlength=500),
            },
        },
    ),
    "signers": {
        **signer_section.SCHEMA,
        "required": False,
        "meta": {
            "description": "Signers whom this site trusts although the published policy does not "
            "list them. Their keys lie in `keys/` beside this file. Get the fingerprint by another way "
            "than the repository: by telephone, on paper, from somebody you know."
        },
    },
}

BEGINNING: Final = """\
# What this site accepts of what others publish. It is yours: pansoft writes it once and never again.
# Every field: docs/site-policy.md. What is accepted and why: pansoft site verify
schema: 1
accept:
  namespaces: ["*"]
  signers: ["*"]
  facilities: ["*"]
  packages: ["*"]
  channels: ["*"]
  forms: [image, tree]
  waivers: ["*"]
refuse: []
signers: []
"""


@dataclass(frozen=True, slots=True)
class RefusedPackage:
    """Packages that a site does not want, and why."""

    package: str
    reason: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a site accepts: names or patterns of them. `digest` is the sha256 of what the file says."""

    namespaces: tuple[str, ...] = ("*",)
    signers: tuple[str, ...] = ("*",)
    facilities: tuple[str, ...] = ("*",)
    packages: tuple[str, ...] = ("*",)
    channels: tuple[str, ...] = ("*",)
    forms: tuple[str, ...] = FORMS
    waivers: tuple[str, ...] = ("*",)
    refuse: tuple[RefusedPackage, ...] = ()
    own_signers: tuple[Signer, ...] = ()
    digest: str = ""

    def refusal_of(self, package: str) -> RefusedPackage | None:
        """Return why a package is refused, or None."""
        return next((each for each in self.refuse if fnmatchcase(package, each.package)), None)


def is_accepted(name: str, patterns: Iterable[str]) -> bool:
    """Return whether a name is one of those that a list accepts."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def load(folder: Path) -> Acceptance:
    """Read what a site accepts.

    Raises:
        InvalidInput: with every problem of the file.
    """
    document = load_yaml(folder / FILE_NAME)
    problems = list(errors(validate(document, SCHEMA)))
    if problems:
        raise InvalidInput(problems)
    own = _own_signers(document, folder)
    data: Any = document.value  # Any: validated against SCHEMA
    lists = {name: tuple(patterns) for name, patterns in data.get("accept", {}).items()}
    keys = [sha256_file(signer.key_file) for signer in own]
    return Acceptance(
        **lists,
        refuse=tuple(RefusedPackage(**each) for each in data.get("refuse", ())),
        own_signers=own,
        digest=sha256_of({"acceptance": data, "keys": keys}),
    )


def load_site_policy(folder: Path) -> tuple[TrustPolicy, Acceptance]:
    """Return the policy of a site, the published one as its acceptance narrows it, and that acceptance.

    Raises:
        InvalidInput: with every problem of either file.
    """
    acceptance = load(folder)
    return narrowed(load_policy(folder), acceptance), acceptance


def narrowed(policy: TrustPolicy, acceptance: Acceptance) -> TrustPolicy:
    """Return a published policy with those signers alone who count at the site; pure."""
    listed = {signer.fingerprint for signer in policy.signers}
    theirs = tuple(_unless_refused(signer, acceptance) for signer in policy.signers)
    own = tuple(each for each in acceptance.own_signers if each.fingerprint not in listed)
    return replace(
        policy,
        signers=theirs + own,
        sha256=sha256_of({"published": policy.sha256, "acceptance": acceptance.digest}),
    )


def manual() -> str:
    """Return the page about the file, from its schema."""
    return "\n".join(
        [
            "# What a site accepts",
            "",
            "Generated by `pansoft docs`; edit `pansoft/site/acceptance.py`.",
            "",
            *_sentences(),
            "",
            f"The file `site-policy/{FILE_NAME}` of a site's state folder ([partner](partner.md)):",
            "",
            fields_of(SCHEMA),
        ]
    )


def _sentences() -> list[str]:
    text = (__doc__ or "").partition("\n\n")[2].strip()
    return text.splitlines()


def _own_signers(document: Document, folder: Path) -> tuple[Signer, ...]:
    problems: list[Problem] = []
    if "signers" not in document.value:
        return ()
    found = signer_section.read(document, folder, Origin.PROJECT, problems)
    if problems:
        raise InvalidInput(in_order(problems))
    return found


def _unless_refused(signer: Signer, acceptance: Acceptance) -> Signer:
    named = is_accepted(signer.name, acceptance.signers)
    spoken_for = is_accepted(signer.facility or "", acceptance.facilities)
    if signer.disabled is not None or (named and spoken_for):
        return signer
    what = "signer" if not named else f"facility {signer.facility}"
    return replace(signer, disabled=f"this site does not accept the {what} ({FILE_NAME})")
