# SPDX-License-Identifier: BSD-3-Clause
"""A bill of materials in SPDX 2.3, as JSON. The only module that knows the library spdx-tools."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from spdx_tools.common.spdx_licensing import spdx_licensing
from spdx_tools.spdx.jsonschema.document_converter import DocumentConverter
from spdx_tools.spdx.model import (
    Actor,
    ActorType,
    Checksum,
    ChecksumAlgorithm,
    CreationInfo,
    Document,
    ExternalPackageRef,
    ExternalPackageRefCategory,
    ExtractedLicensingInfo,
    Package,
    PackagePurpose,
    Relationship,
    RelationshipType,
    SpdxNoAssertion,
)

from builder.evidence.components import ARCHIVE_OF_LICENCES, Component, Ecosystem
from builder.evidence.sbom import Bill, reference
from core.canonical import readable_json

_DOCUMENT = "SPDXRef-DOCUMENT"
_IMAGE = "SPDXRef-image"
_REFERENCE = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
_ADDRESS = re.compile(r"(?P<name>[^<>]+?)\s*<(?P<email>[^<>\s]+@[^<>\s]+)>")


def text(bill: Bill) -> str:
    """Return the bill: equal bills give equal text."""
    converter = DocumentConverter()  # type: ignore[no-untyped-call]
    document: dict[str, object] = converter.convert(document_of(bill))
    return readable_json(json.loads(json.dumps(document)))


def document_of(bill: Bill) -> Document:
    """Return the bill as the library's document."""
    return Document(
        CreationInfo(
            spdx_version="SPDX-2.3",
            spdx_id=_DOCUMENT,
            name=f"{bill.name}-{bill.version}",
            document_namespace=f"https://spdx.org/spdxdocs/pansoft-{bill.name}-{bill.identity}",
            creators=[Actor(ActorType.TOOL, "pansoft")],
            created=datetime.fromtimestamp(bill.epoch, UTC).replace(tzinfo=None),
            creator_comment=f"made while the plan {bill.plan} was built on the base {bill.base}",
        ),
        packages=[_image(bill), *(_package(n, item) for n, item in enumerate(bill.components))],
        relationships=[
            Relationship(_DOCUMENT, RelationshipType.DESCRIBES, _IMAGE),
            *(_relation(n, item) for n, item in enumerate(bill.components)),
        ],
        extracted_licensing_info=list(_unlisted(bill)),
    )


def _image(bill: Bill) -> Package:
    return Package(
        spdx_id=_IMAGE,
        name=bill.name,
        version=bill.version,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        license_concluded=SpdxNoAssertion(),
        license_declared=spdx_licensing.parse(bill.licence),
        copyright_text=SpdxNoAssertion(),
        primary_package_purpose=PackagePurpose.CONTAINER,
        comment=f"built from plan {bill.plan}",
    )


def _package(number: int, item: Component) -> Package:
    return Package(
        spdx_id=f"SPDXRef-{reference(item, number)}",
        name=item.name,
        version=item.version,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        supplier=_supplier(item),
        checksums=[Checksum(ChecksumAlgorithm.SHA256, item.sha256)] if item.sha256 else [],
        license_concluded=SpdxNoAssertion(),
        license_declared=spdx_licensing.parse(item.licence) if item.licence else SpdxNoAssertion(),
        copyright_text=SpdxNoAssertion(),
        source_info=f"built from the source package {item.source}" if item.source else None,
        external_references=[
            ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", item.purl)
        ],
        primary_package_purpose=PackagePurpose.SOURCE
        if item.ecosystem is Ecosystem.ARCHIVE
        else PackagePurpose.LIBRARY,
    )


def _supplier(item: Component) -> Actor | SpdxNoAssertion:
    if not item.supplier:
        return SpdxNoAssertion()
    match = _ADDRESS.fullmatch(item.supplier.strip())
    kind = ActorType.ORGANIZATION if item.ecosystem is Ecosystem.DEBIAN else ActorType.PERSON
    if match is None:
        name = re.sub(r"[()<>]", " ", item.supplier)
        return Actor(kind, " ".join(name.split())[:200] or "unnamed")
    return Actor(kind, match["name"].strip(' "'), match["email"])


def _relation(number: int, item: Component) -> Relationship:
    kind = (
        RelationshipType.GENERATED_FROM
        if item.ecosystem is Ecosystem.ARCHIVE
        else RelationshipType.CONTAINS
    )
    return Relationship(_IMAGE, kind, f"SPDXRef-{reference(item, number)}")


def _unlisted(bill: Bill) -> Iterator[ExtractedLicensingInfo]:
    """Yield where to read each licence that SPDX does not list."""
    found: dict[str, list[str]] = {key: [] for key in _REFERENCE.findall(bill.licence)}
    for item in bill.components:
        for key in _REFERENCE.findall(item.licence or ""):
            found.setdefault(key, []).append(item.name)
    for key in sorted(found):
        places = [ARCHIVE_OF_LICENCES.format(name=name) for name in sorted(set(found[key]))]
        text = (
            f"The text is in the image: {', '.join(places)}"
            if places
            else ("The recipe of the package says where this licence can be read.")
        )
        yield ExtractedLicensingInfo(license_id=key, extracted_text=text, license_name=key[11:])
