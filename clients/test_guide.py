"""What the guide's pages about clients say to do, done: every block of code runs, and prints what stands below it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import node
import pytest

GUIDE = Path(__file__).parent.parent / "docs/guide"
CLIENTS = sorted(GUIDE.glob("clients/*.md"))
# Every block with its language; a diff shows what to change and is no program.
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VENDORS = ["anthropic", "cohere"]


def programs():
    """Every program of the pages: its name, its language, itself, and what it is said to print."""
    found = []
    for page in [*CLIENTS, GUIDE / "scan-and-proxy.md"]:
        blocks = [block for block in BLOCK.findall(page.read_text("utf-8")) if block[0] != "diff"]
        kinds = [kind for kind, _ in blocks]
        assert kinds[1::2] == ["text"] * (len(kinds) // 2) and len(kinds) % 2 == 0, f"{page.name}: {kinds}"
        for number, ((kind, program), (_, prints)) in enumerate(zip(blocks[::2], blocks[1::2]), 1):
            found.append(pytest.param(kind, program, prints, id=f"{page.stem}-{number}-{kind}"))
    return found


@pytest.fixture
def reader(request, site):
    """The environment of somebody who follows the pages: a project with the usual policy and every vendor they name."""
    gateway, provider = site.gateway, site.provider
    project, key = gateway.project(request.node.callspec.id, {}, provider.url)
    for name in VENDORS:
        gateway.provider(project, name, name, provider.origin)
    gateway.provider(project, "keyless", "custom", provider.origin, api_key=None)
    return {
        **os.environ, "WARDBELL_URL": gateway.url, "WARDBELL_KEY": key, "WARDBELL_ADMIN_TOKEN": gateway.token,
        "PROJECT": project,
    }


def command(kind, program, folder):
    if kind == "python":
        return [sys.executable, "-c", program]
    if kind == "javascript":
        # A module finds its packages in a folder beside it, not by NODE_PATH.
        (folder / "node_modules").symlink_to(node.FOLDER / "node_modules")
        script = folder / ("page.mjs" if program.startswith("import ") else "page.cjs")
        script.write_text(program, "utf-8")
        return [node.NODE, script]
    assert kind == "sh", f"a block of {kind} is no program and no text"
    return ["sh", "-euc", program]


@pytest.mark.parametrize("kind, program, prints", programs())
def test_a_program_of_the_guide_prints_what_the_guide_says(reader, tmp_path, kind, program, prints):
    if kind == "sh" and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    ran = subprocess.run(
        command(kind, program, tmp_path), env=reader, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, timeout=60,
    )
    assert (ran.stdout, ran.returncode) == (prints, 0), ran.stderr


def test_every_page_names_the_two_variables_and_what_to_change():
    assert len(CLIENTS) == 8
    for page in CLIENTS:
        text = page.read_text("utf-8")
        assert "`WARDBELL_URL` is" in text and "`WARDBELL_KEY` is" in text, page.name
        assert page.name == "curl.md" or re.search(r"```diff\n-.*\n\+.*WARDBELL_KEY.*\n```", text), page.name
