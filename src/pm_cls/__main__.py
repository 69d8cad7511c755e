"""`pm-cls VERB ...`, the same as `python -m pm_cls.VERB ...`."""

import importlib
import sys

from pm_cls.command import run_command
from pm_cls.errors import UsageError

VERBS = {
    "train": "train one network with one seed",
    "evaluate": "score the stored weights of a run again",
    "predict": "classify photographs with a trained network",
    "inspect": "look into the layers of a trained network",
    "baselines": "score simple answers that any network must beat",
    "report": "rebuild tables and figures from the records",
    "data": "download, prepare, verify or synthesize photographs",
    "reproduce": "train every network of the thesis and write the table",
}


def main() -> int:
    return run_command(_call_verb)


def _call_verb(_: object) -> None:
    verb = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if verb in ("-h", "--help"):
        print("usage: pm-cls VERB ...   (pm-cls VERB --help tells more)\n")
        print("\n".join(f"  {name:10} {purpose}" for name, purpose in VERBS.items()))
        return
    if verb not in VERBS:
        raise UsageError(f"{verb} is no verb; known: {', '.join(VERBS)}")
    module = importlib.import_module("pm_cls.data.__main__" if verb == "data" else f"pm_cls.{verb}")
    module.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
