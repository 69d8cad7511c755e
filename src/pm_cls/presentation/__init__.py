"""How things are said and drawn: texts in both languages, figures, the style of a page.

It knows no study and no source; the report, the pages of answers and whatever leaves a picture
beside a run share it.
"""
