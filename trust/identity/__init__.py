# SPDX-License-Identifier: BSD-3-Clause
"""Who people and pipelines are: tokens of OIDC issuers, checked against the keys those publish.

We keep no accounts and no passwords. GitLab, UmbrellaID and the EOSC AAI are issuers like others.

- `tokens`     a token and its claims; the only module that knows PyJWT
- `keysets`    the keys that an issuer publishes (JWKS), without what must not be in them
- `addresses`  which addresses an issuer may have
- `issuers`    where those keys come from: discovery and JWKS over HTTPS, kept for their max-age
- `snapshots`  keys as they were reviewed into the policy, so that old approvals stay verifiable
- `secrets`    where a token is read from, and what keeps it out of logs
- `verification`  a token, verified against what its issuer publishes now
- `recognition`   what a verified token is worth by the policy
"""
