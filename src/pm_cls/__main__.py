"""`pm-cls VERB ...`, the same as `python -m pm_cls.VERB ...`."""

import importlib
import sys

from pm_cls.errors import run_command

VERBS = {
    "train": "train one network with one seed",
    "evaluate": "score the stored weights of a run again",
    "predict": "classify photographs with a trained network",
    "report": "rebuild tables and figures from the records",
    "data": "prepare, verify or synthesize photographs",
    "reproduce": "train every network of the thesis and write the table",
}


def main() -> int:
    verb = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if verb in VERBS:
        sys.argv = [f"pm-cls {verb}", *sys.argv[2:]]
        package = "pm_cls.data.__main__" if verb == "data" else f"pm_cls.{verb}"
        return run_command(importlib.import_module(package).main)
    print("usage: pm-cls VERB ...   (pm-cls VERB --help tells more)\n")
    print("\n".join(f"  {name:10} {purpose}" for name, purpose in VERBS.items()))
    return 0 if verb in ("-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main())
