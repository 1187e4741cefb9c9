"""The published JavaScript clients in a Node process that stays: starting one takes longer than most checks."""

import json
import queue
import subprocess
import threading

import node

# How long an answer may take.
WAIT_SECONDS = 30


class Asker:
    """Asks `js/asker.cjs`, which tells what a question is."""

    def __init__(self):
        self.process = subprocess.Popen(
            [node.NODE, node.HERE / "js/asker.cjs"], env=node.environment(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def ask(self, make, config, call, *given, older=False):
        question = {"make": make, "config": config, "call": call, "with": given, "older": older}
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.lines.get(timeout=WAIT_SECONDS)
        assert line is not None, "the Node process ended"
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
