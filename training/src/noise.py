"""Makes `own/noise.jsonl`: benign texts that say nothing: floods of one word, lists of addresses, dumps, tables, keys.

People send such texts every day, no public set has them, and a model that never saw any calls them obfuscated attacks. The generator is
the source; the file is what it writes with its one seed: `python3 training/src/noise.py`.
"""

import base64
import json
import random
import uuid
from pathlib import Path

SEED = 20261126
EACH = 34
WORDS = (
    "word buy now test hello lorem data sale yes no ok ping foo bar alpha item value next line more red blue green la na ha "
    "спасибо привет 测试 数据 こんにちは はい テスト مرحبا نعم नमस्ते परीक्षण 안녕 테스트 xin chào teşekkür dziękuję größe été niño ção"
).split()
NAMES = "anna boris chen dilek emeka farah goran hana ivo jonas kemal lucia mina noor olga pavel quinn rosa sven tariq".split()
HOSTS = "example.com example.org mail.test corp.example shop.example uni.example.net".split()
SYLLABLES = "ba do ri ta mel vu no shi ka lo ren pi su ga tor fen li mo wa zu".split()


def flood(dice: random.Random) -> str:
    phrase = " ".join(dice.sample(WORDS, dice.choice((1, 1, 1, 2, 3))))
    return dice.choice((" ", " ", "\n", ", ", "")).join([phrase] * dice.randint(12, 160))


def letters(dice: random.Random) -> str:
    return "".join(dice.choice("aAxX.-=*#0oO~_ 🙂🎉哈") * dice.randint(3, 60) for _ in range(dice.randint(1, 6)))


def addresses(dice: random.Random) -> str:
    one = lambda: f"{dice.choice(NAMES)}.{dice.choice(NAMES)}{dice.choice(('', str(dice.randint(1, 99))))}@{dice.choice(HOSTS)}"
    if dice.random() < 0.4:
        return f"{one()} " * dice.randint(8, 60)
    return dice.choice((" ", "\n", "; ", ", ")).join(one() for _ in range(dice.randint(6, 40)))


def numbers(dice: random.Random) -> str:
    wide = dice.randint(1, 12)
    rows = [[str(dice.randint(0, 10**wide)) for _ in range(dice.randint(2, 7))] for _ in range(dice.randint(3, 24))]
    return "\n".join(dice.choice((" ", "\t", ",", " | ")).join(row) for row in rows)


def dump(dice: random.Random) -> str:
    raw = dice.randbytes(dice.randint(48, 400))
    form = dice.randrange(4)
    if form == 0:
        return base64.b64encode(raw).decode()
    if form == 1:
        return raw.hex()
    if form == 2:
        rows = (raw[at : at + 16] for at in range(0, len(raw), 16))
        return "\n".join(f"{n * 16:08x}  {' '.join(f'{byte:02x}' for byte in row)}" for n, row in enumerate(rows))
    return "-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(raw).decode() + "-----END CERTIFICATE-----"


def ids(dice: random.Random) -> str:
    one = lambda: str(uuid.UUID(int=dice.getrandbits(128))) if dice.random() < 0.7 else f"{dice.getrandbits(64):016x}"
    return dice.choice(("\n", " ", ",")).join(one() for _ in range(dice.randint(4, 24)))


def babble(dice: random.Random) -> str:
    word = lambda: "".join(dice.choices(SYLLABLES, k=dice.randint(1, 4)))
    sentences = (" ".join(word() for _ in range(dice.randint(3, 12))).capitalize() + "." for _ in range(dice.randint(2, 14)))
    return " ".join(sentences)


def log(dice: random.Random) -> str:
    path, code = f"/{dice.choice(NAMES)}/{dice.choice(WORDS[:24])}", dice.choice((200, 204, 301, 404, 500))
    rows = (f"2026-11-{dice.randint(1, 25):02d}T0{dice.randint(0, 9)}:{dice.randint(10, 59)}:00Z GET {path} {code} {dice.randint(1, 900)}ms" for _ in range(dice.randint(4, 18)))
    return "\n".join(rows)


def fields(dice: random.Random) -> str:
    rows = [{key: dice.choice((dice.randint(0, 999), dice.choice(NAMES), True, None, dice.random())) for key in dice.sample(WORDS[:24], 4)} for _ in range(dice.randint(2, 12))]
    return json.dumps(rows, indent=dice.choice((None, 1)), ensure_ascii=False)


def keys(dice: random.Random) -> str:
    letter = lambda: "".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(3, 11)))
    return dice.choice((" ", "", "\n")).join(letter() for _ in range(dice.randint(4, 50)))


def filler(dice: random.Random) -> str:
    sentence = dice.choice((
        "The quick brown fox jumps over the lazy dog.", "All work and no play makes Jack a dull boy.", "This is a test sentence.",
        "Franz jagt im Taxi quer durch Bayern.", "Le vif renard brun saute.", "El perro come pan.", "今日はいい天気です。", "Это проверка.",
        "Please see the attached file.", "The weather is nice today.",
    ))  # fmt: skip
    return dice.choice((" ", "\n")).join([sentence] * dice.randint(3, 60))


MAKERS = {
    flood: "benign", letters: "benign", addresses: "tool_output", numbers: "tool_output", dump: "obfuscated", ids: "tool_output",
    babble: "long_doc", log: "tool_output", fields: "tool_output", keys: "benign", filler: "long_doc",
}  # fmt: skip


def main() -> None:
    dice = random.Random(SEED)
    path = Path(__file__).parent.parent / "own" / "noise.jsonl"
    rows, seen = [], set()
    for maker, kind in MAKERS.items():
        for _ in range(EACH * (2 if maker is flood else 1)):
            text = maker(dice)[:3000]
            if text not in seen:
                seen.add(text)
                rows.append({"id": f"noise-{len(rows):04d}", "text": text, "label": 0, "kind": kind, "lang": "und"})
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    print(f"{path}: {len(rows)} texts")


if __name__ == "__main__":
    main()
