# SPDX-License-Identifier: BSD-3-Clause
"""The programs that keys and signatures need: each is known by one module here, and by no other.

- `apptainer`: genuine Apptainer's keys and signatures; `key_ring` and `execution_list`: its files
- `gnupg`: gpg, each time in a home of its own; `armors` and `openpgp`: texts and packets in its form
- `pkcs11_token`: tokens that hold a key and do not give it away
"""
