"""Label tables as people have them: any name, encoding, separator and form; what is not taken."""

import io
import os
import resource
import subprocess
import sys
import unicodedata
import zipfile

import openpyxl
import pytest
from openpyxl.styles import Font

from pm_cls.config import DataConfig
from pm_cls.data import load_dataset
from pm_cls.data.__main__ import main
from pm_cls.data.photographs import external, layout, xlsx
from pm_cls.data.photographs.labels import read_labels
from pm_cls.data.photographs.names import photograph_key
from pm_cls.runtime.errors import DataError

BOTH = {"V0001": 1, "V0002": 0}


@pytest.fixture
def table(tmp_path):
    def write(content, name="labels.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def book(path, *sheets, save=lambda made: None):
    """A workbook with these rows in its sheets."""
    made = openpyxl.Workbook()
    for number, rows in enumerate(sheets):
        sheet = made.active if number == 0 else made.create_sheet()
        for row in rows:
            sheet.append(row)
    save(made)
    made.save(path)
    return path


def repack(path, **parts):
    """Replace parts of a workbook, by the beginning of the last part of their names."""
    whole = io.BytesIO()
    with (
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            stem = name.rpartition("/")[2].partition(".")[0]
            new.writestr(name, parts.pop(stem, old.read(name)))
        for stem, content in parts.items():
            new.writestr(f"xl/{stem}.xml", content)
    path.write_bytes(whole.getvalue())
    return path


ROWS = [("imgName", "Label"), ("V0001.jpg", 1), ("V0002.jpg", 0)]


# Row 33: what a file unfolds to.


def far_cell(made):
    made.active["XFD1048576"].font = Font(bold=True)


def far_value(made):
    made.active["XFD1048576"] = "x"


def with_strings(strings):
    """A sheet whose first name is the string 0."""
    return dict(
        sheet1=sheet_xml(rows='<row><c t="s"><v>0</v></c><c><v>1</v></c></row>'),
        sharedStrings=f"<sst>{strings}</sst>",
    )


def sheet_xml(before="", rows="", after=""):
    return (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"{before}<sheetData>"
        '<row r="1"><c r="A1" t="str"><v>imgName</v></c><c r="B1" t="str"><v>Label</v></c></row>'
        '<row r="2"><c r="A2" t="str"><v>V0001.jpg</v></c><c r="B2"><v>1</v></c></row>'
        '<row r="3"><c r="A3" t="str"><v>V0002.jpg</v></c><c r="B3"><v>0</v></c></row>'
        f"{rows}</sheetData>{after}</worksheet>"
    )


N = 150_000
HOSTILE = {
    "dimension": dict(sheet1=sheet_xml('<dimension ref="A1:XFD1048576"/>')),
    "empty rows": dict(sheet1=sheet_xml(rows='<row s="1" customFormat="1"/>' * N)),
    "empty cells": dict(sheet1=sheet_xml(rows="<row>" + "<c/>" * 2 * N + "</row>")),
    "too many cells": dict(sheet1=sheet_xml(rows="<row>" + "<c/>" * 16 * N + "</row>")),
    "far cells": dict(sheet1=sheet_xml(
        rows='<row r="9"><c r="XFD9"><v>1</v></c></row>' * (N // 10)
    )),
    "columns": dict(sheet1=sheet_xml(
        rows="<row>" + '<c t="str"><v>x</v></c>' * N + "</row>"
    )),
    "merged": dict(sheet1=sheet_xml(
        after='<mergeCells><mergeCell ref="A1:XFD1048576"/>' + "<mergeCell/>" * 4 * N
        + "</mergeCells>"
    )),
    "widths": dict(sheet1=sheet_xml("<cols>" + '<col min="1" max="16384"/>' * N + "</cols>")),
    "large sheet": dict(sheet1=sheet_xml(rows=" " * 50_000_000)),
    "strings": with_strings("<si><t>x</t></si>" * N),
    "long string": with_strings("<si><t>" + "x" * 9_000_000 + "</t></si>"),
    "long strings": with_strings("<si><t>" + "x" * 19_000_000 + "</t></si>"),
    "many strings": with_strings("<si/>" * 10 * N),
    "styles": dict(styles="<styleSheet><cellXfs>" + "<xf/>" * 10 * N + "</cellXfs></styleSheet>"),
    "entities": dict(sheet1='<!DOCTYPE a [<!ENTITY a "' + "x" * 100 + '">'
                     + "".join(f'<!ENTITY {b} "{("&" + a + ";") * 99}">'
                               for a, b in zip("abcdefgh", "bcdefghi", strict=True))
                     + "]><worksheet><sheetData><row><c><v>&i;</v></c></row></sheetData>"
                     + "</worksheet>"),
}  # fmt: skip
READ = """
import sys, resource, time
from pathlib import Path
from pm_cls.data.photographs.labels import read_labels
from pm_cls.runtime.errors import DataError
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
for path in map(Path, sys.argv[1:]):
    before, start = peak(), time.process_time()
    try:
        outcome = str(len(read_labels(path)))
    except DataError as error:
        outcome = "refused"
    print(path.stem, outcome, round(time.process_time() - start, 2), peak() - before, sep=";")
"""


def test_workbooks_that_unfold_are_read_or_refused_at_once(tmp_path):
    paths = [
        book(tmp_path / "far cell.xlsx", ROWS, save=far_cell),
        book(tmp_path / "far value.xlsx", [*ROWS, ("V0003.jpg", 1)], save=far_value),
    ]
    for name, parts in HOSTILE.items():
        paths.append(repack(book(tmp_path / f"{name}.xlsx", ROWS), **parts))
    outcomes = {}
    done = subprocess.run(
        [sys.executable, "-c", READ, *paths], capture_output=True, text=True, check=True
    )
    for line in done.stdout.splitlines():
        name, outcome, seconds, megabytes = line.split(";")
        outcomes[name] = outcome
        print(line)
        assert float(seconds) < 3 and int(megabytes) < 100, line  # < 1 s on an idle machine
    assert outcomes["far cell"] == outcomes["dimension"] == outcomes["empty rows"] == "2"
    assert outcomes["strings"] == outcomes["long string"] == "3"
    assert outcomes["merged"] == outcomes["widths"] == outcomes["styles"] == "2"
    refused = {name for name, outcome in outcomes.items() if outcome == "refused"}
    assert {"large sheet", "many strings", "too many cells", "entities", "long strings"} <= refused


def test_texts_that_unfold_are_refused(table):
    for content, words in (
        ("imgName,Label\n" + '"' + "x" * 500_000 + '",1\n', "field larger than"),
        ("imgName,Label\n" + "," * 2_000_000 + "\n", "line of 2,000,00"),
        ("imgName,Label\n" + "V0001.jpg,1\n" * 1_000_000, "larger than the 10,000,000 bytes"),
    ):
        with pytest.raises(DataError, match=words):
            read_labels(table(content))


def test_a_pipe_is_not_waited_for(tmp_path, official):
    os.mkfifo(tmp_path / "labels.csv")
    with pytest.raises(DataError, match="is no file"):
        read_labels(tmp_path / "labels.csv")
    os.mkfifo(official / "dataset.json")
    with pytest.raises(DataError, match="is damaged"):
        layout.find(official)


@pytest.mark.parametrize("text", ["[" * 100_000, "[1]", "\xff"])
def test_damaged_markers_are_told(official, text):
    (official / "dataset.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"dataset\.json: is damaged"):
        layout.find(official)


def test_the_first_sheet_with_the_columns_counts(tmp_path):
    other = [("imgName", "Label"), ("X.jpg", 1)]
    assert read_labels(book(tmp_path / "a.xlsx", [("About",)], [], ROWS, other)) == BOTH
    above = [("Labels of 2019",), (), *ROWS]
    assert read_labels(book(tmp_path / "b.xlsx", above)) == BOTH
    quoted = [("imgName", "Label"), ("V0001.jpg", "'1'"), (" v0002.JPG ", 0.0)]
    assert read_labels(book(tmp_path / "c.xlsx", quoted)) == BOTH


def test_workbooks_of_other_programs(tmp_path):
    """With a prefix, without places, with readings, as values of every kind."""
    path = book(tmp_path / "a.xlsx", ROWS)
    prefixed = (
        '<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<x:sheetData><x:row><x:c t="inlineStr"><x:is><x:t>img</x:t><x:r><x:t>Name</x:t></x:r>'
        '<x:rPh><x:t>kana</x:t></x:rPh></x:is></x:c><x:c t="str"><x:v>Label</x:v></x:c></x:row>'
        '<x:row><x:c t="str"><x:f>A1</x:f><x:v>V0001.jpg</x:v></x:c><x:c><x:v>1E0</x:v></x:c>'
        "</x:row>"
        '<x:row r="7"><x:c r="A7" t="str"><x:v>V0002.jpg</x:v></x:c><x:c r="B7"><x:v>0</x:v></x:c>'
        "</x:row></x:sheetData></x:worksheet>"
    )
    assert read_labels(repack(path, sheet1=prefixed)) == BOTH


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old .xls"),
        (b"PK\x05\x06" + bytes(18), "holds no xl/workbook.xml"),
        (b"PK\x03\x04 no zip", "cannot be read as xlsx"),
    ],
)
def test_other_workbooks_are_told_with_the_mend(table, content, words):
    with pytest.raises(DataError, match=words):
        read_labels(table(content, "labels.xlsx"))


# Rows 35 and 42: names of tables and of columns.


@pytest.mark.parametrize(
    "header",
    ["imgName,Label", "FileName,label", "file;LABEL", "Image Name\tLabel", "img_name|label",
     "图片名,标签", "Image,Fovea,Label", "path,label", "ID,Label"],
)  # fmt: skip
def test_columns_by_their_usual_names(table, header):
    mark = next(each for each in ";\t|," if each in header)
    middle = [""] * (header.count(mark) - 1)
    rows = [mark.join([f"V000{i}.jpg", *middle, str(i % 2)]) for i in (1, 2)]
    assert read_labels(table("\n".join([header, *rows]))) == BOTH


@pytest.mark.parametrize(
    "text",
    [
        "ID,imgName,Label\n1,V0001.jpg,1\n2,V0002.jpg,0\n",
        "imgName,Label,Label\nV0001.jpg,1,1.0\nV0002.jpg,0,\n",
        "imgName,file,Label\nV0001.jpg,x/V0001.JPG,1\nV0002.jpg,,0\n",
        "sep=;\nimgName;label\nV0001.jpg;1\nV0002.jpg;0\n",
    ],
)
def test_columns_that_agree_are_one(table, text):
    assert read_labels(table(text)) == BOTH


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("imgName,Label,Label\nV0001.jpg,1,0\n", ["row 2", "Label and Label say '0' and '1'"]),
        ("imgName,label,Label \nV0001.jpg,1,1\nV0002.jpg,0,1\n", ["row 3", "label and Label"]),
        ("imgName,imgName,Label\nV0001.jpg,V0002.jpg,1\n", ["'V0001' and 'V0002'"]),
        ("file,Image,Label\nV0001.jpg,V0002.jpg,1\n", ["file and Image", "keep one"]),
        ("imgName,Label,标签\nV0001.jpg,1,2\n", ["Label and 标签", "'1' and '2'"]),
    ],
)
def test_columns_that_differ_are_refused(table, text, words):
    with pytest.raises(DataError) as caught:
        read_labels(table(text))
    assert all(word in str(caught.value) for word in words), caught.value


