"""A finished run -> its model card, from the files of the run alone. Needs no Paddle."""

from pathlib import Path

from pm_cls.presentation.text import Language
from pm_cls.runtime.errors import UsageError
from pm_cls.runtime.verbs import callable_as


def card(run: str | Path, language: Language = "en") -> str:
    """The model card of a finished run as Markdown.

    Args:
        run: runs/<experiment>/seed<k>.

    Raises:
        UsageError: no finished run is there, or it is damaged.
    """
    from pm_cls.card.facts import Facts
    from pm_cls.card.front_matter import front_matter
    from pm_cls.presentation.text import fraction, percent, percent_interval
    from pm_cls.records import folder
    from pm_cls.report import page
    from pm_cls.report.runs import UNREADABLE, Renamed, read_run

    place = Path(run)
    folder.read_config(place)  # says so where no finished run is
    try:
        facts = Facts(read_run(place.resolve()))
    except UsageError:  # in words already
        raise
    except Renamed as error:
        raise UsageError(f"{place}: {error}")
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{place}: is damaged ({reason}); train the run anew with --restart")
    numbers = {one.__name__: one for one in (percent, percent_interval, fraction)}
    here = [Path(__file__).parent]
    filled = page.fill("card.md.j2", language, here, it=facts, place=_shown(place), **numbers)
    return front_matter(facts) + filled


def _shown(place: Path) -> str:
    """The folder as a reader elsewhere may see it: nothing of where it lay on this machine."""
    return (Path(*place.parts[-3:]) if place.is_absolute() else place).as_posix()


callable_as(card)
