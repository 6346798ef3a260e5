# SPDX-License-Identifier: BSD-3-Clause
"""What a token must claim for an entry of the policy to be about it: values compared to the letter.

No patterns: a `*` that fits more than was meant is a way in. An entry lists what may be there:

    claims:
      project_path: pan/recipes
      ref: [main, stable]
      ref_protected: true
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.schema import Schema

_NOT_CLAIMS = ("iss", "aud", "exp", "nbf", "iat", "jti", "nonce")

CLAIM: Final = rf"(?!({'|'.join(_NOT_CLAIMS)})$)[A-Za-z][A-Za-z0-9_:/.-]{{0,99}}"

RULES: Final[dict[str, Any]] = {
    "type": "dict",
    "required": True,
    "minlength": 1,
    "keysrules": {
        "type": "string",
        "regex": CLAIM,
        "meta": {"pattern": f"the name of a claim, and none of {', '.join(_NOT_CLAIMS)}"},
    },
    "valuesrules": {
        "type": ["string", "boolean", "list"],
        "empty": False,
        "schema": {"type": "string", "empty": False, "meta": {}},
        "meta": {"description": "The value, or a list of values any of which will do."},
    },
    "meta": {
        "description": "What the token must claim, each claim with the value or the values any of "
        "which will do, to the letter. All the claims must be there."
    },
}
"""The rules of a field that lists claims."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that must be there with one of these values."""

    name: str
    values: tuple[str, ...]

    def fits(self, values: tuple[str, ...]) -> bool:
        """Return whether one of a token's values is one of these."""
        return not set(self.values).isdisjoint(values)

    def __str__(self) -> str:
        """Return it as people say it."""
        return f"{self.name} is {' or '.join(self.values)}"


def read(data: Mapping[str, Any]) -> tuple[Claim, ...]:
    """Return the claims of a field that RULES have found valid."""
    return tuple(Claim(name, _values(value)) for name, value in data.items())


def _values(value: Any) -> tuple[str, ...]:
    match value:
        case bool():
            return (str(value).lower(),)
        case str():
            return (value,)
        case _:
            return tuple(value)


ENTRY: Final[Schema] = {
    "issuer": {
        "type": "string",
        "required": True,
        "empty": False,
        "meta": {"description": "The issuer of the token, by its name in `people.issuers`."},
    },
    "claims": RULES,
}
"""The fields of an entry that is about tokens."""
