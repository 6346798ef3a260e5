# SPDX-License-Identifier: BSD-3-Clause
"""Who asked for a package, as a recipe and a commit name them.

The name that somebody shows in GitLab is any text: what could be more than a name is taken out of it, so that
it can close no issue, mention nobody and begin no line of its own in a commit.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from pansoft.ci.gitlab import Author

_LONGEST = 80
_USERNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_EVERYBODY = "all"


def name_of(author: Author) -> str:
    """Return the name of somebody: letters, blanks, points, hyphens and apostrophes of the name they show.

    Where that leaves nothing it is the user name.
    """
    text = unicodedata.normalize("NFC", author.name)[: 4 * _LONGEST]
    kept = "".join(
        each if unicodedata.category(each)[0] in "LM" or each in ".'-" else " " for each in text
    )
    name = " ".join(kept.split())[:_LONGEST].strip()
    if any(each.isalpha() for each in name):
        return name
    return author.username if _USERNAME.fullmatch(author.username) else f"user {author.id}"


def mention(author: Author) -> str | None:
    """Return how GitLab mentions somebody; None where it is no user name."""
    is_one = _USERNAME.fullmatch(author.username) and author.username.casefold() != _EVERYBODY
    return f"@{author.username}" if is_one else None


def co_author(author: Author, server: str) -> str | None:
    """Return the line by which a commit says who else made it; None where there is no address for it.

    The address is GitLab's private commit address, by which it finds its user: number, user name, and
    `users.noreply.` before the name of the host, unless the administrators of that GitLab call it otherwise.
    """
    host = urlsplit(server).hostname or ""
    if not _USERNAME.fullmatch(author.username) or not _HOST.fullmatch(host):
        return None
    address = f"{author.id}-{author.username}@users.noreply.{host}"
    return f"Co-authored-by: {name_of(author)} <{address}>"
