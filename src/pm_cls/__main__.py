"""`pm-cls VERB ...`, the same as `python -m pm_cls.VERB ...`."""

import importlib
import sys

from pm_cls.runtime.command import run_command, version
from pm_cls.runtime.errors import UsageError

VERBS = {
    "train": "train one network with one seed",
    "evaluate": "score the stored weights of a run again",
    "predict": "classify photographs with a trained network",
    "demo": "a page of this machine alone, on which trained networks answer",
    "export": "write a trained network as ONNX or for Paddle Inference",
    "inspect": "look into trained networks: their layers, and what they look at",
    "baselines": "score simple answers that any network must beat",
    "report": "rebuild tables and figures from the records",
    "card": "describe a run in a model card: what it is, how good, what nobody measured",
    "data": "download, prepare, verify, check or synthesize photographs",
    "search": "look for settings, judged on training images that are held out",
    "reproduce": "train every experiment of a study and write its tables",
}


def main() -> int:
    return run_command(_call_verb)


def _call_verb(_: object) -> None:
    verb, *arguments = sys.argv[1:] or ["--help"]
    if verb == "help" and arguments:  # pm-cls help VERB
        verb, arguments = arguments[0], ["--help"]
    if verb in ("-h", "--help", "help"):
        print("usage: pm-cls VERB ...   (pm-cls VERB --help tells more)\n")
        print("\n".join(f"  {name:10} {purpose}" for name, purpose in VERBS.items()))
        print("\npm-cls --version prints the version.")
        return
    if verb in ("-V", "--version", "version"):
        print(version())
        return
    if verb not in VERBS:
        raise UsageError(f"{verb} is no verb; known: {', '.join(VERBS)}")
    module = importlib.import_module(f"pm_cls.{verb}")
    if hasattr(module, "__path__"):  # a package
        module = importlib.import_module(f"pm_cls.{verb}.__main__")
    module.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
