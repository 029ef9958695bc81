"""A `pulumi` for tests, which keeps its state in $PULUMI_STUB and writes down what it was called with."""

import json
import os
import sys
from pathlib import Path

PLACE = Path(os.environ.get("PULUMI_STUB", "stub.json"))
TYPED = {"true": True, "false": False}


def main(arguments: list[str]) -> None:
    state = json.loads(PLACE.read_text()) if PLACE.exists() else {"stacks": [], "config": {}, "calls": [], "state": []}
    state["calls"].append(arguments)
    words = [each for each in arguments if not each.startswith("-")]
    given = "" if sys.stdin.isatty() else sys.stdin.read()
    if state.get("fails") in words:
        PLACE.write_text(json.dumps(state))
        sys.exit(f"error: {state['fails']} was refused")
    match words[:2]:
        case ["stack", "ls"]:
            print(json.dumps([{"name": f"acme/{name}"} for name in state["stacks"]]))
        case ["stack", "init"]:
            state["stacks"].append(words[-1])
        case ["stack", "output"]:
            print(json.dumps(state.get("outputs", {})))
        case ["stack", "export"]:
            envelopes = [{"outputs": {"stringData": {"plaintext": json.dumps({"key": text})}}} for text in state["state"]]
            print(json.dumps({"deployment": {"resources": envelopes}}))
        case ["config", "set"]:
            name = words[-1].removeprefix("tekton-delivery:")
            state["config"][name] = {"value": given.removesuffix("\n"), "secret": "--secret" in arguments}
        case _:
            print(json.dumps({f"tekton-delivery:{name}": entry for name, entry in state["config"].items()}))
    PLACE.write_text(json.dumps(state))


if __name__ == "__main__":
    main(sys.argv[1:])
