# SPDX-License-Identifier: BSD-3-Clause
"""What a repository says of itself to monitors: a JSON object with names that the genuine server documents.

They are those of its manual's page on server meta-information. Every name may be missing; what has another
one goes below `custom`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.canonical import Json, readable_json
from cvmfs.errors import FormatInvalid

_TEXTS = ("administrator", "email", "organisation", "description", "url", "recommended-stratum0")
_STRATUM1S = "recommended-stratum1s"
_CUSTOM = "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metainfo:
    """Who looks after a repository, and where it is best read from."""

    administrator: str = ""
    email: str = ""
    organisation: str = ""
    description: str = ""
    url: str = ""
    recommended_stratum0: str = ""
    recommended_stratum1s: tuple[str, ...] = ()
    custom: Mapping[str, Json] = field(default_factory=dict)

    def facts(self) -> dict[str, Json]:
        """Return what is said, by the names of the format."""
        facts: dict[str, Json] = {
            name: text for name in _TEXTS if (text := getattr(self, name.replace("-", "_")))
        }
        if self.recommended_stratum1s:
            facts[_STRATUM1S] = list(self.recommended_stratum1s)
        if self.custom:
            facts[_CUSTOM] = dict(self.custom)
        return facts

    def encode(self) -> bytes:
        """Return the bytes of the object, not yet compressed."""
        return readable_json(self.facts()).encode()


def parse_metainfo(content: bytes, *, where: str) -> Metainfo:
    """Return what the bytes of the object say; names that the format does not have are taken as custom ones.

    Raises:
        FormatInvalid: it is no JSON object, or a name has a value of another kind.
    """
    try:
        facts = json.loads(content)
    except ValueError as err:
        raise FormatInvalid(f"{where} is not JSON: {err}") from err
    if not isinstance(facts, dict):
        raise FormatInvalid(f"{where} is not a JSON object")
    texts = {name.replace("-", "_"): facts.pop(name, "") for name in _TEXTS}
    stratum1s = facts.pop(_STRATUM1S, [])
    custom = facts.pop(_CUSTOM, {})
    is_as_documented = (
        all(isinstance(text, str) for text in texts.values())
        and isinstance(stratum1s, list)
        and all(isinstance(url, str) for url in stratum1s)
        and isinstance(custom, dict)
    )
    if not is_as_documented:
        raise FormatInvalid(f"{where}: a text, the list of replicas or `custom` is something else")
    return Metainfo(**texts, recommended_stratum1s=tuple(stratum1s), custom={**facts, **custom})
