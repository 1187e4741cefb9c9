"""The drop-in table: each check of a published client, its state, and the tests that hold it.

`python clients/rows.py > docs/guide/drop-in.md` writes the page; test_rows.py holds both together.
"""

import ast
from pathlib import Path

HERE = Path(__file__).parent

SATISFIED = "satisfied"
DISABLED = "answered as disabled"
CLIENTS_BUG = "client's own bug"


class Row:
    """`tests` are files with the start of the tests' names, such as `test_aisg.py::test_a1_`.

    `why` says what is missing, or what is not as the client's own pages have it.
    """

    def __init__(self, id, what, state, tests, why=""):
        self.id = id
        self.what = what
        self.state = state
        self.tests = tests
        self.why = why

    def names(self):
        """The names of its tests, as far as they are there."""
        return [name for start in self.tests for name in names(start)]


def names(start):
    """The tests that begin so, in the order of their file."""
    file, prefix = start.split("::")
    path = HERE / file
    tree = ast.parse(path.read_text()) if path.exists() else ast.Module([], [])
    return [each.name for each in tree.body if isinstance(each, ast.FunctionDef) and each.name.startswith(prefix)]


def row_of(id, what, state=SATISFIED, why="", file=None, more=()):
    """A row whose tests are named after it."""
    file = file or {"A": "test_aisg.py", "L": "test_lockllm.py", "J": "test_js.py"}[id[0]]
    return Row(id, what, state, [f"{file}::test_{id.lower()}_", *more], why)


def without(row):
    """A row without a test."""
    row.tests = []
    return row


AISG = [
    row_of("A1", "A clean chat: content, usage, request id, metadata"),
    row_of("A2", "Personal data under `redact`: the provider sees `[REDACTED]`, the metadata tells"),
    row_of("A3", "Personal data under `block`: `DLPBlockError` with violations; nothing leaves"),
    row_of("A4", "An injection: `DLPBlockError` whatever the policy does about personal data"),
    row_of("A5", "A3 and A4 of a stream: the same error when iteration starts"),
    row_of("A6", "A clean stream"),
    row_of("A7", "A wrong key: `AuthenticationError`"),
    row_of("A8", "An exhausted project: `BudgetExhaustedError`"),
    row_of("A9", "The sixth identical call in a minute: `RateLimitError`, `recursive_loop_detected`"),
    row_of("A10", "A burst over the rate: `RateLimitError`, `rate_limit_exceeded`"),
    row_of("A11", "An unknown model: `ModelNotFoundError` with `suggested_model`",
           why="It is the provider that does not know the model; the suggestion is the nearest name of the price table, "
               "if one is near"),
    row_of("A12", "A failing provider: `UpstreamError`; a silent one: 504"),
    row_of("A13", "`models.list()` and its filters"),
    row_of("A14", "`x-provider` chooses the provider"),
    row_of("A15", "Detection that fails: 500 `security_processing_error`; nothing leaves"),
    row_of("A16", "`from occludra import LoopDetectedError`", why="Occludra 0.1.1 never raises it"),
    row_of("A17", "The asynchronous clients: A1, A3, A6, A13"),
    row_of("AW", "Webhooks of A2, A3, A4, A8, A9: one each, signed, three attempts, no call waits"),
]

OTHERS = [
    Row("OpenAI", "`openai`: metadata in `model_extra`; a block is `BadRequestError` without a code, its body the word "
        "`pii_policy_violation`", SATISFIED, ["test_openai.py::test_openai_"],
        "Chat, responses, completions, embeddings and models"),
    Row("Anthropic", "`anthropic`: messages, streams and blocks, by either header", SATISFIED, ["test_anthropic.py::test_"],
        "2.14.0 sends its key as `Authorization: Bearer`, 0.125.0 as `x-api-key`; a block on the gateway has "
        "AISG's body"),
]

