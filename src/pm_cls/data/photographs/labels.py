"""Label tables -> {photograph: 0 or 1}.

A table has a column of names and one of labels, whatever the case and the order, with or without
spaces, `_` and `-`: `imgName`, `Image Name` and `img_name` are one. Columns that mean the same
must agree; of the names, those of a later line in `NAME_COLUMNS` count where no earlier one is.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pm_cls.data.photographs.names import normal, photograph_key
from pm_cls.data.photographs.tables import BadTable, NoHeader, Row, Table, read_table
from pm_cls.runtime.errors import DataError
from pm_cls.runtime.wording import enumerate_names

FILE_NAMES = ("labels.csv", "PM_Label_and_Fovea_Location.xlsx")
NEEDED = "a column of names (imgName, file and others) and a column Label"
NAME_COLUMNS = (
    {"imgname", "imagename", "filename", "file", "image", "img", "photograph", "photo", "picture"}
    | {"文件名", "文件", "图像名", "图像", "图片名", "图片", "照片"},
    {"imgpath", "imagepath", "filepath", "path", "name", "imgid", "imageid"},
    {"id"},  # a number in the official table, where another column has the names
)
LABEL_COLUMNS = {"label", "labels", "标签"}
CLASS_COLUMNS = {"class", "类别"}  # in a table that was named, where it has no label
LABELS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}
MOST = 10  # problems that are told


@dataclass
class Labels:
    """What a table says.

    Attributes:
        of: the label of each key: 1 (pathological) or 0 where no classes were given.
        named: the keys in all rows.
        problems: of `count` rows that say nothing plain, the first ones in words.
        hint: to be put after a message about its names; may be empty.
        known: what a cell may say, and the label that it means.
    """

    of: dict[str, int] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    count: int = 0
    hint: str = ""
    known: Mapping[str, int] = field(default_factory=lambda: LABELS)

    @property
    def names(self) -> Mapping[int, str]:
        """Of each label what a cell says first of all that it may say."""
        found: dict[int, str] = {}
        for name, label in self.known.items():
            found.setdefault(label, name)
        return found

    def tell(self, problem: str) -> None:
        self.count += 1
        if self.count <= MOST:
            self.problems.append(problem)

    def check(self, path: Path) -> None:
        """Raise DataError, with the rows, where there are problems."""
        if self.count:
            more = f"; and {self.count - MOST:,} more" if self.count > MOST else ""
            names = list(self.names.values())
            listed = " or ".join(names) if len(names) == 2 else f"one of {enumerate_names(names)}"
            raise DataError(
                f"{path}: {'; '.join(self.problems)}{more} (a label is {listed}, once a photograph)"
            )


def read_labels(
    path: Path, key: Callable[[str], str] = photograph_key, classes: Sequence[str] = ()
) -> dict[str, int]:
    """Read the labels of a table that has been named.

    Args:
        key: of the names, by which photographs are told apart.
        classes: their names by label, where there are names: the table has these. (0 and 1 of a
            table for another question would be taken for classes in the order of their names.)

    Returns:
        The label of each key; without classes 1 (pathological) or 0.

    Raises:
        DataError: the table cannot be read, a column is missing, or rows are wrong (all listed).
    """
    try:
        labels = _of_table(read_table(path, _is_named_header), key, classes)
    except NoHeader as error:
        raise DataError(
            f"{path}: {NEEDED} are needed, in one of the first rows, with commas between; {error}"
        )
    except BadTable as error:
        raise DataError(f"{path}: {error}")
    labels.check(path)
    return labels.of


def read(path: Path) -> Labels:
    """Read the labels of a file that may be a label table.

    Raises:
        NoHeader, BadTable: it is none.
    """
    return _of_table(read_table(path, is_header), photograph_key, ())


def _of_table(table: Table, key: Callable[[str], str], classes: Sequence[str]) -> Labels:
    names_at = next(filter(None, (_columns(table.header, names) for names in NAME_COLUMNS)))
    labels_at = _columns(table.header, LABEL_COLUMNS) or _columns(table.header, CLASS_COLUMNS)
    labels = Labels(hint=table.hint, known=_known(classes))
    for number, row in table.rows:
        if not row:
            continue
        names = {key(row[column]): row[column] for column in names_at if column in row}
        said = {_plain_label(row[column], labels.known) for column in labels_at if column in row}
        labels.named.update(names)
        name, shown = next(iter(names.items()), ("", ""))
        for columns, values in ((names_at, names), (labels_at, said)):
            if len(values) > 1:
                titles = " and ".join(table.header[column] for column in columns)
                found = " and ".join(sorted(map(repr, values)))
                labels.tell(f"row {number}: columns {titles} say {found}; keep one of them")
        if len(names) > 1 or len(said) > 1:
            continue
        label = labels.known.get(text := "".join(said))
        if not name:
            labels.tell(f"row {number}: {table.header[names_at[0]]} is empty")
        elif label is None:
            labels.tell(f"row {number}: label of {shown} is {text!r:.80}")
        elif labels.of.setdefault(name, label) != label:
            first, second = (labels.names[one] for one in sorted((labels.of[name], label)))
            labels.tell(f"row {number}: {shown} has label {first} and label {second}")
    return labels


def is_header(cells: Iterable[str]) -> bool:
    """Whether a row names a column of names and one of labels."""
    found = {column_key(cell) for cell in cells}
    return bool(found & LABEL_COLUMNS) and any(found & names for names in NAME_COLUMNS)


def _is_named_header(cells: Iterable[str]) -> bool:
    """As `is_header`, of a table that is known to be one of labels."""
    found = {column_key(cell) for cell in cells}
    return bool(found & (LABEL_COLUMNS | CLASS_COLUMNS)) and any(found & n for n in NAME_COLUMNS)


def column_key(title: str) -> str:
    """A title as titles are compared: in lower case, without spaces, `_` and `-`."""
    return re.sub(r"[\s_-]+", "", title).lower()


def _columns(header: Row, titles: set[str]) -> list[int]:
    return [column for column, title in header.items() if column_key(title) in titles]


def _known(classes: Sequence[str]) -> Mapping[str, int]:
    return {name: label for label, name in enumerate(classes)} if classes else LABELS


def _plain_label(cell: str, known: Mapping[str, int]) -> str:
    text = normal(cell if cell in known else cell.strip("'"))
    return str(known[text]) if known is LABELS and text in LABELS else text
