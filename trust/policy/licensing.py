# SPDX-License-Identifier: BSD-3-Clause
"""The section `licensing`: what may be handed to whom."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from core.strict_yaml import Document
from trust.policy.fields import DAY, PATTERN, listing, mapping, matching, one_of, text
from trust.policy.repositories import AUDIENCES, Audience

RIGHTS: Final = ("allowed", "partners", "forbidden")
"""What a recipe can say of redistribution."""

UNKNOWN: Final = ("warn", "refuse")

_LICENCES: Final = matching(
    r"[A-Za-z0-9.+:*-]+", "an SPDX identifier, a LicenseRef- or a pattern of them"
)

_EXCEPTIONS: Final = matching(
    r"[A-Za-z0-9.+*-]+", "the SPDX identifier of an exception or a pattern"
)

_SAID: Final = {
    "by": text("Who read it.", required=True),
    "on": text("When.", required=True, regex=DAY, pattern="a day"),
    "reason": text("Why it is all right.", required=True, maxlength=500),
}

_REVIEW: Final = {
    "package": text("The package's name.", required=True),
    "licence": text("The SPDX identifier or LicenseRef-.", required=True),
    "text": text(
        "The sha256 of the words that were read, the file `license.text` of the recipe. A "
        "LicenseRef- needs it: other words need another review.",
        regex=r"[0-9a-f]{64}",
        pattern="64 hexadecimal digits in lower case",
    ),
    **_SAID,
}

_COMPONENT_REVIEW: Final = {
    "component": text(
        "The component as its package URL has it, `TYPE/NAME`, or a pattern of it.",
        required=True,
        regex=r"[a-z]+/[A-Za-z0-9@%/.*_+-]+",
        pattern="like pypi/numpy",
        example="pypi/nvidia-*-cu12",
    ),
    "licence": text(
        "The licence that it declares; where no machine can tell one, the licence that was found.",
        required=True,
    ),
    "packages": listing(
        "The packages that may hold it, as names or patterns.",
        matching(PATTERN, "a package name or a pattern"),
        required=True,
        minlength=1,
    ),
    **_SAID,
}

_ORIGIN: Final = {
    "origin": one_of("debian-main", "recipe", required=True),
    "reason": text("Why nothing from there is looked at by itself.", required=True, maxlength=500),
}
_ORIGIN["origin"]["meta"] = {
    "description": "`debian-main`: the archive area main of Debian; `recipe`: the sources that the "
    "recipe names."
}

_COMPONENTS: Final = mapping(
    "The licences of what an image holds besides its own program, from its bill of materials.",
    {
        "unknown": one_of(*UNKNOWN, required=True),
        "trusted_origins": listing(
            "Whence a component needs no licence that a machine can tell.",
            {"type": "dict", "schema": _ORIGIN},
        ),
        "reviewed": listing(
            "Components that somebody has looked at. What is denied stays denied.",
            {"type": "dict", "schema": _COMPONENT_REVIEW},
        ),
    },
    required=False,
)
_COMPONENTS["schema"]["unknown"]["meta"] = {
    "description": "What a component is worth whose licence no machine can tell: a warning, or a no."
}

SCHEMA: Final[dict[str, Any]] = mapping(
    "Licensing.",
    {
        "allow": listing("Licences that need no further thought.", _LICENCES, required=True),
        "review": listing(
            "Licences that somebody must have read for the very package; see `reviewed`.",
            _LICENCES,
            required=True,
        ),
        "deny": listing("Licences that are never accepted.", _LICENCES, required=True),
        "held": listing(
            "Licences that are an agreement between the makers and each holder. They are accepted "
            "for packages that are handed to nobody, `redistribution: forbidden`.",
            _LICENCES,
        ),
        "exceptions": mapping(
            "Exceptions to licences, which stand after WITH. Without this field all are accepted.",
            {
                "allow": listing("Exceptions that are accepted.", _EXCEPTIONS, required=True),
                "deny": listing("Exceptions that are not, whatever `allow` says.", _EXCEPTIONS),
            },
            required=False,
        ),
        "reviewed": listing(
            "The reviews: this package may have this licence of the `review` list.",
            {"type": "dict", "schema": _REVIEW},
            required=True,
        ),
        "components": _COMPONENTS,
        "redistribution": mapping(
            "Which audiences a package may be given to, by the right that its recipe states.",
            {
                right: listing(
                    f"Audiences for packages whose recipe says `{right}`.", AUDIENCES, required=True
                )
                for right in RIGHTS
            },
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Review:
    """Somebody read this licence for this package; `text` is the sha256 of the words."""

    package: str
    licence: str
    by: str
    on: str
    reason: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Exceptions:
    """Which exceptions after WITH are accepted; `deny` goes before `allow`."""

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ComponentReview:
    """Somebody looked at this component, `TYPE/NAME` or a pattern, for these packages."""

    component: str
    licence: str
    packages: tuple[str, ...]
    by: str
    on: str
    reason: str

    def covers(self, component: str, package: str) -> bool:
        """Return whether the review is about a component in a package."""
        return fnmatchcase(component, self.component) and any(
            fnmatchcase(package, pattern) for pattern in self.packages
        )


@dataclass(frozen=True, slots=True)
class Components:
    """What is asked of the licences of components; as it stands here, where a policy says nothing."""

    unknown: str = "refuse"
    trusted_origins: tuple[str, ...] = ()
    reviewed: tuple[ComponentReview, ...] = ()


@dataclass(frozen=True, slots=True)
class Licensing:
    """What the rules of licensing ask the policy."""

    allow: tuple[str, ...]
    review: tuple[str, ...]
    deny: tuple[str, ...]
    reviewed: tuple[Review, ...]
    redistribution: tuple[tuple[str, tuple[Audience, ...]], ...]
    held: tuple[str, ...] = ()
    exceptions: Exceptions = Exceptions()
    components: Components = Components()


def read(document: Document) -> Licensing:
    """Return the section of a valid document."""
    data: Any = document.value["licensing"]  # Any: validated against SCHEMA
    return Licensing(
        allow=tuple(data["allow"]),
        review=tuple(data["review"]),
        deny=tuple(data["deny"]),
        held=tuple(data.get("held", ())),
        exceptions=_exceptions(data["exceptions"]) if "exceptions" in data else Exceptions(),
        reviewed=tuple(Review(**each) for each in data["reviewed"]),
        components=_components(data["components"]) if "components" in data else Components(),
        redistribution=tuple(
            (right, tuple(Audience(name) for name in audiences))
            for right, audiences in data["redistribution"].items()
        ),
    )


def _exceptions(data: Any) -> Exceptions:
    return Exceptions(tuple(data["allow"]), tuple(data.get("deny", ())))


def _components(data: Any) -> Components:
    return Components(
        unknown=data["unknown"],
        trusted_origins=tuple(each["origin"] for each in data.get("trusted_origins", ())),
        reviewed=tuple(
            ComponentReview(**{**each, "packages": tuple(each["packages"])})
            for each in data.get("reviewed", ())
        ),
    )
