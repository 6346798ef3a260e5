# SPDX-License-Identifier: BSD-3-Clause
"""The bills of materials of an image: what it holds, in SPDX 2.3 and in CycloneDX 1.6.

Both say the same, are made from the plan and the contents alone and so are the same bytes wherever
they are made: their ids come from the plan's id, their time is the base's epoch.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from builder.evidence.bringing import explained, facts
from builder.evidence.components import Component, Ecosystem
from builder.evidence.contents import Contents, locked_sha256s
from builder.images.plan import BuildPlan
from builder.inputs.apt_sources import DebianSourceFile
from builder.inputs.lock import LockedSource
from builder.recipes.recipe import SourceKind
from core.files import sha256_file, write_atomic
from trust.evidence import BillFacts

SPDX_FILE = "sbom.spdx.json"
CYCLONEDX_FILE = "sbom.cdx.json"
FILES = (SPDX_FILE, CYCLONEDX_FILE)

_ONE_AT_A_TIME = threading.Lock()
"""Both libraries share one parser of licence expressions, which breaks where two threads first use it."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a bill is about and what stands on it.

    Args:
        name: of the package.
        version: of the package.
        licence: of the package, as its recipe has it.
        base: the base's name.
        plan: the id of the plan.
        identity: 32 hex digits that only this plan gives.
        epoch: seconds; the time that the bill says it was made.
        components: what is in the image, the source archives it was built from at the end.
    """

    name: str
    version: str
    licence: str
    base: str
    plan: str
    identity: str
    epoch: int
    components: tuple[Component, ...]


def bill_of(plan: BuildPlan, contents: Contents) -> Bill:
    """Return the bill of an image."""
    return Bill(
        name=plan.name,
        version=plan.version,
        licence=plan.license,
        base=plan.base.name,
        plan=plan.id,
        identity=plan.identity.hex,
        epoch=plan.base.lock.epoch,
        components=explained(
            (*contents.components, *(archive_component(source) for source in plan.sources)), plan
        ),
    )


def archive_component(source: LockedSource) -> Component:
    """Return the component of a source archive: built into the package, not installed beside it."""
    if isinstance(source, DebianSourceFile):
        name, version = source.name, source.version
    elif source.kind is SourceKind.PYPI_WHEEL:
        name, version = source.location.split("-")[:2]
    else:
        name, _, version = source.location.partition("==")
    match str(source.kind):
        case "pypi-sdist" | "pypi-wheel":
            purl = f"pkg:pypi/{quote(name.lower().replace('_', '-'))}@{quote(version)}"
        case "debian-source":
            purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch=source"
        case _:
            name, version = source.filename, source.sha256[:12]
            purl = f"pkg:generic/{quote(name)}?checksum=sha256:{source.sha256}"
    return Component(Ecosystem.ARCHIVE, name, version, purl, sha256=source.sha256)


def sha256s_of(plan: BuildPlan) -> dict[str, str]:
    """Return the sha256 of every locked file, as `builder.evidence.contents` looks them up."""
    return locked_sha256s((*plan.base.lock.inputs, *plan.inputs))


def write_bills(bill: Bill, folder: Path) -> BillFacts:
    """Write both forms into a folder and return what is said of them."""
    # Imported here: the two libraries take a second, and most commands write no bill.
    from builder.evidence import cyclonedx_form, spdx_form

    with _ONE_AT_A_TIME:
        write_atomic(folder / SPDX_FILE, spdx_form.text(bill))
        write_atomic(folder / CYCLONEDX_FILE, cyclonedx_form.text(bill))
    return bill_facts(bill, folder)


def bill_facts(bill: Bill, folder: Path) -> BillFacts:
    """Return what is said of the bills in a folder."""
    return BillFacts(
        spdx_sha256=sha256_file(folder / SPDX_FILE),
        cyclonedx_sha256=sha256_file(folder / CYCLONEDX_FILE),
        components=len(bill.components),
        unlicensed=sum(each.licence is None for each in bill.components),
        contents=tuple(facts(each) for each in bill.components),
    )


def reference(item: Component, number: int) -> str:
    """Return a name for a component inside a bill, made of letters, digits, dots and dashes."""
    digest = hashlib.sha256(f"{item.purl}\0{item.path or ''}".encode()).hexdigest()[:12]
    plain = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in item.name)
    return f"{item.ecosystem}-{plain[:60]}-{digest}-{number}"
