# SPDX-License-Identifier: BSD-3-Clause
"""Which addresses an issuer may have: HTTPS, or HTTP on this machine itself, for tests."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit


def wrong_issuer(address: str) -> str | None:
    """Return what is wrong with the address of an issuer, or None."""
    parts = _split(address)
    if parts is None:
        return "it is not an address"
    if parts.username or parts.query or parts.fragment or not parts.hostname:
        return "it must be an address without a login, a query or a fragment"
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts)):
        return None
    return "it must begin with https://"


def wrong_keys(address: str, *, issuer: str) -> str | None:
    """Return what is wrong with the place of an issuer's keys, or None; it may be another host."""
    parts, home = _split(address), _split(issuer)
    if parts is None or home is None:
        return "it is not an address"
    if not parts.hostname or parts.username:
        return "it must be an address without a login"
    local = parts.scheme == "http" and _is_loopback(parts) and _is_loopback(home)
    return None if parts.scheme == "https" or local else "it must begin with https://"


def is_here(address: str) -> bool:
    """Return whether an address is of this machine itself."""
    parts = _split(address)
    return parts is not None and _is_loopback(parts)


def is_same_origin(one: str, other: str) -> bool:
    """Return whether two addresses have one scheme, host and port."""
    first, second = _split(one), _split(other)
    if first is None or second is None:
        return False
    return (first.scheme, first.netloc) == (second.scheme, second.netloc)


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts


def _is_loopback(parts: SplitResult) -> bool:
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"
