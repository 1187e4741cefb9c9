"""Which windows a round of training sees for the layers that read what third parties say: documents, pages, mails, results of tools.

Nobody who speaks there may give orders to whoever reads. So a request that would be a user's right is an attack, and what tells it from an order to
the people for whom the document was written is the document around it: lines stand in their place, or in another document.
"""

import random

import numpy as np

from corpus import ROLES, Row
from sample import (
    CHANGE_CHANCE,
    COMPOSE_IDS_MAX,
    FOREIGN_WEIGHT,
    SEAM_CHANCE,
    STATEMENT_FAMILIES,
    THIN_CHANCE,
    Example,
    Sampler,
    change,
    crop,
    enclosed,
    thin,
)
from tokens import WINDOW_IDS

DOCUMENT_KINDS = frozenset(("long_doc", "tool_output", "code"))
USER_WEIGHT = 0.25
"""Harmless requests of users, where a third party says them: a ticket, a form."""
LINE_WEIGHT = 2.5
"""Texts of which we know the line that their label is about: twins in one place."""
ENCLOSE_CHANCE = 0.6
"""How often a short attack is put into a document, where it would stand alone."""
ENCLOSE_HARMLESS_CHANCE = 0.3
"""How often a short hard negative of ours is."""


class ThirdParty(Sampler):
    """Draws rounds as `Sampler` does, of what third parties may say."""

    def __init__(self, *what):
        super().__init__(*what)
        self.contexts = [n for n, row in enumerate(self.rows) if row.label == 0 and self.is_context(row)]
        self.context_set = set(self.contexts)

    @staticmethod
    def is_context(row: Row) -> bool:
        return row.kind in DOCUMENT_KINDS or row.family in STATEMENT_FAMILIES or bool(row.own and row.line)

    def weight(self, row: Row) -> float:
        weight = 1.0 if row.lang in ("en", "und") else FOREIGN_WEIGHT
        if row.line:
            return weight * LINE_WEIGHT
        return weight * (USER_WEIGHT if not row.label and row.kind == "benign" else 1.0)

    def example(self, n: int, dice: random.Random) -> Example:
        row, windows = self.rows[n], self.windows[n]
        role = ROLES.get(row.kind, 1) if row.label else 0
        if n in self.lines:
            window = enclosed(self.lined(n, row, dice))
        elif len(windows) == 1:
            window = enclosed(self.short(n, row, windows[0][1:-1], dice))
        elif row.label == 0:
            window = crop(dice.choice(windows), dice)
        else:
            window = windows[self.likely(n, row, dice)]
        if dice.random() < THIN_CHANCE / 2:
            window = thin(window, dice)
        # Teachers that read what users say know which words are attacks whoever says them, and nothing of the rest.
        return Example(window.astype(np.int32), row.label, role, not row.new and row.label == 1)

    def short(self, n: int, row: Row, ids: np.ndarray, dice: random.Random) -> np.ndarray:
        if dice.random() < CHANGE_CHANCE:
            ids = self.vocabulary.encode([change(row.text, True, dice)])[0]
        if len(ids) <= COMPOSE_IDS_MAX:
            chance = SEAM_CHANCE if n in self.context_set else 0.0
            if row.label == 1:
                chance = ENCLOSE_CHANCE
            elif row.own and row.kind == "hard_negative":
                chance = ENCLOSE_HARMLESS_CHANCE
            if dice.random() < chance:
                ids = self.compose(ids, self.contexts, dice)
        return ids[: WINDOW_IDS - 2]
