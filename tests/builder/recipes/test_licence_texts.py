# SPDX-License-Identifier: BSD-3-Clause
"""A licence is told where its text is clear, and not guessed where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.recipes.licence_texts import licence_of, named_in

GPL3 = "GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007"
LATER = "/* either version 3 of the License, or\n * (at your option) any later version. */"
BSD = (
    "Redistribution and use in source and binary forms, with or without modification, are permitted"
)
COMMON = Path("/usr/share/common-licenses")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (GPL3, "GPL-3.0{}"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\nVersion 2.1, February 1999", "LGPL-2.1{}"),
        ("Apache License\nVersion 2.0, January 2004\n\nTERMS AND CONDITIONS FOR USE", "Apache-2.0"),
        (BSD, "BSD-2-Clause"),
        (f"{BSD}\nNeither the name ... may be used to endorse or promote products", "BSD-3-Clause"),
        ("SPDX-License-Identifier: CECILL-2.1", "CECILL-2.1"),
        ("All rights reserved.", None),
    ],
)
def test_a_text_names_its_licence(text: str, name: str | None) -> None:
    assert named_in(text) == name


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("GPL-2", "GPL-2.0{}"),
        ("GPL-3", "GPL-3.0{}"),
        ("LGPL-2.1", "LGPL-2.1{}"),
        ("LGPL-3", "LGPL-3.0{}"),
        ("Apache-2.0", "Apache-2.0"),
        ("MPL-2.0", "MPL-2.0"),
    ],
)
@pytest.mark.skipif(not COMMON.is_dir(), reason="Debian's licence texts are not here")
def test_the_licences_that_debian_ships_are_known(file: str, name: str) -> None:
    assert named_in((COMMON / file).read_text(encoding="utf-8")) == name


@pytest.mark.parametrize(
    ("texts", "heads", "spdx"),
    [
        ([GPL3], [], None),
        ([GPL3], [LATER], "GPL-3.0-or-later"),
        ([GPL3], ["// SPDX-License-Identifier: GPL-3.0-only"], "GPL-3.0-only"),
        ([GPL3, BSD], [LATER], None),
        ([BSD], ["# SPDX-License-Identifier: MIT"], None),
        ([], ["# SPDX-License-Identifier: MIT"], "MIT"),
        ([], ["# SPDX-License-Identifier: MIT", "# SPDX-License-Identifier: ISC"], None),
        ([], [], None),
    ],
)
def test_only_what_is_clear_is_told(texts: list[str], heads: list[str], spdx: str | None) -> None:
    found = licence_of(texts, heads)

    assert found.spdx == spdx
    assert bool(found.note) == bool(texts or heads)
