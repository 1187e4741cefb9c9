"""A provider of every dialect on a free port of 127.0.0.1, that keeps what it is sent.

Which call it is tells the end of the path, so any base URL of any vendor fits: `chat/completions`, `completions`,
`responses`, `embeddings`, `models`, `messages`, `v1/chat`, `v2/chat`, `…:generateContent`, `…:streamGenerateContent`. Plain
and streamed answers say `CONTENT`, in a stream by `PIECES`. Anything else is a 404, as a vendor's would be.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import anthropic, cohere, gemini, openai
from .said import CONTENT, PIECES  # noqa: F401: the checks take the words from here

# The end of a path, and who answers there; the first that fits.
CALLS = [
    ("/chat/completions", openai.Chat),
    ("/completions", openai.Completions),
    ("/responses", openai.Responses),
    ("/embeddings", openai.Embeddings),
    ("/models", openai.Models),
    ("/messages", anthropic.Messages),
    ("/messages/count_tokens", anthropic.CountTokens),
    ("/v2/chat", cohere.ChatV2),
    ("/v1/chat", cohere.ChatV1),
    (":generateContent", gemini.Generate),
    (":streamGenerateContent", gemini.StreamGenerate),
]


class Request:
    """A request as it came: `method`, `path` with its query, `headers` by names in lower case, `body` as bytes."""

    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    def json(self):
        return json.loads(self.body)


class FakeProvider:
    """`requests` is what came, `bodies` the bodies of it. `url` is its address with `/v1`, `origin` without a path.

    `status` other than 200 makes every call fail, with `error` as the body if it is set. `pause` makes it slow to start,
    in seconds; `halt` slow to go on after the head of an answer that is no stream.
    """

    def __init__(self):
        self.requests = []
        self.bodies = []
        self.reset()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format, *args):
                pass

            def take(self):
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                request = Request(self.command, self.path, self.headers, body)
                provider.requests.append(request)
                if self.command == "POST":
                    provider.bodies.append(body)
                provider.answer(self, request)

            do_GET = do_POST = do_DELETE = take

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.url = f"{self.origin}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def reset(self):
        """Forgets what came and answers as usual."""
        self.requests.clear()
        self.bodies.clear()
        self.status = 200
        self.error = None
        self.pause = 0.0
        self.halt = 0.0

    def answer(self, handler, request):
        time.sleep(self.pause)
        if self.status != 200:
            down = {"message": "the model is down", "type": "server_error", "param": None, "code": None}
            return send(handler, self.status, self.error or {"error": down})
        path = request.path.split("?")[0]
        call = next((call for end, call in CALLS if path.endswith(end)), None)
        if call is None:
            return send(handler, 404, {"error": {"message": f"no {path} here", "type": "invalid_request_error"}})
        asked = request.json() if request.body else {}
        if getattr(call, "streams", None) and call.streams(asked):
            return stream(handler, getattr(call, "media_type", "text/event-stream"), call.events(asked))
        return send(handler, 200, call.answer(asked), self.halt)

    def last(self):
        """The latest body as JSON."""
        return json.loads(self.bodies[-1])

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def send(handler, status, body, halt=0.0):
    body = json.dumps(body).encode()
    try:
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        time.sleep(halt)
        handler.wfile.write(body)
    except OSError:
        handler.close_connection = True  # the gateway has given up waiting


def stream(handler, media_type, events):
    try:
        handler.send_response(200)
        handler.send_header("content-type", media_type)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for event in events:
            event = event.encode()
            handler.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")
    except OSError:
        handler.close_connection = True
