"""A Flask receiver of the second product's kind: the secret itself in `X-LockLLM-Signature`, `request_id` told apart."""

import hmac
import os

from flask import Flask, request
from werkzeug.serving import make_server

SECRET = os.environ["WARDBELL_WEBHOOK_SECRET"]

app = Flask(__name__)
seen = set()


@app.post("/alerts")
def alerts():
    if not hmac.compare_digest(SECRET.encode(), request.headers.get("X-LockLLM-Signature", "").encode()):
        return "", 401
    event = request.get_json()
    if event["request_id"] not in seen:
        seen.add(event["request_id"])
        print("alert", event["event"], event["request_id"], flush=True)
    return "", 200


if __name__ == "__main__":
    server = make_server("127.0.0.1", int(os.environ["PORT"]), app, threaded=True)
    print(f"listening on http://127.0.0.1:{server.server_port}/alerts", flush=True)
    server.serve_forever()
