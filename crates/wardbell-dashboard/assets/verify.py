import base64, hashlib, hmac, time

def is_genuine(secret, headers, body):
    """`body` is the bytes as they came; parse them only after this."""
    sent_at = headers["webhook-timestamp"]
    if abs(time.time() - int(sent_at)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f'{headers["webhook-id"]}.{sent_at}.'.encode() + body
    ours = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{ours}", theirs)
               for theirs in headers["webhook-signature"].split())
