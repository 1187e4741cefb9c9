"""Turns the data of two PyPI packages into crates/wardbell-llm/src/price/table.json, on standard output: prices of
genai-prices (MIT), and of litellm (MIT) the longest answers and the prices of other service tiers.

    python3 compile.py VERSION AS_OF LITELLM_VERSION LITELLM_JSON

What becomes of the data:
- Only the providers that Wardbell knows, under Wardbell's names. Hugging Face's router has one row for each model, with
  the highest price of those who run it.
- Only models that are charged by tokens (or free by name). Of prices that hold from a date on, the one of AS_OF; of
  prices that hold at hours of the day, the highest. Prices of sound, images and
  searches are left out.
- Every rule that finds a model becomes alternatives of clauses; `#` stands for a digit. The result is tried against the
  data's own matcher before it is printed.
- A row's longest answer (`output_max`) is the greatest of all models of litellm's list that the row would be found for. A
  service tier (`priority`, `flex`, `batch`) has its prices where litellm lists them for such a model, the highest of each.
"""

import json
import re
import sys
from datetime import date, datetime, timezone
from decimal import ROUND_CEILING, Decimal

from genai_prices import types
from genai_prices.data import providers

# The data's name of a provider, and Wardbell's.
NAMES = {
    "anthropic": "anthropic",
    "aws": "bedrock",
    "azure": "azure",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "google": "gemini",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "x-ai": "xai",
}
# The data's name of a price, and the table's.
RATES = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "write",
    "cache_write_1h_mtok": "write_1h",
    "output_reasoning_mtok": "reasoning",
}
# Wardbell's name of a provider, and litellm's.
LITELLM_NAMES = {
    "anthropic": ["anthropic"],
    "bedrock": ["bedrock", "bedrock_converse"],
    "azure": ["azure"],
    "cohere": ["cohere", "cohere_chat"],
    "deepseek": ["deepseek"],
    "fireworks": ["fireworks_ai"],
    "gemini": ["gemini"],
    "groq": ["groq"],
    "mistral": ["mistral"],
    "openai": ["openai"],
    "openrouter": ["openrouter"],
    "perplexity": ["perplexity"],
    "together": ["together_ai"],
    "xai": ["xai"],
}
# litellm's name of a rate, and the table's; its name of a service tier, and the table's.
LITELLM_RATES = {"input_cost_per_token": "input", "output_cost_per_token": "output", "cache_read_input_token_cost": "cached"}
SERVICES = {"priority": "priority", "flex": "flex", "batches": "batch"}
# A text-to-speech model is no chat model of the same name; the data says it in this one look-ahead.
NOT_SPEECH = r"^(?!.*-[tT][tT][sS](?:$|-))"


def nanos(price):
    """Dollars per million tokens as whole nano-dollars per million tokens, rounded up past nine decimals."""
    return int((price * Decimal(10**9)).to_integral_value(ROUND_CEILING))


def clauses(logic):
    """A rule as a list of alternatives, each a list of clauses that must all hold."""
    if isinstance(logic, types.ClauseOr):
        return [alternative for part in logic.or_ for alternative in clauses(part)]
    if isinstance(logic, types.ClauseAnd):
        made = [[]]
        for part in logic.and_:
            made = [before + after for before in made for after in clauses(part)]
        return made
    if isinstance(logic, types.ClauseEquals):
        return [["=" + logic.equals.lower()]]
    if isinstance(logic, types.ClauseStartsWith):
        return [["^" + logic.starts_with.lower()]]
    if isinstance(logic, types.ClauseEndsWith):
        return [["$" + logic.ends_with.lower()]]
    if isinstance(logic, types.ClauseContains):
        return [["*" + logic.contains.lower()]]
    if isinstance(logic, types.ClauseRegex):
        return expression(logic.regex)
    sys.exit(f"a rule of a kind that is not known here: {logic!r}")


