# SPDX-License-Identifier: BSD-3-Clause
"""The one door to Jinja2: a template and values to the bytes of a page, every value escaped.

`page` is for the catalogue's pages. `text` is for what is no HTML: it is told how a value is escaped, for
the rules of another language are not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from catalog import panet, words
from core.console import readable_size

_TEMPLATES = Path(__file__).with_name("templates")
_FILTERS = {
    "date": words.date,
    "seconds": words.seconds,
    "fingerprint": words.fingerprint,
    "web_link": words.web_link,
    "mail_link": words.mail_link,
    "orcid_link": words.orcid_link,
    "license_words": words.license_words,
    "license_allows": words.license_allows,
    "redistribution": words.redistribution,
    "features": words.features,
    "needs": words.needs,
    "test_kind": words.test_kind,
    "test_outcome": words.test_outcome,
    "tests_passed": words.tests_passed,
    "outcome": words.outcome,
    "answered": words.answered,
    "unasked": words.unasked,
    "waived": words.waived,
    "paragraphs": words.paragraphs,
    "size": readable_size,
    "technique": panet.label,
}


def page(template: str, **values: object) -> bytes:
    """Return the page that a template makes of the values; a name it lacks is an error."""
    return _environment().get_template(template).render(**values).encode("utf-8")


def text(template: Path, *, escape: Callable[[Any], str], **values: object) -> str:
    """Return the text that a template makes of the values; each is printed as `escape` gives it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=False,  # noqa: S701 - what is no HTML has an escape of its own
        undefined=jinja2.StrictUndefined,
        finalize=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    return environment.get_template(template.name).render(**values)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters.update(_FILTERS)
    return environment


def _printable(value: Any) -> Any:  # Jinja2 hands over whatever a template prints
    return words.plain(value) if type(value) is str else value
