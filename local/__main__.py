"""The embedded default: python -m local up | down | status | preview | demo | env | second"""

import argparse
import os
import subprocess
import sys

from local import demo, machine, preview, second_cluster
from local.applications import APPLICATIONS
from local.cluster import Cluster
from local.errors import UserError
from local.progress import Progress


def main(arguments: list[str]) -> int:
    """Run one action. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local", description="The embedded default.")
    parser.add_argument("action", choices=["up", "down", "status", "preview", "demo", "env", "second"])
    parser.add_argument("--application", choices=[demo.APPLICATION, *APPLICATIONS], default=demo.APPLICATION)
    given = parser.parse_args(arguments)
    action = given.action
    progress = Progress()
    try:
        if action == "up":
            demo.show_addresses(machine.up(progress), progress)
        elif action == "down":
            machine.down(progress)
        elif action == "demo":
            return 0 if demo.run(progress, given.application) else 1
        elif action == "preview":
            return preview.run()
        elif action == "second":
            cluster = second_cluster.up(machine.connect(), progress)
            progress.line(f"The second cluster is up, with no Tekton. Its kubeconfig: {cluster.kubeconfig}")
        elif action == "env":
            sys.stdout.write(machine.environment())
        else:
            cluster = Cluster()
            if not cluster.running():
                raise UserError("The embedded cluster does not run. Start it: make up")
            command = [sys.executable, "-m", "operate", "status"]
            return subprocess.run(command, env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)}).returncode
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; `make up` goes on from here, `make down` removes the cluster", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
