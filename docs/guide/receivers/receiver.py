"""A receiver of Wardbell's alerts that needs nothing but Python 3.9.

WARDBELL_WEBHOOK_SECRET=whsec_… PORT=8788 python receiver.py
"""

import base64
import hashlib
import hmac
import json
import os
import queue
import re
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["WARDBELL_WEBHOOK_SECRET"][len("whsec_"):])
BODY_BYTES_MAX = 1024 * 1024
TOLERANCE_SECONDS = 300

work = queue.Queue(maxsize=1000)
# In memory this forgets at a restart. Where it matters, put id and body into a table with a unique id before answering.
seen = deque(maxlen=10_000)
seen_lock = threading.Lock()


def verified(headers, body):
    """The delivery's id if it is from Wardbell and fresh, else None."""
    id, stamp, tokens = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not re.fullmatch("[0-9]{1,15}", stamp) or abs(time.time() - int(stamp)) > TOLERANCE_SECONDS:
        return None
    signed = f"{id}.{stamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    # During a rotation there is a token for each live secret: one match is enough.
    matches = [hmac.compare_digest(token.encode(), expected.encode()) for token in tokens.split(" ")]
    return id if any(matches) else None


class Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            return self.answer(413)
        body = self.rfile.read(int(length))
        id = verified(self.headers, body)
        if id is None:
            return self.answer(401)
        with seen_lock:
            if id not in seen:
                try:
                    work.put_nowait(body)
                except queue.Full:
                    return self.answer(503)  # Wardbell comes again
                seen.append(id)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def do_work():
    while True:
        alert = json.loads(work.get())
        print("alert", alert["event"], alert["severity"], alert["webhook_id"], flush=True)


threading.Thread(target=do_work, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8788"))), Handler)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
