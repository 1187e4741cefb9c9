"""Verifies a delivery of signature profile `ed25519`. Needs `pip install cryptography`."""

import base64
import re
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TOLERANCE_SECONDS = 300


def verified(public_key, headers, body):
    """Whether one of the delivery's tokens is by the private half of `public_key`, a `whpk_…` text, and it is fresh."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key[len("whpk_"):]))
    id, stamp, tokens = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not re.fullmatch("[0-9]{1,15}", stamp) or abs(time.time() - int(stamp)) > TOLERANCE_SECONDS:
        return False
    for token in tokens.split(" "):
        version, _, signature = token.partition(",")
        try:
            if version == "v1a":
                key.verify(base64.b64decode(signature), f"{id}.{stamp}.".encode() + body)
                return True
        except (InvalidSignature, ValueError):
            pass  # another key's, or no base64
    return False
