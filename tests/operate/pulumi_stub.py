"""A `pulumi` for tests, which keeps its state in $PULUMI_STUB and writes down what it was called with.

It is started 900 times, and `pathlib` would take as long to import as the interpreter to start.
"""

import json
import os
import sys

PLACE = os.environ.get("PULUMI_STUB", "stub.json")
TYPED = {"true": True, "false": False}


def main(arguments: list[str]) -> None:
    state = {"stacks": [], "config": {}, "calls": [], "state": []}
    if os.path.exists(PLACE):  # noqa: PTH110
        with open(PLACE) as file:  # noqa: PTH123
            state = json.load(file)
    state["calls"].append(arguments)
    words = [each for each in arguments if not each.startswith("-")]
    given = "" if sys.stdin.isatty() else sys.stdin.read()
    if state.get("fails") in words:
        write(state)
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
    write(state)


def write(state: dict[str, object]) -> None:
    with open(PLACE, "w") as file:  # noqa: PTH123
        json.dump(state, file)


if __name__ == "__main__":
    main(sys.argv[1:])
