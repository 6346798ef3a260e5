# SPDX-License-Identifier: BSD-3-Clause
"""Who may run what, and why: the policy, the judge, the evidence, keys and signatures.

Deciding is pure; touching files and programs is at the edge:

- `evidence`: what was seen of one package; what was not seen is None
- `policy/`: the constitution in `trust-policy/`, as values; one module for each of its sections
- `rules/`: one small module per rule
- `judge`: policy and evidence in, `verdict` out
- `consent/`: what people approve and waive; `identity/`: who they and pipelines are
- `vulnerabilities/`: advisories, matched against what is in an image
- `programs/`: the only modules that know Apptainer, gpg and PKCS#11
- `keys/`: the keys that sign, a module for each place where the secret lies
- `signing/`: images, statements and who has signed them
- `trees/`, `contents/`: signed trees; content hashes, by which nothing has to be read
- `federation/`: trust between facilities by The Update Framework
- `decisions/`: the log of what was decided
- `explain/`, `reports/`: a decision again, for people and for programs
- `codec`, `licences`: values as JSON and back; the ways to take a licence expression
- `manual`: docs/trust-policy.md, written from the schema and the rules
"""
