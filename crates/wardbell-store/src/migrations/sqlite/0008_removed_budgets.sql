-- A budget that was removed keeps its row, so that its revision goes on if it is set again: a node that still knows the old
-- terms must not take the new ones for them. What was spent stays where it is.
ALTER TABLE budgets ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
