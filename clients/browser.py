"""A real browser for the dashboard's checks: Chromium without a window, as Debian has it."""

import json
import os
import re
import shutil
from pathlib import Path

import node

# Where a reviewer finds what the pages look like.
PICTURES = Path(os.environ.get("WARDBELL_PICTURES") or Path(__file__).parent.parent / "target/dashboard")
REMEDY = "install it, such as `apt-get install chromium`, or name it in WARDBELL_CHROMIUM"
PASSWORD = "a long sentence for the tests"
# What a page may take, in milliseconds: its first byte, as the browser sees it. A debug build on a busy machine is slow;
# the promise of 100 ms is kept by a test of the release build.
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
