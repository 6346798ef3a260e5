# SPDX-License-Identifier: BSD-3-Clause
"""Where each component of an image comes from, and who brought it: for whoever judges its licence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from builder.evidence.components import Component, Ecosystem
from builder.evidence.contents import key_of
from builder.images.plan import BuildPlan
from builder.inputs.apt import DebianPackage
from builder.inputs.downloads import is_download
from trust import evidence

DEBIAN_MAIN: Final = "debian-main"
RECIPE: Final = "recipe"
_IN_MAIN: Final = re.compile(r"pool/(updates/)?main/.+")
_FIELDS: Final = {
    Ecosystem.DEBIAN: "build.apt",
    Ecosystem.PYTHON: "build.pip",
    Ecosystem.NPM: "build.npm",
    Ecosystem.ARCHIVE: "build.sources",
}


def explained(components: Iterable[Component], plan: BuildPlan) -> tuple[Component, ...]:
    """Return the components of an image with their origin and who brought them."""
    in_main = _in_main(plan)
    in_base = _in_base(plan)
    downloads = {source.filename for source in plan.sources if is_download(source)}
    return tuple(
        replace(item, origin=RECIPE, brought_by=_of_archive(held=item.name in downloads))
        if item.ecosystem is Ecosystem.ARCHIVE
        else _explained(item, in_main, in_base)
        for item in components
    )


def facts(item: Component) -> evidence.Component:
    """Return a component as the judge knows it."""
    return evidence.Component(
        purl=item.purl,
        name=item.name,
        version=item.version,
        licences=(item.licence,) if item.licence is not None else (),
        source=item.source,
        origin=item.origin,
        brought_by=item.brought_by,
    )


def _of_archive(*, held: bool) -> tuple[str, ...]:
    return ("site.download" if held else "build.sources",)


def _explained(
    item: Component, in_main: Mapping[str, str], in_base: Mapping[str, str]
) -> Component:
    """Return one component; what lies in the base is the base's, whoever wants it as well."""
    key = key_of(item)
    base = in_base.get(key)
    brought_by = (f"the base {base}",) if base else item.brought_by or (_FIELDS[item.ecosystem],)
    # the same bytes as the lock names: a package that a build put in by other means has no origin
    locked = item.sha256 is not None and in_main.get(key) == item.sha256
    return replace(item, origin=DEBIAN_MAIN if locked else None, brought_by=brought_by)


def _in_main(plan: BuildPlan) -> dict[str, str]:
    """Return the sha256 of every locked package of Debian's area main."""
    return {
        f"{Ecosystem.DEBIAN}:{item.name}:{item.version}": item.sha256
        for item in (*plan.base.lock.inputs, *plan.inputs)
        if isinstance(item, DebianPackage) and _IN_MAIN.fullmatch(item.path)
    }


def _in_base(plan: BuildPlan) -> dict[str, str]:
    """Return the name of the base that brings a locked package."""
    found: dict[str, str] = {}
    for layer in plan.base.layers:
        for package in layer.lock.own:
            found[f"{Ecosystem.DEBIAN}:{package.name}:{package.version}"] = layer.name
        for wheel in layer.lock.python:
            name = re.sub(r"[-_.]+", "-", wheel.name).lower()  # PEP 503
            found[f"{Ecosystem.PYTHON}:{name}:{wheel.version}"] = layer.name
    return found
