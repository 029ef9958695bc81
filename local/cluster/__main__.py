"""python -m local.cluster up|down|status [--name NAME]"""

import argparse
import sys

from images import build
from local import tools
from local.cluster import Cluster
from local.cluster.names import DEFAULT_NAME, IMAGES
from local.errors import UserError
from local.progress import Progress


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.cluster", description="The embedded one-node cluster.")
    parser.add_argument("action", choices=["up", "down", "status"])
    parser.add_argument("--name", default=DEFAULT_NAME, help="which cluster of this checkout (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        cluster = Cluster(options.name)
        if options.action == "up":
            up(cluster, Progress())
        elif options.action == "down":
            cluster.down(Progress())
        else:
            return status(cluster)
    except KeyboardInterrupt:
        print("error: interrupted. `up` goes on where it stopped, `down` removes what there is.", file=sys.stderr)
        return 1
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def up(cluster: Cluster, progress: Progress) -> None:
    cluster.check(progress)
    images = build.ensure(tools.ensure(build.tools_of(IMAGES), progress), progress, IMAGES)
    cluster.up(progress, {name: image.archive for name, image in images.items()})
    progress.line(f"The cluster is up. export KUBECONFIG={cluster.kubeconfig}")


def status(cluster: Cluster) -> int:
    states = cluster.status()
    for component, state in states.items():
        print(f"{component:26} {state}")
    if not states:
        name = cluster.layout.name
        print(f"The cluster {name} does not exist. Create it: python -m local.cluster up --name {name}")
    return 0 if cluster.running() else 1


sys.exit(main(sys.argv[1:]))
