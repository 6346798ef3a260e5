# SPDX-License-Identifier: BSD-3-Clause
"""What Debian's security team and its point releases have mended since a package was locked.

A newer version in the security suite is an advisory by itself. One in the release or its updates is one
where its changelog names a vulnerability, or where the changelog cannot be read: in doubt, yes. Versions
are compared as dpkg does. What Debian has not mended, nobody is told here: records know of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cmp_to_key

from builder.inputs import locking
from builder.inputs.apt import DebianPackage
from builder.inputs.apt_newer import Offered, offered, source_of
from builder.inputs.cache import InputCache
from builder.inputs.debian_changelog import changelogs, ids_since
from core.errors import UserError
from core.versions import Scheme, compare
from pansoft.advisories.holdings import RELEASES
from pansoft.advisories.sources.answer import DEBIAN, Answer, Asking, Match
from trust.evidence import Component

NAME = "debian"
_DISTRO = re.compile(r"[?&]distro=debian-(\d+)")


def ask(components: Sequence[Component], asking: Asking) -> Answer:
    """Return what the host's Debian archives have mended of components."""
    asked = [each for each in components if _is_installed(each)]
    if not asked:
        return Answer(NAME, 0)
    try:
        state = locking.host_archives(asking.state, at=asking.at, console=asking.console)
        offers = offered(state, {each.name for each in asked})
        newer = [(each, offer) for each in asked for offer in _newer(each, offers_of(offers, each))]
        texts = changelogs(
            {
                (offer.source, offer.source_version): _built_from(offer, offers)
                for _, offer in newer
            },
            state,
            InputCache(asking.state.inputs),
            at=asking.at,
            console=asking.console,
        )
    except UserError as err:
        why = f"the host's Debian archives cannot be read: {err.message}"
        return Answer(NAME, 0, not_asked=why, is_fault=True)
    sources = {(offer.name, offer.version): offer for offer in offers}
    matches = [match for pair in newer for match in _matches(*pair, sources, texts)]
    return Answer(NAME, len(asked), tuple(matches))


def _is_installed(component: Component) -> bool:
    return component.purl.startswith(DEBIAN) and "arch=source" not in component.purl


def offers_of(offers: Sequence[Offered], component: Component) -> list[Offered]:
    """Return those offers that are of the component's package and of its release of Debian.

    Backports are none: they are other versions of the program, and apt takes them only where it is told to.
    """
    told = _DISTRO.search(component.purl)
    number = told[1] if told else None
    return [
        each
        for each in offers
        if each.name == component.name
        and (each.is_security or each.suite in (each.release, f"{each.release}-updates"))
        and (number is None or RELEASES.get(each.release, number) == number)
    ]


def _newer(component: Component, offers: Sequence[Offered]) -> Iterator[Offered]:
    """Yield the newest version of the security suite, and the newest of all where that is another one."""
    later = [
        each for each in offers if compare(each.version, component.version, Scheme.DEBIAN) == 1
    ]
    by_age = sorted(later, key=cmp_to_key(_order))
    security = [each for each in by_age if each.is_security][-1:]
    yield from security
    yield from (each for each in by_age[-1:] if not security or each.version != security[0].version)


def _built_from(offer: Offered, offers: Sequence[Offered]) -> list[DebianPackage]:
    """Return the binary packages that were built from the same source."""
    key = (offer.source, offer.source_version)
    return [each.package for each in offers if (each.source, each.source_version) == key]


def _order(one: Offered, other: Offered) -> int:
    return compare(one.version, other.version, Scheme.DEBIAN) or 0


def _matches(
    component: Component,
    offer: Offered,
    sources: Mapping[tuple[str, str], Offered],
    texts: Mapping[tuple[str, str], str],
) -> Iterator[Match]:
    """Yield a match for each vulnerability that the newer version mends; one for all where none is named."""
    now = sources.get((component.name, component.version))
    _, guessed = source_of(component.name, component.version, None)
    _, _, told = (component.source or "").partition(" ")
    after = now.source_version if now else told or guessed
    text = texts.get((offer.source, offer.source_version))
    ids = ids_since(text, after=after, until=offer.source_version) if text is not None else ()
    if not ids and (offer.is_security or text is None):
        ids = (f"{offer.suite}/{offer.source}={offer.source_version}",)
    for each in ids:
        yield Match(component, (each,), "", None, offer.version)