def digest(root):
    return load_dataset(DataConfig(root=str(root), image_size=32)).digest


@pytest.mark.parametrize(
    "name",
    ["PM_Label_and_Fovea_Location.csv", "labels.xlsx", "grades 2019.tsv", "GT/truth.txt",
     "PALM-Validation400/x.CSV", "答案.csv"],
)  # fmt: skip
def test_a_table_of_any_name_is_read(official, name):
    expected, table = digest(official), official / "labels.csv"
    path = official / name
    path.parent.mkdir(exist_ok=True)
    rows = [line.split(",") for line in table.read_text().splitlines()]
    if path.suffix == ".xlsx":
        book(path, rows)
    else:
        path.write_text("\n".join(map("\t".join, rows)))
    table.unlink()
    assert digest(official) == expected
    assert layout.find(official).notes == ()


@pytest.mark.parametrize("name", ["copy.csv", "GT/PM_Label_and_Fovea_Location.csv", "more.txt"])
def test_tables_that_differ_are_refused_and_named(official, name):
    table, other = official / "labels.csv", official / name
    other.parent.mkdir(exist_ok=True)
    other.write_text(table.read_text())
    digest(official)
    other.write_text(table.read_text().replace(",1,", ",0,", 1))
    with pytest.raises(DataError, match="different labels") as caught:
        digest(official)
    assert str(table) in str(caught.value) and str(other) in str(caught.value)
    assert "V00" in str(caught.value) and len(str(caught.value).splitlines()) == 1


