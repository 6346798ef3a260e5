# SPDX-License-Identifier: BSD-3-Clause
"""Who may run what, and why: the policy, the judge, the evidence, keys and signatures.

Deciding is pure; touching files and programs is at the edge:

- `evidence`: what was seen of one package; what was not seen is None
- `policy/`: the constitution in `trust-policy/`, as values; one module for each of its sections
- `rules/`: one small module per rule
- `judge`: policy and evidence in, `verdict` out
- `sif`: the layout of a SIF file, and a name for every byte of it
- `apptainer`, `gnupg`, `pkcs11_token`: the only modules that know these programs and this library
- `openpgp`, `armors`, `sif_signature`: what a key that Apptainer cannot hold signs, in its form
- `keys/`: the keys that sign, a module for each place where the secret lies
- `signatures`: sign and verify the objects of a SIF file
- `cosignatures`, `certified`: further signatures of a statement, by other facilities: PGP, X.509
- `x509_chain`: certificates of an authority, and who signed
- `statements`: the signed statement that covers every byte of the file, with the verdict
- `federation/`: trust between facilities by The Update Framework
- `manual`: docs/trust-policy.md, written from the schema and the rules
"""
