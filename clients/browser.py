"""A real browser for the dashboard's checks: Chromium without a window, as Debian has it."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import time
from pathlib import Path

import node

# Where a reviewer finds what the pages look like.
PICTURES = Path(os.environ.get("WARDBELL_PICTURES") or Path(__file__).parent.parent / "target/dashboard")
REMEDY = "install it, such as `apt-get install chromium`, or name it in WARDBELL_CHROMIUM"
PASSWORD = "a long sentence for the tests"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
# How long a click may take to show.
TIMEOUT = 20_000


def chromium():
    named = os.environ.get("WARDBELL_CHROMIUM")
    for candidate in [named] if named else ["chromium", "chromium-browser", "google-chrome"]:
        found = shutil.which(candidate)
        if found:
            return found
    raise AssertionError(f"the dashboard's checks need Chromium; to mend it: {REMEDY}")


def setup_link(gateway):
    """The link that the first start printed."""
    return re.search(r"http://\S+/setup/\S+", gateway.logs()).group()


class Office:
    """Somebody before the dashboard of a gateway."""

    def __init__(self, browser, gateway):
        self.gateway = gateway
        # Errors of scripts, and what the content policy refused.
        self.complaints = []
        # The bytes of every answer since `weigh` was called.
        self.weight = 0
        self.context = browser.new_context(viewport=dict(zip(("width", "height"), SIZES["desktop"])))
        self.context.set_default_timeout(TIMEOUT)
        self.page = self.context.new_page()
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def go(self, path):
        """Opens a page; answers with its status."""
        return self.page.goto(path if path.startswith("http") else self.gateway.url + path).status

    def set_up(self):
        """Through the set-up link to the overview."""
        self.go(setup_link(self.gateway))
        self.page.get_by_label("New password").fill(PASSWORD)
        self.page.get_by_label("The same again").fill(PASSWORD)
        self.page.get_by_role("button", name="Set password and sign in").click()
        self.page.get_by_role("heading", name="Overview").wait_for()

    def click(self, name, role="button"):
        self.page.get_by_role(role, name=name, exact=True).first.click()

    def picture(self, name):
        """Keeps what the page looks like, in both sizes and both schemes."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        for size, (width, height) in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                self.page.screenshot(path=PICTURES / f"{name}-{size}-{scheme}.png", full_page=True, animations="disabled")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(dict(zip(("width", "height"), SIZES["desktop"])))

    def axe(self):
        """What axe finds wrong, in both schemes, and whether the page is wider than the narrowest screen."""
        found = []
        source = (node.FOLDER / "node_modules/axe-core/axe.min.js").read_text()
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            self.page.evaluate(source)
            violations = self.page.evaluate("axe.run(document).then((found) => found.violations)")
            found += [
                f"{scheme}: {violation['id']} at {at['html'][:160]}: {at['failureSummary'][:300]}"
                for violation in violations for at in violation["nodes"]
            ]
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": 320, "height": 700})
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        if wide > 320:
            found.append(f"the page is {wide} px wide on a screen of 320")
        self.page.set_viewport_size(dict(zip(("width", "height"), SIZES["desktop"])))
        return found

    def stop(self):
        self.context.close()


def rows_of(text):
    """The lines of a JSONL file."""
    return [json.loads(line) for line in text.splitlines()]


def fill(database, project, key, count):
    """Puts requests of the last thirty days into the database of a gateway that does not run, with what counts them."""
    now = int(time.time() * 1000)
    verdicts = ["allow"] * 90 + ["redact"] * 6 + ["block_pii", "block_injection", "observe", "block_loop"]
    models = [f"model-{number}" for number in range(12)]
    rows, counts, tops = [], {}, {}
    for number in range(count):
        at = now - 30 * 24 * 3_600_000 * (count - number) // count
        verdict, model = verdicts[number % 100], models[number % 12]
        entity = "" if verdict == "allow" else "CREDIT_CARD,US_SSN"
        rows.append((
            f"req_{at:012x}7000{number:016x}", None, at, project, key, "chat.completions", model, "openai", verdict, "served",
            200, entity, 2 if entity else 0, 0.0, 0, 900_000, 40, 899_000, 120, 300, 1, 75_000, 90,
        ))
        for step in (60, 3600):
            began = at // (step * 1000) * step * 1000
            sums = counts.setdefault((project, step, began), [0] * 7)
            for index, more in enumerate([1, verdict.startswith("block"), verdict == "redact", 0, 0, 75_000, 90]):
                sums[index] += int(more)
        hour = at // 3_600_000 * 3_600_000
        for what, name in [("key", key), ("model", model), *(("entity", name) for name in entity.split(",") if name)]:
            seen = tops.setdefault((project, what, name, hour), [0, 0, 0])
            seen[:] = [seen[0] + 1, seen[1] + 75_000, at]
    with contextlib.closing(sqlite3.connect(database)) as open_database, open_database:
        open_database.executemany(
            "INSERT INTO activity (request, caller_request, at, project, key, surface, model, provider, verdict, outcome, "
            "status, entity_types, violation_count, injection_score, streamed, latency_us, detect_us, upstream_us, "
            f"input_tokens, output_tokens, policy_version, cost, own_us) VALUES ({','.join('?' * 23)})", rows)
        open_database.executemany(
            f"INSERT INTO activity_counts VALUES ({','.join('?' * 10)})", [(*at, *sums) for at, sums in counts.items()])
        open_database.executemany(
            f"INSERT INTO activity_tops VALUES ({','.join('?' * 7)})", [(*at, *seen) for at, seen in tops.items()])
