# SPDX-License-Identifier: BSD-3-Clause
"""A bill of materials in CycloneDX 1.6, as JSON. The only module that knows cyclonedx-python-lib."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component as Part
from cyclonedx.model.component import ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import LicenseAcknowledgement, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from builder.evidence.components import Component, Ecosystem
from builder.evidence.published_bill import SOURCE_PROPERTY
from builder.evidence.sbom import Bill, reference
from core.canonical import readable_json


def text(bill: Bill) -> str:
    """Return the bill: equal bills give equal text."""
    return readable_json(json.loads(JsonV1Dot6(bom_of(bill)).output_as_string()))


def bom_of(bill: Bill) -> Bom:
    """Return the bill as the library's document."""
    image = Part(
        name=bill.name,
        version=bill.version,
        type=ComponentType.CONTAINER,
        bom_ref="image",
        licenses=[_declared(bill.licence)],
        properties=[
            Property(name="pansoft:plan", value=bill.plan),
            Property(name="pansoft:base", value=bill.base),
        ],
    )
    parts = [_part(n, item) for n, item in enumerate(bill.components)]
    return Bom(
        serial_number=uuid.UUID(bill.identity),
        metadata=BomMetaData(
            timestamp=datetime.fromtimestamp(bill.epoch, UTC),
            component=image,
            tools=[],
            manufacturer=OrganizationalEntity(name="pansoft"),
        ),
        components=parts,
        dependencies=[
            Dependency(image.bom_ref, [Dependency(part.bom_ref) for part in parts]),
            *(Dependency(part.bom_ref) for part in parts),
        ],
    )


def _part(number: int, item: Component) -> Part:
    properties = [Property(name="pansoft:path", value=f"/{item.path}")] if item.path else []
    if item.source:
        properties.append(Property(name=SOURCE_PROPERTY, value=item.source))
    if item.ecosystem is Ecosystem.ARCHIVE:
        properties.append(Property(name="pansoft:role", value="built from this archive"))
    return Part(
        name=item.name,
        version=item.version,
        type=ComponentType.LIBRARY,
        bom_ref=reference(item, number),
        purl=PackageURL.from_string(item.purl),
        licenses=[_declared(item.licence)] if item.licence else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=item.sha256)] if item.sha256 else [],
        supplier=OrganizationalEntity(name=item.supplier) if item.supplier else None,
        properties=properties,
    )


def _declared(expression: str) -> LicenseExpression:
    return LicenseExpression(expression, acknowledgement=LicenseAcknowledgement.DECLARED)
