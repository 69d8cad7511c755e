"""Label tables in every form that people have them."""

import openpyxl
import pytest

from pm_cls.data.photographs.labels import read_labels
from pm_cls.runtime.errors import DataError


@pytest.fixture
def table(tmp_path):
    def write(content, name="labels.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def workbook(tmp_path):
    def write(rows):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        path = tmp_path / "PM_Label_and_Fovea_Location.xlsx"
        book.save(path)
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        "ID,imgName,Label\n1,V0001.jpg,1\n2,V0002.jpg,0\n",
        "\ufeffimgName,Label\r\nV0001.jpg, 1 \r\n v0002.JPG ,0.0\r\n\r\n",
        "label,IMGNAME\n'1',V0001.jpg\n'0,V0002.jpg\n",
        "imgName,Label\nV0001.jpg,1\nV0002.jpg,0\nV0002.jpg,0\n",
    ],
    ids=["plain", "spaces and case", "other order, as text", "equal rows"],
)
def test_plain_meaning_is_read(table, text):
    assert read_labels(table(text)) == {"V0001": 1, "V0002": 0}


def test_xlsx_with_numbers_and_with_text(workbook):
    rows = [["ID", "imgName", "Label", "Fovea_X"], [1, "V0001.jpg", 1, 9.5], [2, "V0002.jpg", "0"]]
    assert read_labels(workbook(rows)) == {"V0001": 1, "V0002": 0}


def test_csv_named_xlsx_is_read_by_its_content(table):
    path = table("imgName,Label\nV0001.jpg,1\n", "PM_Label_and_Fovea_Location.xlsx")
    assert read_labels(path) == {"V0001": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("imgName,Label\nV0001.jpg,2\n", ["row 2", "V0001.jpg", "'2'"]),
        ("imgName,Label\nV0001.jpg,\nV0002.jpg,yes\n", ["row 2", "row 3", "'yes'"]),
        ("imgName,Label\nV0001.jpg,1\nV0001.jpg,0\n", ["row 3", "label 0 and label 1"]),
        ("imgName,Label\nV0001.jpg\n", ["row 2", "''"]),
        ("imgName,Label\n,1\n", ["row 2", "imgName is empty"]),
        ("patient,Label\nV0001.jpg,1\n", ["imgName", "Label", "needed", "patient"]),
        ("", ["imgName", "Label are needed"]),
        (b"imgName,Label\n\xff\xfe,1\n", ["cannot be read"]),
        (b"PK\x03\x04 no zip", ["cannot be read as xlsx"]),
    ],
)
def test_wrong_rows_are_named(table, text, words):
    with pytest.raises(DataError) as caught:
        read_labels(table(text))
    assert all(word in str(caught.value) for word in words), caught.value


def test_formula_without_a_stored_result_is_no_label(workbook):
    with pytest.raises(DataError, match=r"row 2: label of V0001\.jpg"):
        read_labels(workbook([["imgName", "Label"], ["V0001.jpg", "=1+0"]]))


def test_names_of_classes_may_be_numbers(table):
    versions = ("v1.0", "v2.0")
    read = {"a": 0, "b": 1}
    assert read_labels(table("file,class\na.jpg,v1.0\nb.jpg,v2.0\n"), _stem, versions) == read
    for rows, words in (
        ("a.jpg,v1.0\na.jpg,v2.0\n", r"a\.jpg has label v1\.0 and label v2\.0"),
        ("a.jpg,v3.0\n", r"is 'v3\.0' \(a label is v1\.0 or v2\.0, once"),
    ):
        with pytest.raises(DataError, match=words):
            read_labels(table(f"file,class\n{rows}"), _stem, versions)


def _stem(name):
    return name.partition(".")[0]