def expression(regex):
    """The few forms of expressions that the data has: literals, digits, and one choice of a character."""
    if regex == NOT_SPEECH:
        return [["!$-tts", "!*-tts-"]]
    if not regex.startswith("^"):
        sys.exit(f"an expression of a form that is not known here: {regex}")
    ends = regex.endswith("$")
    text = regex[1:-1] if ends else regex[1:]
    text = re.sub(r"\\d\{(\d+)\}", lambda found: "#" * int(found[1]), text).replace(r"\d", "#").replace(r"\.", ".")
    choice = re.search(r"\[([^\]]*)\]", text)
    texts = [text.replace(choice[0], letter) for letter in choice[1]] if choice else [text]
    for text in texts:
        if re.search(r"[\\()\[\]{}?*+|]", text):
            sys.exit(f"an expression of a form that is not known here: {regex}")
    return [[("=" if ends else "^") + text.lower()] for text in texts]


def holds(clause, name):
    """What wardbell_llm::price does with a clause."""
    if clause.startswith("!"):
        return not holds(clause[1:], name)
    if clause.startswith("*"):
        return clause[1:] in name
    if clause.startswith("$"):
        return name.endswith(clause[1:])
    text = re.escape(clause[1:]).replace(r"\#", "[0-9]")
    return bool((re.fullmatch if clause.startswith("=") else re.match)(text, name))


def found(alternatives, name):
    return any(all(holds(clause, name) for clause in alternative) for alternative in alternatives)


def prices_of(model, at):
    """The standard prices on a day: the highest, where the hour decides."""
    if isinstance(model.prices, types.ModelPrice):
        return rows_of(model.prices)
    standard = model.prices[0].prices
    by_hour = []
    for conditional in model.prices:
        if isinstance(conditional.constraint, types.TimeOfDateConstraint):
            by_hour.append(conditional.prices)
        elif conditional.constraint is None or conditional.constraint.active(at):
            standard = conditional.prices
    rows = [rows_of(prices) for prices in [standard, *by_hour]]
    return max(rows, key=lambda row: (row.get("output", 0), row.get("input", 0)))


def rows_of(prices):
    row, tiers = {}, {}
    for theirs, ours in RATES.items():
        price = getattr(prices, theirs)
        if price is None:
            continue
        if isinstance(price, types.TieredPrices):
            row[ours] = nanos(price.base)
            for tier in price.tiers:
                tiers.setdefault(tier.start, {})[ours] = nanos(tier.price)
        else:
            row[ours] = nanos(price)
    if tiers:
        # A tier says every rate: what it leaves out is as in the one below it.
        below, full = {key: row[key] for key in row}, []
        for start in sorted(tiers):
            below = {**below, **tiers[start]}
            full.append({"above": start, **{key: below[key] for key in RATES.values() if key in below}})
        row["tiers"] = full
    return row


def listed(model, alternatives):
    """The model's name as a caller may send it: its id, or else the first name that its rule gives in full. Bedrock's names
    begin with a region where the data says `regional`; Mistral's end with a version."""
    names = [model.id, model.id + "-latest"]
    if model.id.startswith("regional."):
        names = [model.id.replace("regional.", "us.", 1), model.id.removeprefix("regional."), model.id]
    for name in names:
        if found(alternatives, name.lower()):
            return name
    for alternative in alternatives:
        if len(alternative) == 1 and alternative[0].startswith("=") and "#" not in alternative[0]:
            return alternative[0][1:]
    return model.id


def by_provider(litellm):
    """litellm's chat models under Wardbell's names of their providers, by the names that callers send."""
    known = {}
    for name, model in litellm.items():
        for ours, theirs in LITELLM_NAMES.items():
            if model.get("litellm_provider") in theirs and model.get("mode") in ("chat", "responses", "completion"):
                bare = name.removeprefix(model["litellm_provider"] + "/").removeprefix("together_ai/").removeprefix("fireworks_ai/")
                known.setdefault(ours, {})[bare.lower()] = model
    return known


