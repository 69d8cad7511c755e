"""A text in each language that the report is written in."""

from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: dict[Language, str] = {"en": "English", "zh": "中文"}


@dataclass(frozen=True)
class Text:
    """The same in English and in Chinese, side by side so that neither is forgotten."""

    en: str
    zh: str

    def __add__(self, other: "Text") -> "Text":
        return Text(self.en + other.en, self.zh + other.zh)

    def of(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en
