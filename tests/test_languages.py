"""A page in Chinese says what the English one says: its headings, commands, tables and numbers."""

import re

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.once  # texts, the same with every version of the libraries

PAGES = [
    page
    for folder in (REPOSITORY, REPOSITORY / "docs", REPOSITORY / "data")
    for page in sorted(folder.glob("*.zh.md"))
]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"(pm-cls|python|pip|npm|cd|source) |(\./)?scripts/|\.venv/|PM_CLS_")


def pair(page):
    """The English page and the Chinese one."""
    english = page.with_name(page.name.replace(".zh.md", ".md"))
    return [one.read_text(encoding="utf-8") for one in (english, page)]


def headings(text):
    return [len(line.split()[0]) for line in FENCE.sub("", text).splitlines() if line[:1] == "#"]


def commands(text):
    """All lines of blocks that name a language; of others those that begin with a command."""
    blocks = [block for block in FENCE.findall(text) if block[3] != "\n"]
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [
        line for block in FENCE.findall(text) for line in block.splitlines() if RUN.match(line)
    ]
    return [bare for line in lines if (bare := re.sub(r"(^|\s+)# .*", "", line))]


def rows(text):
    """Of each row of each table what is no word: its numbers, sorted, and how many cells it has."""
    found = []
    for line in FENCE.sub("", text).splitlines():
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)
            found.append((len(cells), sorted(re.findall(r"\d+(?:[.,]\d+)*", line))))
    return found


def test_there_are_pairs():
    assert len(PAGES) >= 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.name}")
def test_both_pages_say_the_same(page):
    english, chinese = pair(page)
    assert headings(english) == headings(chinese)
    assert commands(english) == commands(chinese)
    assert rows(english) == rows(chinese)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.name}")
def test_each_leads_to_the_other(page):
    english, chinese = (text[:600] for text in pair(page))
    assert f"]({page.name})" in english and "中文" in english
    assert f"]({page.name.replace('.zh.md', '.md')})" in chinese and "English" in chinese


def test_every_file_of_the_results_is_told():
    page = (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8")
    table = page.partition("## Every file of results/")[2]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    told: set[str] = set()
    for cell in cells:
        names = re.findall(r"`([^`]+)`", cell)
        stems = [name.partition(".")[0] for name in names if name[0] != "."]
        for name in names:
            told |= {stem + name for stem in stems} if name[0] == "." else {name.rstrip("/")}
    assert told == {path.name for path in (REPOSITORY / "results").iterdir()}