def extend(rows, known):
    """Gives the rows of a provider what litellm knows of the models that they are found for."""
    for name, model in known.items():
        row = next((row for row in rows if found([rule.split("&") for rule in row.get("match", ["=" + row["id"].lower()])], name)), None)
        if row is None:
            continue
        longest = model.get("max_output_tokens")
        if isinstance(longest, int) and longest > 0:
            row["output_max"] = max(row.get("output_max", 0), longest)
        for theirs, ours in SERVICES.items():
            rates = {}
            for cost, rate in LITELLM_RATES.items():
                price = model.get(f"{cost}_{theirs}")
                if price is not None:
                    rates[rate] = nanos(Decimal(str(price)) * 10**6)
            if "input" in rates and "output" in rates:
                before = row.setdefault(ours, {})
                for rate, price in rates.items():
                    before[rate] = max(before.get(rate, 0), price)


def main(version, as_of, litellm_version, litellm_file):
    at = datetime.combine(date.fromisoformat(as_of), datetime.min.time(), timezone.utc)
    models, routed = [], {}
    for provider in providers:
        routes = provider.id.startswith("huggingface_")
        name = "huggingface" if routes else NAMES.get(provider.id)
        if name is None:
            continue
        for model in provider.models:
            row = prices_of(model, at)
            if "input" not in row and "output" not in row and not model.id.endswith(":free"):
                continue
            alternatives = clauses(model.match)
            for other in provider.models:
                for asked in (other.id.lower(), other.id.lower() + "-20251001", other.id.lower() + "-2025-10-01", "x" + other.id.lower()):
                    if found(alternatives, asked) != model.is_match(asked):
                        sys.exit(f"{provider.id} {model.id}: the clauses {alternatives} differ from the data about {asked}")
            made = {"provider": name, "id": listed(model, alternatives)}
            made["match"] = ["&".join(alternative) for alternative in alternatives]
            if any("&" in clause for alternative in alternatives for clause in alternative):
                sys.exit(f"{model.id}: a clause holds what parts clauses")
            if model.context_window:
                made["context"] = model.context_window
            made.update(row)
            if not routes:
                models.append(made)
                continue
            # The caller may choose who runs the model: `org/model:provider`.
            made["match"] += ["^" + clause[1:] + ":" for clause in made["match"] if clause.startswith("=")]
            known = routed.get(made["id"].lower())
            if known is None:
                routed[made["id"].lower()] = made
                continue
            known["match"] = list(dict.fromkeys(known["match"] + made["match"]))
            for key in RATES.values():
                if key in made:
                    known[key] = max(known.get(key, 0), made[key])
            windows = [row["context"] for row in (known, made) if "context" in row]
            if windows:
                known["context"] = min(windows)
    for own, made in routed.items():
        # What has a row of its own is not found by another's rule.
        rules = made["match"]
        made["match"] = [rule for rule in rules if rule[1:].removesuffix(":") not in routed.keys() - {own}]
    models += routed.values()
    for made in models:
        if made["match"] == ["=" + made["id"].lower()]:
            del made["match"]
    # The order of the data within a provider stays: the first rule that holds is the one that counts.
    models.sort(key=lambda made: made["provider"])
    with open(litellm_file, encoding="utf-8") as file:
        for provider, known in by_provider(json.load(file)).items():
            extend([made for made in models if made["provider"] == provider], known)
    head = {
        "source": f"genai-prices {version} (https://pypi.org/project/genai-prices/{version}/), MIT, "
        "Copyright (c) Pydantic Services Inc. 2025 to present; "
        f"longest answers and service tiers: litellm {litellm_version} "
        f"(https://pypi.org/project/litellm/{litellm_version}/), MIT, Copyright (c) 2023 Berri AI",
        "as_of": as_of,
        "unit": "nano-dollars per 1,000,000 tokens",
    }
    lines = [json.dumps(made, separators=(",", ":"), ensure_ascii=True) for made in models]
    print(json.dumps(head, separators=(",", ":"))[:-1] + ',"models":[')
    print(",\n".join(lines) + "\n]}")


main(*sys.argv[1:])
