# SPDX-License-Identifier: BSD-3-Clause
"""What may be written in `trust-policy/policy.yaml` and in a state's `signers.yaml`."""

from __future__ import annotations

from typing import Any, Final

from core.schema import Schema

_FINGERPRINT = r"[0-9A-F]{40}"
_DAY = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_PATTERN = r"[a-z0-9*?.\[\]-]+"


def _text(description: str, **rules: Any) -> dict[str, Any]:
    meta = {"description": description}
    for key in ("example", "hint", "pattern"):
        if key in rules:
            meta[key] = rules.pop(key)
    return {"type": "string", "empty": False, "meta": meta, **rules}


def _list(description: str, item: dict[str, Any], **rules: Any) -> dict[str, Any]:
    return {"type": "list", "schema": item, "meta": {"description": description}, **rules}


def _mapping(description: str, fields: Schema, **rules: Any) -> dict[str, Any]:
    return {
        "type": "dict",
        "schema": fields,
        "required": True,
        "meta": {"description": description},
        **rules,
    }


_PACKAGES = _list(
    "The packages that this key may sign, as names or patterns; `*` is every package.",
    {
        "type": "string",
        "regex": _PATTERN,
        "meta": {"pattern": "a package name or a pattern of one"},
    },
    required=True,
    minlength=1,
)

_SIGNER: Schema = {
    "name": _text("Who holds the key, as people know them.", required=True, maxlength=100),
    "fingerprint": _text(
        "The fingerprint of the key's primary PGP key.",
        required=True,
        regex=_FINGERPRINT,
        pattern="40 hex digits in capitals, without spaces",
        hint="pansoft trust keygen prints it; gpg --show-keys FILE shows it",
    ),
    "key": _text(
        "The armored public key, a file of the folder `keys/` beside this file.",
        required=True,
        regex=r"keys/[A-Za-z0-9][A-Za-z0-9._-]*\.asc",
        pattern="like keys/NAME.asc",
        example="keys/release-2026.asc",
    ),
    "packages": _PACKAGES,
    "valid_from": _text(
        "The first day on which the key may sign.", regex=_DAY, pattern="a day like 2026-01-31"
    ),
    "valid_until": _text(
        "The last day on which the key's signatures are accepted, whatever the key itself says.",
        regex=_DAY,
        pattern="a day like 2026-12-31",
    ),
    "disabled": _text(
        "Why nothing signed by this key is accepted any more. The entry stays, so that a "
        "refusal can say so.",
        maxlength=500,
        example="the laptop that held it was stolen on 2026-03-02",
    ),
}

_LICENCES: dict[str, Any] = {
    "type": "string",
    "regex": r"[A-Za-z0-9.+:*-]+",
    "meta": {"pattern": "an SPDX identifier, a LicenseRef- or a pattern of them"},
}

_AUDIENCES: dict[str, Any] = {
    "type": "string",
    "allowed": ["public", "partners", "site", "local"],
    "meta": {},
}

POLICY: Final[Schema] = {
    "schema": {
        "type": "integer",
        "required": True,
        "allowed": [1],
        "meta": {"description": "The version of this file's form."},
    },
    "version": {
        "type": "integer",
        "required": True,
        "min": 1,
        "meta": {
            "description": "The version of the policy; it grows by one with every change that is merged."
        },
    },
    "signers": _list(
        "The keys whose signatures count, each for the packages it is listed for.",
        {"type": "dict", "schema": _SIGNER},
        required=True,
    ),
    "repositories": _list(
        "The repositories that may be published to, and who can read each. The first pattern "
        "that fits decides; one that none fits is refused.",
        {
            "type": "dict",
            "schema": {
                "name": _text(
                    "The fully qualified repository name, or a pattern of it.",
                    required=True,
                    regex=_PATTERN,
                    pattern="a repository name or a pattern of one",
                    example="software.pan.example.org",
                ),
                "audience": {
                    **_AUDIENCES,
                    "required": True,
                    "meta": {
                        "description": "Who can read it: everybody; the partner facilities; one "
                        "site; or nobody but this machine (`local`), where a local key may sign."
                    },
                },
            },
        },
        required=True,
        minlength=1,
    ),
    "safety": _mapping(
        "Safety of code execution.",
        {
            "bases": _list(
                "The bases that images may stand on, as names or patterns.",
                {
                    "type": "string",
                    "regex": _PATTERN,
                    "meta": {"pattern": "a base name or a pattern"},
                },
                required=True,
                minlength=1,
            ),
            "known": _list(
                "What a rule that looks into images would say no to and somebody has looked at, like "
                "the test keys that a library ships for everybody.",
                {
                    "type": "dict",
                    "schema": {
                        "rule": _text(
                            "The rule that is answered.",
                            required=True,
                            allowed=[
                                "no-secrets",
                                "no-capabilities",
                                "no-world-writable",
                                "no-foreign-programs",
                                "no-build-paths",
                                "no-dangling-links",
                            ],
                        ),
                        "package": _text(
                            "The package's name, or a pattern of it.",
                            required=True,
                            regex=_PATTERN,
                            pattern="a package name or a pattern of one",
                        ),
                        "path": _text(
                            "The path in the image, or a pattern of it; `*` goes over `/` as well.",
                            required=True,
                            regex=r"/.*",
                            pattern="a path that begins with /",
                            example="/opt/venv/lib/python3.11/site-packages/tornado/test/test.key",
                        ),
                        "reason": _text("Why it is all right.", required=True, maxlength=500),
                    },
                },
            ),
        },
    ),
    "release": _mapping(
        "Release planning.",
        {
            "channels": _list(
                "The channels that a version can be published in.",
                {
                    "type": "string",
                    "regex": r"[a-z][a-z0-9-]*",
                    "meta": {"pattern": "a channel name like testing"},
                },
                required=True,
                minlength=1,
            ),
        },
    ),
    "licensing": _mapping(
        "Licensing.",
        {
            "allow": _list("Licences that need no further thought.", _LICENCES, required=True),
            "review": _list(
                "Licences that somebody must have read for the very package; see `reviewed`.",
                _LICENCES,
                required=True,
            ),
            "deny": _list("Licences that are never accepted.", _LICENCES, required=True),
            "reviewed": _list(
                "The reviews: this package may have this licence of the `review` list.",
                {
                    "type": "dict",
                    "schema": {
                        "package": _text("The package's name.", required=True),
                        "licence": _text("The SPDX identifier or LicenseRef-.", required=True),
                        "by": _text("Who read it.", required=True),
                        "on": _text("When.", required=True, regex=_DAY, pattern="a day"),
                        "reason": _text("Why it is all right.", required=True, maxlength=500),
                    },
                },
                required=True,
            ),
            "redistribution": _mapping(
                "Which audiences a package may be given to, by the right that its recipe states.",
                {
                    right: _list(
                        f"Audiences for packages whose recipe says `{right}`.",
                        _AUDIENCES,
                        required=True,
                    )
                    for right in ("allowed", "partners", "forbidden")
                },
            ),
        },
    ),
}

LOCAL_SIGNERS: Final[Schema] = {
    "schema": POLICY["schema"],
    "signers": {
        **POLICY["signers"],
        "meta": {
            "description": "Keys of this machine. They count in this state folder only, and only "
            "for repositories whose audience is `local`."
        },
    },
}