SEEN = {
    "fovea.csv": (b"imgName,Fovea_X\nV0001.jpg,1\n", "lacks a column of names"),
    "elsewhere.csv": (b"file,label\nX1.jpg,1\n", "names none of the validation photographs"),
    "old.xls": (b"\xd0\xcf\x11\xe0", "old .xls"),
    "damaged.xlsx": (b"PK\x03\x04", "cannot be read as xlsx"),
    "grades.csv": (b"\xff\xfe\xff", "not the utf-16"),
}


@pytest.mark.parametrize("name", SEEN)
def test_tables_not_taken_are_named(official, name):
    content, reason = SEEN[name]
    (official / name).write_bytes(content)
    (note,) = layout.find(official).notes
    assert f"{official / name}: " in note and reason in note
    (official / "labels.csv").unlink()
    with pytest.raises(
        DataError, match="labels of the validation photographs are missing"
    ) as caught:
        layout.find(official)
    assert f"{official / name}: " in str(caught.value) and reason in str(caught.value)


def test_a_table_of_both_splits(official):
    table, expected = official / "labels.csv", digest(official)
    rows = table.read_text()
    names = [path.name for path in sorted((official / "PALM-Training400").iterdir())]
    more = [f"0,{name},{int(name[0] == 'P')},0,0\n" for name in names]
    table.write_text(rows + "".join(more))
    assert digest(official) == expected and layout.find(official).notes == ()
    table.write_text(rows + "".join(more).replace("P0001.jpg,1", "P0001.jpg,0"))
    (note,) = layout.find(official).notes
    assert "other labels for training photographs" in note and "P0001 1" in note


