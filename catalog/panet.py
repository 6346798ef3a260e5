# SPDX-License-Identifier: BSD-3-Clause
"""Names of experimental techniques: terms of the PaNET ontology by the number in their IRI.

PaNET is by the PaN communities, CC BY 4.0, http://purl.org/pan-science/PaNET/. Recipes keep IRIs,
since labels are not unique; a term that is not here is shown by its number.
"""

from __future__ import annotations

import re

_IRI = re.compile(r"http://purl\.org/pan-science/PaNET/PaNET(0[0-9]{4})")

_TERMS: dict[str, tuple[str, ...]] = {
    "01022": ("diffraction",),
    "01024": ("coherent diffraction imaging", "CDI"),
    "01029": ("single crystal diffraction",),
    "01100": ("neutron powder diffraction", "NPD"),
    "01101": ("x-ray powder diffraction", "XRPD"),
    "01102": ("x-ray single crystal diffraction",),
    "01120": ("quasielastic neutron spin echo", "NSE"),
    "01125": ("spectroscopy",),
    "01129": ("tomography",),
    "01164": ("macromolecular crystallography", "MX"),
    "01168": ("serial femtosecond crystallography", "SFX"),
    "01169": ("serial synchrotron crystallography", "SSX"),
    "01177": ("x-ray fluorescence", "XRF"),
    "01188": ("small angle x-ray scattering", "SAXS"),
    "01189": ("small angle neutron scattering", "SANS"),
    "01207": ("x-ray tomography", "XCT"),
    "01212": ("ptychography",),
    "01216": ("x-ray diffraction", "XRD"),
    "01227": ("x-ray absorption spectroscopy", "XAS"),
    "01239": ("neutron reflectometry", "NR"),
    "01285": ("x-ray imaging",),
}


def label(iri: str) -> str:
    """Return the technique's name, or what its IRI ends in."""
    return _names(iri)[0]


def synonyms(iri: str) -> tuple[str, ...]:
    """Return every name of the technique, for searching."""
    return _names(iri)


def _names(iri: str) -> tuple[str, ...]:
    found = _IRI.fullmatch(iri)
    return _TERMS.get(found[1] if found else "") or (iri.rstrip("/#").rsplit("/", 1)[-1],)
