"""Which windows a round of training sees.

Diversity is what counts: a source's share grows with the square root of its size, jailbreaks and languages other than English
count more, attacks are put into documents at random places, and the same harmless changes befall both labels.
"""

import json
import math
import random
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import SGDClassifier

from corpus import ROLES, Row
from tokens import BEGIN, END, WINDOW_IDS, Vocabulary

FREE_ROWS = 300
"""Up to this many benign rows (twice as many attacks) of a source are seen whole in a round; beyond, with the square root."""
JAILBREAK_WEIGHT = 3.0
FOREIGN_WEIGHT = 1.5
COMPOSE_CHANCE = 0.3
"""How often a short attack is put into a benign document."""
SEAM_CHANCE = 0.08
"""How often a benign window is made of two documents, so that a seam alone tells nothing."""
CHAT_CHANCE = 0.12
"""How often a short text, an attack or a harmless request, stands between other harmless requests of a user."""
GRAFT_CHANCE = 0.35
"""How often a line of which we know the document is put into another one instead."""
LINE_IDS_MAX = 90
"""Of a longer line only so many ids stand in a window, so that something of its place does."""
AROUND_IDS_MIN = 40
"""A window around a line has so many ids at least, where its document has them."""
INSIDE_IDS_MIN = 8
"""Who speaks is told from the place: what a page says has so many ids of the page on each side, what a user says beside a page stands at its edge."""
COMPOSE_IDS_MAX = 75
CHANGE_CHANCE = 0.28
CROP_CHANCE = 0.6
"""How often a benign window of a long document is cut shorter: more texts for the same work."""
THIN_CHANCE = 0.3
THIN_SHARE = 0.12
"""How often a window loses pieces at random, and how many of them: so that no single word decides."""
CHOOSER_BITS = 20
NEW_RUN_IDS = 4
NEW_WEIGHT = 30.0
"""Where harmless texts of the same file hold most of a long attack (a document with and without its hostile line), the window with
runs of so many ids that they do not hold is the hostile one: so much is added to its score, by the share of such runs."""
SURE_CHANCE = 0.6
"""How often the likeliest window of a long attack is taken instead of one drawn by its score."""
STATEMENT_KINDS = frozenset(("long_doc", "tool_output", "code", "system_prompt"))
STATEMENT_FAMILIES = frozenset(
    (
        "google-deepmind/xquad",
        "own business e-mails",
        "BIPIA table train context",
        "BIPIA email train context",
        "llmail-inject benign inbox",
        "github/awesome-copilot",
        "wshobson/agents",
        "dair-ai/Prompt-Engineering-Guide",
        "confident-ai/deepteam",
        "Tencent/AI-Infra-Guard",
    )
)
"""Benign texts that state instead of ask: into these an attack is put. A request inside a document would be an attack itself."""
BOTH_WRAPS = ("User: {}", '"{}"', "> {}", "- {}", "{}\n\nThanks!", "Hi,\n\n{}", "### Input\n{}", "[{}]")
DOCUMENT_WRAPS = ("<!-- {} -->", "/* {} */", "# {}", "<p>{}</p>", "<td>{}</td>", "Note: {}", "JSON", "// {}", "| {} |", "log: {}")


@dataclass
class Example:
    """A window of ids with begin and end, its label, the number of its category output (0 where benign), and whether teachers are heard about it."""

    ids: np.ndarray
    label: int
    role: int
    taught: bool


def chooser_features(windows: list[np.ndarray]) -> csr_matrix:
    """Hashed pieces and pairs of pieces, present or not."""
    columns, starts = [], [0]
    for ids in windows:
        ids = ids.astype(np.int64)
        pairs = (ids[:-1] * 1_000_003 + ids[1:]) * 2_654_435_761 >> 7
        found = np.unique(np.concatenate([ids * 40_503, pairs]) % (1 << CHOOSER_BITS))
        columns.append(found)
        starts.append(starts[-1] + len(found))
    flat = np.concatenate(columns)
    scale = np.concatenate([np.full(len(one), 1 / math.sqrt(len(one) + 1), dtype=np.float32) for one in columns])
    return csr_matrix((scale, flat, np.array(starts)), shape=(len(windows), 1 << CHOOSER_BITS))


def fit_chooser(labels: list[int], ids: list[np.ndarray], seed: int) -> SGDClassifier:
    """A quick linear model over pieces and pairs of pieces: it tells which window of a long attack document is likely the hostile one."""
    model = SGDClassifier(loss="log_loss", alpha=3e-6, max_iter=4, tol=None, random_state=seed)
    return model.fit(chooser_features(ids), labels)