@pytest.mark.parametrize("name", ["my grades.csv", "truth.tsv", "labels", "labels.dat"])
def test_prepare_takes_a_table_of_any_name(official, tmp_path, name):
    expected = digest(official)
    (official / "labels.csv").rename(tmp_path / name)
    main(["prepare", str(official), str(tmp_path / name), "--out", str(tmp_path / "out")])
    assert digest(tmp_path / "out") == expected


@pytest.mark.parametrize("content", [b"imgName,Grade\nV0001.jpg,1\n", b"\xff", b""])
def test_a_named_table_that_is_none_is_refused(official, tmp_path, content):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=str(path)):
        main(["prepare", str(official), str(path), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_only_so_many_tables_are_looked_into(official):
    for number in range(120):
        (official / f"a{number:03}.txt").write_text("0 0.5 0.5")
    (note,) = layout.find(official).notes
    assert "a000.txt: lacks" in note and note.count("lacks") == 5


# Rows 39, 40, 49: encodings, separators of folders, forms of characters.

TEXT = "编号,图片名,标签\n1,眼1.jpg,1\n2,眼2.jpg,0\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-32", "utf-16-be with mark"]
)
def test_encodings(table, encoding):
    if encoding == "utf-16-be with mark":
        content = b"\xfe\xff" + TEXT.encode("utf-16-be")
    else:
        content = TEXT.encode(encoding)
    assert read_labels(table(content)) == {"眼1": 1, "眼2": 0}


@pytest.mark.parametrize(
    "content",
    [
        "imgName,Label\nV1.jpg,1\n".encode("utf-16-le"),
        "imgName,Label\né,1\n".encode("latin-1"),
        "imgName,Label\nЖ1.jpg,1\n".encode("cp866"),
        b"\xef\xbb\xbfimgName,Label\n\xff,1\n",
        b"\xff\xfeimgName,Label\na",
    ],
    ids=["utf-16 without mark", "latin-1", "cp866", "wrong mark", "wrong mark of utf-16"],
)
def test_other_encodings_are_told_with_the_mend(table, content):
    with pytest.raises(DataError, match="UTF-8"):
        read_labels(table(content))


def test_names_read_in_a_guessed_encoding_say_so(official):
    """Big5 can be taken for GB18030; then no photograph has the names."""
    table = official / "labels.csv"
    table.write_bytes(table.read_text().replace("V0001.jpg", "眼科檢查.jpg").encode("big5"))
    with pytest.raises(
        DataError, match="read as GB18030, so if names look wrong, save it as UTF-8"
    ):
        layout.find(official)


