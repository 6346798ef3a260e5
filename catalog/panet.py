# SPDX-License-Identifier: BSD-3-Clause
"""Names of experimental techniques: terms of the PaNET ontology by the number in their IRI.

PaNET is by the PaN communities, CC BY 4.0, http://purl.org/pan-science/PaNET/. Recipes keep IRIs,
since labels are not unique; a term that is not here is shown by its number.
"""

from __future__ import annotations

import re

_IRI = re.compile(r"http://purl\.org/pan-science/PaNET/PaNET(0[0-9]{4})")

_TERMS: dict[str, tuple[str, ...]] = {
    "00410": ("medical application",),
    "01001": ("neutron time of flight technique",),
    "01021": ("diffuse scattering",),
    "01022": ("diffraction",),
    "01024": ("coherent diffraction",),
    "01029": ("single crystal diffraction",),
    "01035": ("quasielastic scattering",),
    "01069": ("microscopy",),
    "01082": ("crystallography",),
    "01089": ("angle resolved photoemission spectroscopy", "ARPES"),
    "01095": ("x-ray fluorescence spectroscopy",),
    "01098": ("grazing incidence diffraction",),
    "01099": ("grazing incidence small angle scattering",),
    "01100": ("neutron powder diffraction", "NPD"),
    "01101": ("x-ray powder diffraction", "XRPD"),
    "01102": ("x-ray single crystal diffraction",),
    "01106": ("imaging",),
    "01109": ("infrared spectroscopy",),
    "01110": ("infrared microspectroscopy",),
    "01114": ("muon spectroscopy",),
    "01116": ("phase contrast imaging",),
    "01120": ("quasielastic neutron spin echo scattering", "NSE"),
    "01121": ("reflectometry",),
    "01124": ("small angle scattering",),
    "01125": ("spectroscopy",),
    "01128": ("surface diffraction",),
    "01129": ("tomography",),
    "01145": ("electron microscopy",),
    "01148": ("scanning probe microscopy",),
    "01149": ("x-ray reflectivity",),
    "01152": ("propagation phase contrast tomography",),
    "01161": ("grazing incidence x-ray diffraction",),
    "01162": ("grazing incidence small angle x-ray scattering", "GISAXS"),
    "01164": ("macromolecular crystallography", "MX"),
    "01168": ("serial femtosecond crystallography", "SFX"),
    "01169": ("serial synchrotron crystallography", "SSX"),
    "01171": ("small molecule diffraction",),
    "01172": ("surface x-ray diffraction",),
    "01174": ("coherent diffraction imaging", "CDI"),
    "01177": ("x-ray fluorescence", "XRF"),
    "01180": ("x-ray microscopy",),
    "01181": ("pair distribution function", "PDF"),
    "01183": ("resonant inelastic x-ray scattering", "RIXS"),
    "01184": ("x-ray scattering",),
    "01186": ("resonant x-ray scattering",),
    "01188": ("small angle x-ray scattering", "SAXS"),
    "01189": ("small angle neutron scattering", "SANS"),
    "01190": ("total scattering",),
    "01193": ("energy dispersive x-ray spectroscopy", "EDX"),
    "01195": ("raman spectroscopy",),
    "01196": ("x-ray absorption spectroscopy", "XAS"),
    "01198": ("extended x-ray absorption fine structure", "EXAFS"),
    "01199": ("x-ray absorption near edge structure", "XANES"),
    "01204": ("x-ray photoelectron spectroscopy", "XPS"),
    "01205": ("x-ray photon correlation spectroscopy", "XPCS"),
    "01207": ("x-ray tomography", "XCT"),
    "01212": ("ptychography",),
    "01215": ("optics characterization",),
    "01216": ("x-ray diffraction", "XRD"),
    "01217": ("neutron diffraction",),
    "01219": ("scanning transmission x-ray microscopy", "STXM"),
    "01222": ("spin and angle resolved photoemission spectroscopy",),
    "01227": ("x-ray absorption",),
    "01236": ("neutron single crystal diffraction",),
    "01239": ("neutron reflectometry", "NR"),
    "01242": ("neutron scattering",),
    "01243": ("polarized neutron reflectometry", "PNR"),
    "01245": ("inelastic neutron spectroscopy",),
    "01248": ("neutron transmission radiography",),
    "01267": ("ion imaging",),
    "01276": ("grazing incidence small angle neutron scattering", "GISANS"),
    "01285": ("x-ray imaging",),
    "01286": ("micro small angle x-ray scattering tomography",),
    "01288": ("scanning x-ray fluorescence",),
    "01290": ("x-ray diffraction imaging",),
    "01316": ("grazing incidence wide angle x-ray scattering", "GIWAXS"),
    "01318": ("atomic force microscopy", "AFM"),
    "01320": ("fourier transform infrared spectroscopy", "FTIR"),
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
