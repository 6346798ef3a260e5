# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import pytest

from cvmfs.errors import RepositoryError
from cvmfs.sources.routes import Choice, parse_hosts, parse_proxies, proxies_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (("DIRECT",),)),
        ("DIRECT", (("DIRECT",),)),
        ("direct;", (("DIRECT",),)),
        ("http://a:3128", (("http://a:3128",),)),
        (
            "http://a:3128|b:3128;http://c:80/;DIRECT",
            (("http://a:3128", "http://b:3128"), ("http://c:80",), ("DIRECT",)),
        ),
    ],
)
def test_proxies_are_written_as_clients_write_them(
    text: str, expected: tuple[tuple[str, ...], ...]
) -> None:
    assert parse_proxies(text) == expected


@pytest.mark.parametrize("text", ["https://a:3128", "socks5://a", "http://a:x", "|http://"])
def test_what_is_no_proxy_is_refused(text: str) -> None:
    with pytest.raises(RepositoryError, match="not the address of a proxy"):
        parse_proxies(text)


def test_no_host_is_refused() -> None:
    with pytest.raises(RepositoryError, match="no address"):
        parse_hosts(" ; ")


def test_groups_keep_their_order_and_equals_are_mixed() -> None:
    text = "|".join(f"http://p{n}:1" for n in range(8)) + ";DIRECT"
    orders = {proxies_of(text).in_order() for _ in range(20)}

    assert {order[-1] for order in orders} == {"DIRECT"}
    assert len({order[0] for order in orders}) > 1


def test_what_fails_comes_last_until_it_works() -> None:
    choice = Choice("host", ("a", "b", "c"))

    choice.failed("a", "tired")
    choice.failed("b", "tired")
    choice.failed("b", "tired again")

    assert choice.in_order() == ("c", "a", "b")
    assert [choice.is_resting(name) for name in "abc"] == [True, True, False]
    choice.worked("b")
    assert choice.in_order() == ("b", "c", "a")
