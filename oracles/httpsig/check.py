"""Holds RFC 9421 signatures against the PyPI package http-message-signatures.

Reads one JSON document from standard input: {"verify": [{method, url, headers, body, keyid}], "sign": [{method, url,
headers, input, keyid, secret}]}. Writes {"verified": ["" or why not], "signed": [{base, signature-input, signature}]}.
Our parameters have a fixed order, the package's own signing another one, so its builder of the signature base is called
directly with ours.
"""

import json
import sys
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, algorithms
from http_sf.compat import Dictionary


def algorithm(keyid):
    return algorithms.ED25519 if keyid.startswith("ed25519:") else algorithms.ECDSA_P256_SHA256


class Keys:
    def resolve_public_key(self, keyid):
        kind, digits = keyid.split(":")
        raw = bytes.fromhex(digits)
        if kind == "ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(raw)
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)


def message(case):
    return SimpleNamespace(method=case["method"], url=case["url"], headers=dict(case["headers"]))


def verify(case):
    verifier = HTTPMessageVerifier(signature_algorithm=algorithm(case["keyid"]), key_resolver=Keys())
    needed = ("@method", "@path", "content-digest", "idempotency-key")
    try:
        body = case["body"].encode()
        found = verifier.verify(message(case), expect_tag="ringi/v1", require_components=needed, body=body)
        return "" if len(found) == 1 else "not one signature"
    except Exception as e:
        return f"{type(e).__name__}: {e}"


def private(keyid, secret):
    raw = bytes.fromhex(secret)
    if keyid.startswith("ed25519:"):
        return ed25519.Ed25519PrivateKey.from_private_bytes(raw)
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())


def sign(case):
    keyid = case["keyid"]
    signer = HTTPMessageSigner(signature_algorithm=algorithm(keyid))
    wanted = signer._parse_signature_dictionary(case["input"])["ringi"]
    base, params, _ = signer._build_signature_base(
        message(case), covered_component_ids=list(wanted), signature_params=wanted.params
    )
    signature = algorithm(keyid)(private_key=private(keyid, case["secret"])).sign(base.encode())
    return {
        "base": base,
        "signature-input": str(Dictionary({"ringi": params})),
        "signature": str(Dictionary({"ringi": signature})),
    }


work = json.load(sys.stdin)
json.dump(
    {"verified": [verify(c) for c in work["verify"]], "signed": [sign(c) for c in work["sign"]]},
    sys.stdout,
)
