"""What `check` found as one HTML file that needs no network; its small pictures are within."""

import base64
import io
from functools import partial
from pathlib import Path

import jinja2
from markupsafe import Markup
from PIL import Image

from pm_cls.data.photographs.check import Checked

MOST = 100  # groups, and files of each, that are shown


def page(found: Checked) -> str:
    """HTML in UTF-8."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    template = environment.get_template("check.html.j2")
    return template.render(it=found, most=MOST, figure=partial(_figure, found))


def _figure(found: Checked, row: int, is_split: bool) -> Markup:
    file = io.BytesIO()
    Image.fromarray(found.small[row].transpose(1, 2, 0)).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    said = [found.files.names[row], found.classes[row], *[found.splits[row]] * is_split]
    return Markup(
        '<figure><img alt="" src="data:image/png;base64,{}"><figcaption>{}</figcaption></figure>'
    ).format(data, ", ".join(said))