class Sampler:
    """Draws rounds. All that is drawn follows from `seed` and the number of the round."""

    def __init__(
        self,
        rows: list[Row],
        ids: list[np.ndarray],
        vocabulary: Vocabulary,
        chooser: SGDClassifier,
        own_weight: float,
        public_weight: float,
        seed: int,
    ):
        self.rows, self.ids, self.vocabulary, self.seed = rows, ids, vocabulary, seed
        self.own_weight, self.public_weight = own_weight, public_weight
        self.windows = [vocabulary.windows(one) for one in ids]
        self.families = defaultdict(list)
        for number, row in enumerate(rows):
            self.families[(row.own, row.label, row.family)].append(number)
        self.contexts = [
            number
            for number, row in enumerate(rows)
            if row.label == 0 and (row.kind in STATEMENT_KINDS or row.family in STATEMENT_FAMILIES)
        ]
        self.context_set = set(self.contexts)
        self.chats = [
            number for number, row in enumerate(rows) if row.label == 0 and row.kind == "benign" and number not in self.context_set
        ]
        self.chat_set = set(self.chats)
        self.scores = self.score_long_attacks(chooser)
        lined = [number for number, row in enumerate(rows) if row.line]
        self.lines = dict(zip(lined, vocabulary.encode([rows[number].line for number in lined])))
        self.parts: dict[int, list[np.ndarray]] = {}
        """What stands before a line, the line, and what stands after it; kept when first asked for."""

    def score_long_attacks(self, chooser: SGDClassifier) -> dict[int, np.ndarray]:
        """For each window of a long attack, how likely it is the one that holds the attack."""
        long = [n for n, row in enumerate(self.rows) if row.label == 1 and len(self.windows[n]) > 1]
        scores = {}
        for start in range(0, len(long), 1000):
            part = long[start : start + 1000]
            flat = chooser.decision_function(chooser_features([window for n in part for window in self.windows[n]]))
            at = 0
            for n in part:
                scores[n] = flat[at : at + len(self.windows[n])]
                at += len(self.windows[n])
        for n, share in self.new_shares(long).items():
            scores[n] = scores[n] + NEW_WEIGHT * share
        return scores

    def new_shares(self, long: list[int]) -> dict[int, np.ndarray]:
        """For the own texts among `long`: of each window, the share of runs that no harmless text of the same file holds."""
        known = defaultdict(set)
        for n, row in enumerate(self.rows):
            if row.own and row.label == 0:
                known[row.family].update(runs(self.ids[n]))
        shares = {}
        for n in long:
            if self.rows[n].own:
                held = known[self.rows[n].family]
                windows = [runs(window[1:-1]) for window in self.windows[n]]
                shares[n] = np.array([sum(run not in held for run in window) / max(1, len(window)) for window in windows])
        return shares

    def round(self, number: int) -> list[Example]:
        """All windows of one round, in an order of chance."""
        dice = random.Random(f"{self.seed}/{number}")
        examples = []
        for (own, label, _family), members in sorted(self.families.items()):
            weights = [self.weight(self.rows[n]) for n in members]
            total = sum(weights)
            free = FREE_ROWS * (2 if label == 1 else 1)
            public = total if total <= free else free * math.sqrt(total / free)
            wanted = total * self.own_weight if own else public * self.public_weight
            for n, weight in zip(members, weights):
                expected = wanted * weight / total
                for _ in range(int(expected) + (dice.random() < expected % 1)):
                    examples.append(self.example(n, dice))
        dice.shuffle(examples)
        return examples

    def weight(self, row: Row) -> float:
        return (JAILBREAK_WEIGHT if row.kind == "jailbreak" else 1.0) * (1.0 if row.lang in ("en", "und") else FOREIGN_WEIGHT)

    def example(self, n: int, dice: random.Random) -> Example:
        row, windows = self.rows[n], self.windows[n]
        role = ROLES.get(row.kind, 1) if row.label else 0
        if n in self.lines:
            window = enclosed(self.lined(n, row, dice))
        elif len(windows) == 1:
            ids = windows[0][1:-1]
            if dice.random() < CHANGE_CHANCE:
                statement = row.label == 1 or row.kind in STATEMENT_KINDS or row.family in STATEMENT_FAMILIES
                ids = self.vocabulary.encode([change(row.text, statement, dice)])[0]
            if len(ids) <= COMPOSE_IDS_MAX:
                drawn = dice.random()
                if row.label == 1 and drawn < COMPOSE_CHANCE:
                    ids, role = self.compose(ids, self.contexts, dice), ROLES["indirect"]
                elif row.label == 0 and n in self.context_set and drawn < SEAM_CHANCE:
                    ids = self.compose(ids, self.contexts, dice)
                elif (row.label == 1 or n in self.chat_set) and drawn > 1.0 - CHAT_CHANCE:
                    ids = self.compose(ids, self.chats, dice)
            window = enclosed(ids[: WINDOW_IDS - 2])
        elif row.label == 0:
            window = crop(dice.choice(windows), dice)
        else:
            window = windows[self.likely(n, row, dice)]
        if dice.random() < THIN_CHANCE:
            window = thin(window, dice)
        return Example(window.astype(np.int32), row.label, role, not row.new)

    def lined(self, n: int, row: Row, dice: random.Random) -> np.ndarray:
        """The line of a row in its document, or in another one: inside, or at the edge where it is the user's own."""
        if dice.random() >= GRAFT_CHANCE:
            return self.around(n, row, dice)
        return self.compose(self.lines[n][:COMPOSE_IDS_MAX], self.contexts, dice, "edge" if row.edge else "inside")

    def around(self, n: int, row: Row, dice: random.Random) -> np.ndarray:
        """The line and what stands around it, cut at random places."""
        if n not in self.parts:
            at = row.text.index(row.line)
            self.parts[n] = self.vocabulary.encode([row.text[:at], row.line, row.text[at + len(row.line) :]])
        before, line, after = self.parts[n]
        line = line[:LINE_IDS_MAX]
        room = max(0, dice.randint(AROUND_IDS_MIN, WINDOW_IDS - 2) - len(line))
        least = min(INSIDE_IDS_MIN, room // 2)
        left = min(dice.randint(least, room - least), len(before))
        right = min(room - left, len(after))
        left = min(room - right, len(before))
        return np.concatenate([before[len(before) - left :], line, after[:right]])

    def likely(self, n: int, row: Row, dice: random.Random) -> int:
        scores = self.scores[n]
        if row.kind != "jailbreak" and dice.random() < SURE_CHANCE:
            return int(scores.argmax())
        odds = np.exp((scores - scores.max()) / 2.0)
        return dice.choices(range(len(scores)), weights=odds.tolist())[0]

    def compose(self, ids: np.ndarray, others: list[int], dice: random.Random, place: str = "any") -> np.ndarray:
        """`ids` and a stretch of one of the benign `others`: at its start, at its end ("edge"), between two of its sentences ("inside"), or any of them."""
        context = self.ids[dice.choice(others)]
        room = WINDOW_IDS - 2 - len(ids)
        size = dice.randint(min(12, room), room)
        start = dice.randint(0, max(0, len(context) - size))
        context = context[start : start + size]
        least = min(INSIDE_IDS_MIN, len(context) // 2)
        inside = dice.randint(least, len(context) - least)
        cut = {"edge": dice.choice((0, len(context))), "inside": inside, "any": dice.choice((0, len(context), inside))}[place]
        if 0 < cut < len(context):
            ends = [at + 1 for at, piece in enumerate(context[:-1]) if self.vocabulary.ends[piece]]
            if ends and dice.random() < 0.7:
                cut = min(ends, key=lambda at: abs(at - cut))
        return np.concatenate([context[:cut], ids, context[cut:]])


def enclosed(ids: np.ndarray) -> np.ndarray:
    """Content ids with begin and end."""
    return np.concatenate([[BEGIN], ids, [END]])


def runs(ids: np.ndarray) -> list[tuple]:
    """All stretches of `NEW_RUN_IDS` ids."""
    ids = ids.tolist()
    return list(zip(*(ids[at:] for at in range(NEW_RUN_IDS))))


def crop(window: np.ndarray, dice: random.Random) -> np.ndarray:
    """A stretch of a window, often."""
    size = dice.randint(20, 72)
    if len(window) - 2 <= size or dice.random() >= CROP_CHANCE:
        return window
    start = dice.randint(1, len(window) - 1 - size)
    return enclosed(window[start : start + size])


def thin(window: np.ndarray, dice: random.Random) -> np.ndarray:
    """The window without some of its pieces."""
    kept = [at for at in range(1, len(window) - 1) if dice.random() >= THIN_SHARE]
    return window[[0, *kept, len(window) - 1]] if len(kept) >= 4 else window


def change(text: str, statement: bool, dice: random.Random) -> str:
    """A change of form that leaves the label as it is."""
    which = dice.random()
    if which < 0.04:
        # Marks that show nothing, as a page has them.
        tag = dice.choice(("<b></b>", "<i></i>", "<wbr>", "&shy;", "<span></span>"))
        return "".join(letter + tag if letter.isalpha() and dice.random() < 0.08 else letter for letter in text)
    if which < 0.07:
        return dice.choice((" ", ".", "-")).join(text.replace(" ", dice.choice(("", " "))))
    if which < 0.2:
        return dice.choice((str.upper, str.lower, str.title))(text)
    if which < 0.4:
        letters = list(text)
        for _ in range(max(1, len(letters) // 30)):
            at = dice.randrange(len(letters))
            if letters[at].isalpha():
                letters[at] = dice.choice(("", letters[at] * 2, letters[at].swapcase()))
        return "".join(letters)
    if which < 0.5:
        return text.rstrip(".!?").replace(",", "")
    wrap = dice.choice(DOCUMENT_WRAPS if statement and dice.random() < 0.5 else BOTH_WRAPS)
    if wrap == "JSON":
        return json.dumps({dice.choice(("content", "result", "message", "body", "title")): text}, ensure_ascii=False)
    return wrap.replace("{}", text)
