# SPDX-License-Identifier: BSD-3-Clause
"""The charter: who holds the root, who speaks for what, by how many signatures; and the ways to change it.

A charter is the two documents that facilities sign together, root and top targets, as values to be edited.
Each function returns another charter and leaves the given one alone; `ceremony` makes a proposal of it.
A seat is a key in `root` and in `targets`, so that who holds the root also says who speaks for what.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Delegations, Role, Root, Targets

from core.errors import UserError
from trust.federation import names
from trust.federation.keys import facility_of

SEATS = "root"
"""As a role of a command: the seats, which are keys in `root` and `targets` alike."""

_SEAT_ROLES = (Root.type, Targets.type)
_ONLINE_ROLES = ("snapshot", "timestamp")


@dataclass(frozen=True, slots=True)
class Charter:
    """Root and top targets together."""

    root: Root
    targets: Targets

    @property
    def delegations(self) -> Delegations:
        """Return the delegations; there is always one, `core`."""
        assert self.targets.delegations is not None  # noqa: S101 - for mypy: founded with one
        return self.targets.delegations

    @property
    def namespaces(self) -> dict[str, DelegatedRole]:
        """Return the delegated namespaces by name."""
        return dict(self.delegations.roles or {})

    def roles(self) -> dict[str, Role]:
        """Return every role with its keys and threshold: the top roles, then the namespaces."""
        return {**self.root.roles, **self.namespaces}

    def keys_of(self, role: str) -> tuple[Key, ...]:
        """Return the keys of a role."""
        delegator = self.root if role in self.root.roles else self.targets
        return tuple(delegator.get_key(each) for each in self.roles()[role].keyids)

    def all_keys(self) -> tuple[tuple[str, Key], ...]:
        """Return every key with each role that has it."""
        return tuple((role, key) for role in self.roles() for key in self.keys_of(role))


def found(
    *,
    seats: Mapping[str, Key],
    core: Mapping[str, Key],
    online: Key,
    threshold: int,
    at: datetime,
) -> Charter:
    """Return the first charter: facilities with a seat, and `core`, which two of them sign."""
    roles = {
        Root.type: Role(_ids(seats), threshold),
        Targets.type: Role(_ids(seats), threshold),
        "snapshot": Role([online.keyid], 1),
        "timestamp": Role([online.keyid], 1),
    }
    keys = {key.keyid: key for key in (*seats.values(), online)}
    root = Root(1, expires=at, keys=keys, roles=roles, consistent_snapshot=True)
    role = _delegated(names.CORE, _ids(core), 2)
    delegations = Delegations({key.keyid: key for key in core.values()}, {names.CORE: role})
    return Charter(root, Targets(1, expires=at, delegations=delegations))


def delegate(charter: Charter, role: str, key: Key | None, *, threshold: int | None) -> Charter:
    """Give a key a say in a role: the seats, or a namespace, which is made where it is new.

    Args:
        charter: as it is.
        role: `root` for a seat, or a namespace.
        key: the facility's key; None changes the threshold alone.
        threshold: how many must sign from then on; None leaves it.

    Raises:
        UserError: the key has that say already, or there is no such namespace.
    """
    after = copy.deepcopy(charter)
    if role != SEATS and role not in after.namespaces:
        names.check_namespace(role)
        if key is None:
            raise UserError(f"there is no namespace '{role}'", hint="name its key: --key FILE")
        assert after.delegations.roles is not None  # noqa: S101 - for mypy: not of the succinct kind
        after.delegations.roles[role] = _delegated(role, [], 1)
    for each in _SEAT_ROLES if role == SEATS else (role,):
        if key is not None:
            _add(after, each, key)
        if threshold is not None:
            after.roles()[each].threshold = threshold
    return after


def replace_key(charter: Charter, old: Key, new: Key) -> Charter:
    """Put another key in the place of one, in every role that has it."""
    after = copy.deepcopy(charter)
    for role in [role for role, key in charter.all_keys() if key.keyid == old.keyid]:
        _remove(after, role, old.keyid)
        _add(after, role, new)
    return after


def remove_key(charter: Charter, key: Key) -> Charter:
    """Take a key out of every role; a namespace that has none left is delegated no more."""
    after = copy.deepcopy(charter)
    for role in [role for role, each in charter.all_keys() if each.keyid == key.keyid]:
        _remove(after, role, key.keyid)
        if role in after.namespaces and not after.namespaces[role].keyids:
            assert after.delegations.roles is not None  # noqa: S101 - for mypy: as above
            del after.delegations.roles[role]
    return after


def keys_named(charter: Charter, name: str) -> tuple[Key, ...]:
    """Return the keys that a facility's name, `online`, or the beginning of a key's id names.

    Raises:
        UserError: none is, or the beginning fits more than one.
    """
    keys = {key.keyid: key for _, key in charter.all_keys()}
    held = [key for key in keys.values() if facility_of(key).casefold() == name.casefold()]
    if held:
        return tuple(held)
    fitting = [key for key in keys.values() if len(name) >= 6 and key.keyid.startswith(name)]
    if len(fitting) == 1:
        return (fitting[0],)
    raise UserError(
        f"'{name}' names {'several keys' if fitting else 'no facility and no key'} of the federation",
        hint="pansoft trust status shows both; of a key's id the first 8 characters will do",
    )


def _delegated(namespace: str, key_ids: list[str], threshold: int) -> DelegatedRole:
    return DelegatedRole(
        namespace,
        key_ids,
        threshold,
        terminating=True,
        paths=list(names.patterns(namespace)),
    )


def _ids(keys: Mapping[str, Key]) -> list[str]:
    return [key.keyid for key in keys.values()]


def _delegator(charter: Charter, role: str) -> Root | Targets:
    return charter.root if role in charter.root.roles else charter.targets


def _add(charter: Charter, role: str, key: Key) -> None:
    for known_in, known in charter.all_keys():
        if known.keyid == key.keyid and facility_of(known) != facility_of(key):
            raise UserError(
                f"the key {key.keyid[:8]} is that of {facility_of(known)} in {known_in},"
                f" and not of {facility_of(key)}",
                hint="each facility makes keys of its own: pansoft trust federation-key",
            )
    if key.keyid in charter.roles()[role].keyids:
        raise UserError(f"the key {key.keyid[:8]} of {facility_of(key)} is in {role} already")
    _delegator(charter, role).add_key(key, role)


def _remove(charter: Charter, role: str, key_id: str) -> None:
    _delegator(charter, role).revoke_key(key_id, role)