@pytest.mark.parametrize(
    "prefix", ["D:\\palm\\", ".\\x\\", "\\\\server\\share\\", "x/y\\", "D:/a/", "/data/", "file\\"]
)
def test_folders_in_names(table, prefix):
    rows = "".join(f"{prefix}{name}.jpg,{label}\n" for name, label in BOTH.items())
    assert read_labels(table(f"imgName,Label\n{rows}")) == BOTH


def test_forms_of_characters():
    composed, apart = "Ü1.jpg", unicodedata.normalize("NFD", "Ü1.jpg")
    assert composed != apart and photograph_key(composed) == photograph_key(apart)
    assert photograph_key("한1.jpg") == photograph_key(unicodedata.normalize("NFD", "한1.jpg"))
    assert photograph_key("é.png") == photograph_key(unicodedata.normalize("NFD", "É.JPG"))
    assert photograph_key("V0001.jpg") != photograph_key("V000１.jpg")
    assert photograph_key("scan.12.jpg") == photograph_key("scan.12") != photograph_key("scan.13")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["Prüfung1.jpg", "검사2.jpg", "Vé3.jpg"])
def test_names_in_another_form_are_the_same(official, tmp_path, form, name):
    other = "NFD" if form == "NFC" else "NFC"
    folder, table = official / "PALM-Validation400", official / "labels.csv"
    (folder / "V0001.jpg").rename(folder / unicodedata.normalize(form, name))
    table.write_text(
        table.read_text().replace("V0001.jpg", unicodedata.normalize(other, name)), "utf-8"
    )
    digest(official)
    rows = tmp_path / "rows.csv"
    rows.write_text(f"file,label\n{unicodedata.normalize(other, name)},1\n", "utf-8")
    loaded = external.load(folder, rows, DataConfig(image_size=32), "x")
    assert loaded.split.names == (unicodedata.normalize(form, name),) and loaded.ignored == 15


@pytest.mark.parametrize(
    "written",
    ["a\\1.jpg", "D:\\old\\a\\1.jpg", ".\\a\\1.jpg", "\\\\s\\t\\a\\1.jpg", "/old/a/1.jpg"],
)
def test_photographs_from_elsewhere_by_paths_of_windows(official, tmp_path, written):
    folder = tmp_path / "clinic"
    (folder / "a").mkdir(parents=True)
    (official / "PALM-Training400" / "P0001.jpg").rename(folder / "a" / "1.jpg")
    rows = tmp_path / "rows.csv"
    rows.write_text(f"file,label\n{written},1\n")
    loaded = external.load(folder, rows, DataConfig(image_size=32))
    assert loaded.split.names == ("a/1.jpg",) and loaded.ignored == 0
    rows.write_text(f"file,label\n{written},1\nE:\\other\\a\\1.jpg,1\n")
    with pytest.raises(DataError, match="are one file"):
        external.load(folder, rows, DataConfig(image_size=32))


def test_absolute_and_relative_names_are_one_photograph(official, tmp_path):
    folder, rows = official / "PALM-Validation400", tmp_path / "rows.csv"
    linked = tmp_path / "linked"
    linked.symlink_to(folder)
    for given in (folder / "V0001.jpg", linked / "V0001.jpg"):
        rows.write_text(f"file,label\n{given},1\n")
        loaded = external.load(folder, rows, DataConfig(image_size=32), "x")
        assert loaded.split.names == ("V0001.jpg",) and loaded.ignored == 15
        rows.write_text(f"file,label\n{given},1\nV0001.jpg,0\n")
        with pytest.raises(DataError, match=r"V0001\.jpg"):
            external.load(folder, rows, DataConfig(image_size=32), "x")


def test_bounds_pass_real_tables(tmp_path):
    rows = [("ID", "imgName", "Label", "Fovea_X", "Fovea_Y")]
    rows += [(i, f"V{i:05}.jpg", i % 2, 1057.123, 984.456) for i in range(20_000)]
    path = book(tmp_path / "many.xlsx", rows)
    assert len(read_labels(path)) == 20_000 and xlsx.MAX_BYTES >= 10_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
