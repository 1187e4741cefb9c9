"""A Flask receiver of the first product's kind: `X-AISG-Signature` over the raw body, and `webhook_id` told apart."""

import hashlib
import hmac
import os

from flask import Flask, request
from werkzeug.serving import make_server

SECRET = os.environ["WARDBELL_WEBHOOK_SECRET"]

app = Flask(__name__)
seen = set()


@app.post("/alerts")
def alerts():
    # The key is the secret as it is shown, `whsec_` and all.
    expected = "sha256=" + hmac.new(SECRET.encode(), request.get_data(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), request.headers.get("X-AISG-Signature", "").encode()):
        return "", 401
    event = request.get_json()
    if event["webhook_id"] not in seen:
        seen.add(event["webhook_id"])
        print("alert", event["event"], event["project_id"], ",".join(event["data"]["entity_types"]), flush=True)
    return "", 200


if __name__ == "__main__":
    server = make_server("127.0.0.1", int(os.environ["PORT"]), app, threaded=True)
    print(f"listening on http://127.0.0.1:{server.server_port}/alerts", flush=True)
    server.serve_forever()
