"""The drop-in table tells what is: its tests exist, and the page is made of it."""

import re

import pytest
import rows

PAGE = rows.HERE.parent / "docs/guide/drop-in.md"


@pytest.mark.parametrize("row", rows.ROWS, ids=lambda row: row.id)
def test_each_state_is_held_by_tests_or_says_why(row):
    assert row.state in (rows.SATISFIED, rows.DISABLED, rows.CLIENTS_BUG)
    for start in row.tests:
        assert rows.names(start), f"no test starts with {start}"
    assert row.tests or row.state != rows.SATISFIED
    assert row.why or row.state == rows.SATISFIED


def test_no_row_is_missing_or_there_twice():
    ids = [row.id for row in rows.ROWS]
    assert len(ids) == len(set(ids))
    wanted = [f"A{number}" for number in range(1, 18)] + [f"L{number}" for number in range(1, 22)]
    wanted += [f"J{number}" for number in range(1, 10)]
    assert set(wanted) <= set(ids)


def test_each_test_that_is_named_after_a_row_has_it():
    ids = {row.id.lower() for row in rows.ROWS}
    for path in sorted(rows.HERE.glob("test_*.py")):
        for name in rows.names(f"{path.name}::test_"):
            # The alerts' checks are numbered too, but are no rows of this table.
            found = re.match(r"test_([alj](?:\d+|w))_", name)
            assert not found or found.group(1) in ids, f"{path.name}::{name}"


def test_the_page_is_made_of_the_table():
    assert PAGE.read_text() == rows.page(), "run `python clients/rows.py > docs/guide/drop-in.md`"


def test_the_page_names_the_versions_that_are_installed():
    pins = (rows.HERE / "requirements.txt").read_text() + (rows.HERE / "package.json").read_text()
    titles = " ".join(title for title, _ in rows.TABLES) + rows.HEAD
    for name, version in re.findall(r"`([@\w/-]+)` (\d+\.\d+\.\d+)", titles):
        assert f"{name}=={version}" in pins or f'"{name}": "{version}"' in pins, f"{name} {version}"
