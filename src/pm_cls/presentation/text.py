"""A text in each language that the report is written in, and numbers as people read them."""

from collections.abc import Iterable, Mapping, Sequence
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

    def format(self, **values: object) -> "Text":
        """Both with the values in their {places}; a value that is a Text comes in its language."""
        made = [
            self.of(language).format(**{k: said(v, language) for k, v in values.items()})
            for language in LANGUAGES
        ]
        return Text(*made)


NOTHING = Text("", "")
COMMA, SEMICOLON = Text(", ", "、"), Text("; ", "；")


def said(value: object, language: Language) -> object:
    """A text in a language; what is no text as it is."""
    return value.of(language) if isinstance(value, Text) else value


def listed(texts: Iterable[Text | str], between: Text = COMMA) -> Text:
    """Texts, or words that are the same in both languages, one after another."""
    found = [one if isinstance(one, Text) else Text(one, one) for one in texts]
    return Text(between.en.join(t.en for t in found), between.zh.join(t.zh for t in found))


def named(names: Mapping[str, Text], name: str) -> Text:
    """What a name is called; one that is not known is shown as it is."""
    return names.get(name, Text(name, name))


def percent(fraction: float | None, sign: str = "") -> str:
    """A fraction in percent, or a loss ×100, with two digits; `–` where there is none."""
    # Adding zero turns a rounded -0.0 into 0.0.
    return "–" if fraction is None else f"{round(100 * fraction, 2) + 0.0:{sign}.2f}"


def percent_more(fraction: float | None) -> str:
    """As `percent`, with its sign."""
    return percent(fraction, "+")


def fraction(value: float | None, sign: str = "") -> str:
    """With three digits; `–` where there is none."""
    return "–" if value is None else f"{value:{sign}.3f}"


def percent_interval(ends: Sequence[float] | None, sign: str = "") -> Text:
    """In percent, within 0 and 100, of a difference (with a sign) -100; `–` where there is none."""
    least = -1.0 if sign else 0.0
    return _interval([percent(min(max(end, least), 1.0), sign) for end in ends or ()])


def fraction_interval(ends: Sequence[float] | None) -> Text:
    """With three digits; `–` where there is none."""
    return _interval([fraction(end) for end in ends or ()])


def _interval(ends: list[str]) -> Text:
    return Text(" to ".join(ends) or "–", " 至 ".join(ends) or "–")


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def p_words(p: float | None) -> Text | str:
    """As `p_value`; in words where no pair differs."""
    return Text("no difference observed", "未观察到差异") if p is None else p_value(p)
