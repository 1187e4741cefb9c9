"""An OpenAI-shaped provider on a free port of 127.0.0.1 that keeps what it is sent."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What it says, in the pieces that a stream sends.
PIECES = ["It ", "is ", "sunny ", "in the ", "valley."]
CONTENT = "".join(PIECES)


class FakeProvider:
    """Answers chat completions. `status` other than 200 makes it fail; `pause` makes it slow to start, in seconds."""

    def __init__(self):
        self.bodies = []
        self.reset()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format, *args):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                provider.bodies.append(body)
                provider.answer(self, json.loads(body))

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def reset(self):
        """Forgets what came and answers as usual."""
        self.bodies.clear()
        self.status = 200
        self.pause = 0.0

    def answer(self, handler, asked):
        time.sleep(self.pause)
        if self.status != 200:
            error = {"error": {"message": "the model is down", "type": "server_error", "param": None, "code": None}}
            return self.send(handler, self.status, error)
        if asked.get("stream"):
            return self.stream(handler, asked)
        return self.send(handler, 200, {
            "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
            "object": "chat.completion",
            "created": 1741569952,
            "model": asked["model"],
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": CONTENT, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }],
            "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29},
            "service_tier": "default",
        })

    def send(self, handler, status, body):
        body = json.dumps(body).encode()
        try:
            handler.send_response(status)
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            handler.close_connection = True  # the gateway has given up waiting

    def stream(self, handler, asked):
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in PIECES), {}]
        for number, delta in enumerate(deltas):
            finish = "stop" if number == len(deltas) - 1 else None
            self.event(handler, json.dumps({
                "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
                "object": "chat.completion.chunk",
                "created": 1741569952,
                "model": asked["model"],
                "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
            }))
        if (asked.get("stream_options") or {}).get("include_usage"):
            self.event(handler, json.dumps({
                "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
                "object": "chat.completion.chunk",
                "created": 1741569952,
                "model": asked["model"],
                "choices": [],
                "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29},
            }))
        self.event(handler, "[DONE]")
        handler.wfile.write(b"0\r\n\r\n")

    def event(self, handler, data):
        event = f"data: {data}\n\n".encode()
        handler.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")

    def last(self):
        """The latest body as JSON."""
        return json.loads(self.bodies[-1])

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
