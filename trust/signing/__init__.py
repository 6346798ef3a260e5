# SPDX-License-Identifier: BSD-3-Clause
"""What is signed of an image or a tree, and how that is checked.

- `sif`: the layout of a SIF file, and a name for every byte of it
- `signatures`: sign and verify the objects of a SIF file, by Apptainer
- `sif_signature`: the same signature by a key that Apptainer cannot hold
- `statements`: the signed statement that covers every byte of a file, with evidence and verdict
- `dsse`: envelopes around a statement
- `cosignatures`, `certified`: further signatures of a statement, by other facilities: PGP, X.509
- `x509_chain`: certificates of an authority, and who signed
"""
