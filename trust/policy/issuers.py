# SPDX-License-Identifier: BSD-3-Clause
"""`people.issuers`: who vouches for people and pipelines, and the reviewed keys of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from core.problems import Problem
from core.strict_yaml import Document
from trust.identity.addresses import wrong_issuer
from trust.policy.fields import listing, text

FOLDER: Final = "issuers"
"""Where the reviewed keys of issuers lie, beside `policy.yaml`."""


class IssuerKind(StrEnum):
    """What an issuer's tokens are like: a GitLab speaks of jobs, any other of people."""

    GITLAB = "gitlab"
    GENERIC = "generic"


SCHEMA: Final[dict[str, Any]] = listing(
    "The OIDC issuers whose tokens are looked at. A GitLab, UmbrellaID and the EOSC AAI are "
    "issuers like others; what a token of theirs is worth is said by `pipelines`, `persons` "
    "and `groups`.",
    {
        "type": "dict",
        "schema": {
            "name": text(
                "What the issuer is called in this policy; its reviewed keys are in "
                "`issuers/NAME.jwks.json` beside it.",
                required=True,
                regex=r"[a-z][a-z0-9-]*",
                pattern="a short name like gitlab",
            ),
            "url": text(
                "Its address, to the letter as its tokens name it (`iss`).",
                required=True,
                example="https://gitlab.example.org",
            ),
            "audience": text(
                "For whom its tokens must be made (`aud`): what `id_tokens` of a pipeline asks for, "
                "or the client under which people log in.",
                required=True,
                example="pansoft",
            ),
            "kind": text(
                "`gitlab` for a GitLab, whose tokens speak of a job and of who started it; "
                "`generic` for what speaks of people alone.",
                required=True,
                allowed=[str(kind) for kind in IssuerKind],
            ),
        },
    },
)


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer of tokens; `keys_file` need not be there."""

    name: str
    url: str
    audience: str
    kind: IssuerKind
    keys_file: Path


def read(
    document: Document, entries: list[Any], folder: Path, problems: list[Problem]
) -> tuple[Issuer, ...]:
    """Return the issuers of a valid document, and add what is wrong with them."""
    found: dict[str, Issuer] = {}
    for number, entry in enumerate(entries):
        name = entry["name"]
        where = ("people", "issuers", number)
        if name in found or any(each.url == entry["url"] for each in found.values()):
            problems.append(
                Problem(
                    document.where(where),
                    "policy-issuer-twice",
                    f"the issuer '{name}' is listed a second time, by its name or its address",
                    hint="one issuer, one entry",
                )
            )
        if wrong := wrong_issuer(entry["url"]):
            problems.append(
                Problem(
                    document.where((*where, "url")),
                    "policy-issuer-address",
                    f"the address of the issuer '{name}' will not do: {wrong}",
                    hint="for example: https://gitlab.example.org",
                )
            )
        found[name] = Issuer(
            name=name,
            url=entry["url"],
            audience=entry["audience"],
            kind=IssuerKind(entry["kind"]),
            keys_file=folder / FOLDER / f"{name}.jwks.json",
        )
    return tuple(found.values())