LOCKLLM = [
    row_of("L1", "A clean text: safe, scores, sensitivity, usage", why="Scores of results go from 0 to 1"),
    row_of("L2", "An attack: no exception, `safe=False`, `scan_warning`, a webhook",
           why="Scores of warnings go from 0 to 100"),
    row_of("L3", "`scan_action=\"block\"`: `PromptInjectionError` with `scan_result`, a webhook"),
    row_of("L4", "`scan_mode=\"policy_only\"`"),
    row_of("L5", "`scan_mode=\"combined\"` and a broken policy: told, or `PolicyViolationError`",
           why="Policies are your own; there are no built-in categories"),
    row_of("L6", "`scan_mode=\"normal\"`"),
    row_of("L7", "Abuse: four indicators, or `AbuseDetectedError`"),
    row_of("L8", "Personal data: told, stripped, or `PIIDetectedError`"),
    row_of("L9", "`compression` of JSON and of prose: `compression_result`", DISABLED,
           "Nothing is compressed. The answer says so: the text as it was, ratio 1.0"),
    row_of("L10", "A higher sensitivity finds no less, and is echoed"),
    row_of("L11", "The header beats the body"),
    row_of("L12", "`inputs` and `text` are `input`"),
    row_of("L13", "A wrong key, a rate, no credit: an error class each",
           why="A scan costs nothing here, so `InsufficientCreditsError` never comes of one; a proxied call is refused with "
               "402 and LockLLM's code"),
    row_of("L14", "An attack at the end of 50,000 characters"),
    row_of("L15", "`create_openai`: chat, stream, metadata"),
    row_of("L16", "`create_openai`, an attack: `openai.BadRequestError` with code and `scan_result`",
           why="Not LockLLM's own class, whatever its README shows"),
    row_of("L17", "A policy or PII block: `openai.PermissionDeniedError` with its code"),
    row_of("L18", "`create_anthropic`: messages and blocks, by either header"),
    row_of("L19", "Every `create_…`, also asynchronous: the vendor's path, the vendor's key"),
    row_of("L20", "`parse_proxy_metadata` of every answer"),
    row_of("L21", "A provider that is not configured: 400 `no_upstream_key`"),
]

JAVASCRIPT = [
    row_of("J1", "`scan`: the server's JSON as it is"),
    row_of("J2", "All options arrive as headers; the body is `input` alone"),
    row_of("J3", "Blocks: name, code, status, request id and particulars"),
    row_of("J4", "401, 402, 429, 502: an error class each"),
    row_of("J5", "`createOpenAI`: chat, stream, block"),
    row_of("J6", "`createAnthropic` with `@anthropic-ai/sdk` 0.71.2 and the current one"),
    row_of("J7", "`getUniversalProxyURL()`: the doubled path is served"),
    row_of("J8", "`parseProxyMetadata` and `decodeDetailField`"),
    without(row_of("J9", "`import` of an ES module", CLIENTS_BUG,
                   "`@lockllm/sdk` 1.3.0 imports files without their extension, which Node.js refuses; `require` works")),
]

TABLES = [
    ("`aisg` and `occludra` 0.1.1 (PyPI)", AISG),
    ("`openai` 3.54.0 and `anthropic` 2.14.0 (PyPI)", OTHERS),
    ("`lockllm` 1.3.0 (PyPI)", LOCKLLM),
    ("`@lockllm/sdk` 1.3.0 (npm)", JAVASCRIPT),
]

ROWS = [row for _, rows in TABLES for row in rows]

HEAD = """\
# Which clients work unchanged

The published clients of both products run against every build of Wardbell. This is what is checked, and how it stands.
*satisfied*: the tests hold all of it. *answered as disabled*: it is not part of Wardbell, and the answer says so; the tests hold
that. *client's own bug*: no server could help it. The tests are in `clients/`; `cargo xtask test` runs them. On Python 3.9 the last
releases for it run instead: `openai` 2.48.0 and `anthropic` 0.125.0.

Made by `python clients/rows.py > docs/guide/drop-in.md`; do not edit here.
"""


def line(row):
    tests = ", ".join(f"`{start}…`" for start in row.tests)
    return f"| {row.id} | {row.what} | {row.state} | {row.why} | {tests} |"


def page():
    parts = [HEAD]
    for title, rows in TABLES:
        lines = ["| | check | state | note | tests |", "|---|---|---|---|---|", *map(line, rows)]
        parts.append(f"## {title}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
