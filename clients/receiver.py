"""Receivers for the checks of alerts: one that keeps what comes, and one that stands before a real program."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import node

START_SECONDS = 30
# What a retry one second later and a slow machine need.
WAIT_SECONDS = 20


class Delivery:
    """A request as it came: header names in lower case, the raw body."""

    def __init__(self, headers, body):
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body
        self.answer = None

    def json(self):
        return json.loads(self.body)


def post(url, headers, body):
    """Sends a delivery, and tells the status."""
    headers = {name: value for name, value in headers.items() if name.lower() not in ("host", "content-length")}
    request = urllib.request.Request(url, method="POST", data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


class Receiver:
    """Keeps deliveries, passes each on to `target` if there is one, and answers what `target` did, or `status`.

    The first delivery of each check is answered 500 where `fails_once`, whatever the target said: as if its answer had
    been lost on the way. It waits for `pause` seconds before it answers. `answer` is the body of what it says.
    """

    def __init__(self, target=None, fails_once=False, status=204, pause=0.0, answer=b""):
        self.deliveries = []
        self.came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format, *args):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                delivery = Delivery(self.headers, body)
                delivery.answer = post(target, delivery.headers, body) if target else status
                with receiver.came:
                    first = not receiver.deliveries
                    receiver.deliveries.append(delivery)
                    receiver.came.notify_all()
                time.sleep(pause)
                self.send_response(500 if fails_once and first else delivery.answer)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def wait_for(self, number):
        """The first deliveries, once there are so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.deliveries) >= number, WAIT_SECONDS), \
                f"{len(self.deliveries)} deliveries came, not {number}"
            return list(self.deliveries)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Running:
    """A receiver in a process of its own. It says `listening on URL`, and a line that starts with `alert` for each alert."""

    def __init__(self, command, secret):
        self.lines = []
        self.said = threading.Condition()
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            env=node.environment(
                WARDBELL_WEBHOOK_SECRET=secret, PORT="0", PYTHONPATH=os.pathsep.join(sys.path), PYTHONUNBUFFERED="1",
            ),
        )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.url = self.wait_for("listening on ", 1, START_SECONDS)[0]
        except BaseException:
            self.stop()
            raise

    def _read(self):
        for line in self.process.stdout:
            with self.said:
                self.lines.append(line.rstrip("\n"))
                self.said.notify_all()

    def _that_start(self, start):
        return [line[len(start):] for line in self.lines if line.startswith(start)]

    def wait_for(self, start, number, seconds=WAIT_SECONDS):
        """The rest of the lines that start so, once there are so many."""
        with self.said:
            assert self.said.wait_for(lambda: len(self._that_start(start)) >= number, seconds), \
                f"{self.process.args} said {self.lines}"
            return self._that_start(start)

    def alerts(self, number):
        """The alerts that it handled, once there are so many, and after a moment in which more would have come."""
        self.wait_for("alert ", number)
        time.sleep(0.2)
        with self.said:
            return self._that_start("alert ")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
