"""A real `wardbell serve` process in a temporary folder, and its management API."""

import json
import os
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

READY_LINE = "wardbell ready on "
READY_SECONDS = 30
# How long the gateway waits for a provider here, so that the timeout check takes a second and not a minute.
FIRST_BYTE_SECONDS = 1


class Gateway:
    """A running gateway; `settings` are more of its environment."""

    def __init__(self, binary, folder, **settings):
        self.binary = binary
        self.folder = Path(folder)
        data_dir = self.folder / "data"
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "WARDBELL_LISTEN": "127.0.0.1:0",
            "WARDBELL_DATA_DIR": str(data_dir),
            "WARDBELL_EGRESS_ALLOW": "127.0.0.1/32:*+http",
            "WARDBELL_UPSTREAM_FIRST_BYTE_SECONDS_MAX": str(FIRST_BYTE_SECONDS),
            **settings,
        }
        self.log = (self.folder / "log.txt").open("wb")
        self.process = subprocess.Popen(
            [binary, "serve"], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        try:
            self.url = self._wait_until_ready()
            self.token = (data_dir / "admin-token").read_text().strip()
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self):
        lines = []
        ready = threading.Event()

        def read():
            for line in self.process.stdout:
                lines.append(line)
                if line.startswith(READY_LINE):
                    ready.set()
            ready.set()

        threading.Thread(target=read, daemon=True).start()
        ready.wait(READY_SECONDS)
        for line in lines:
            if line.startswith(READY_LINE):
                return line[len(READY_LINE):].strip()
        raise AssertionError(f"the gateway did not start: {''.join(lines)}\n{self.logs()}")

    def api(self, method, path, body=None):
        """Calls the management API and answers with its JSON; an error status raises."""
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}", method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self.token}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def project(self, name, policy, provider_url):
        """A project with this policy, whose provider `openai` is at this URL, and a key of it.

        Checks go faster than an application: there is no rate, and no guard of loops, unless the policy has one.
        """
        project = self.api("POST", "/projects", {"name": name, "policy": {"rate": None, "loop": {"enabled": False}, **policy}})["id"]
        self.provider(project, "openai", "openai", provider_url)
        return project, self.key(project)

    def key(self, project):
        """Another key of a project."""
        return self.api("POST", f"/projects/{project}/keys", {"name": "client checks"})["key"]

    def provider(self, project, name, kind, base_url, **more):
        """Sets a provider of a project; its key is `sk-NAME-provider-key` unless `more` says otherwise."""
        settings = {"kind": kind, "base_url": base_url, "api_key": f"sk-{name}-provider-key", **more}
        return self.api("PUT", f"/projects/{project}/providers/{name}", settings)

    def logs(self):
        return (self.folder / "log.txt").read_text(errors="replace")

    def stop(self):
        """Asks it to end, and makes it end after 10 seconds."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
