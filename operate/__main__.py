"""By hand: python -m operate VERB …, see docs/operating.md."""

import argparse
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import TextIO

import urllib3
from kubernetes import client

from components.conventions import plain
from operate import approvals, deliver, holds, kubeconfig, logs, printing, queue, rebuild, rollback, status, why
from operate.cluster import Cluster
from operate.doctor import arguments as doctor_arguments
from operate.errors import OperateError
from operate.init import arguments as init_arguments
from operate.masking import Masking
from operate.patience import heard
from operate.target import applications, target

# What a terminal takes for an empty screen, and how many seconds it shows one state.
_CLEAR, _WATCHED = "\x1b[H\x1b[2J\x1b[3J", 2.0


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="python -m operate", description="What people do to an environment by hand.")
    verbs = made.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(
        name: str, help: str, *, application: bool = True, reason: bool = True, several: bool = False
    ) -> argparse.ArgumentParser:
        command = verbs.add_parser(name, help=help, description=help)
        if several:
            command.add_argument("environments", nargs="*", metavar="ENVIRONMENT", help="default: all of the cluster")
        else:
            command.add_argument("environment", metavar="ENVIRONMENT")
        if application:
            command.add_argument("application", metavar="APPLICATION")
        if reason:
            command.add_argument("--reason", type=_line, help="why; it is told on pull requests that have to wait")
        command.add_argument("--namespace", help="where its applications run, if that is not called as the environment")
        command.add_argument("--context", help="a context of the kubeconfig; default its current one")
        return command

    whole = verb("status", "what runs where, and runs that have not ended", application=False, reason=False, several=True)
    whole.add_argument("--json", action="store_true", help="as data")
    whole.add_argument("--watch", action="store_true", help="again every two seconds, until it is interrupted")
    verb("history", "what an environment served, newest first", reason=False).add_argument(
        "--json", action="store_true", help="as data"
    )
    reason = verb("why", "the way of one pull request: its runs, their steps with seconds, and how they ended", reason=False)
    reason.add_argument("pull_request", type=_number, metavar="PULL_REQUEST")
    reason.add_argument("--json", action="store_true", help="as data")
    printed = verb("logs", "what the steps of a pull request's newest run printed: those that failed, or all", reason=False)
    printed.add_argument("pull_request", type=_number, metavar="PULL_REQUEST")
    printed.add_argument("step", nargs="?", metavar="STEP|TASK", help="default: those that failed, or all where none did")
    back = verb("rollback", "return to an earlier digest that was vouched for, and hold it")
    back.add_argument("to", nargs="?", metavar="DIGEST|COMMIT", help="default: what served before")
    back.add_argument(
        "--unproven", action="store_true", help="whatever it is and whoever recorded it; the history shows that"
    )
    verb("hold", "roll nothing out until `lift`").add_argument(
        "--pull-request", type=_number, metavar="NUMBER", help="whose updates are rolled out nevertheless"
    )
    verb("lift", "end a hold and start what was queued", reason=False)
    verb("freeze", "roll nothing out in the whole environment until `unfreeze`", application=False)
    verb("unfreeze", "end a freeze and start what was queued", application=False, reason=False)
    verb("approve", "approve the digest of a merge that waits for it").add_argument(
        "wanted", nargs="?", metavar="RUN|PULL_REQUEST", help="default: the only one that waits"
    )
    verb("retry", "start the newest delivery of a pull request anew", reason=False).add_argument(
        "pull_request", type=_number, metavar="PULL_REQUEST"
    )
    delivery = verb("deliver", "deliver a pull request that no webhook told of", reason=False)
    delivery.add_argument("pull_request", type=_number, metavar="PULL_REQUEST")
    delivery.add_argument(
        "--api-url", help="the forge's REST API, where it is reached otherwise from here than by pipelines"
    )
    anew = verb("rebuild", "ship what a refused merge made: build and stage it, then promote it anew", reason=False)
    anew.add_argument("pull_request", type=_number, metavar="PULL_REQUEST")
    anew.add_argument("--in", dest="source", metavar="ENVIRONMENT", help="default: the one that it promotes from")
    anew.add_argument("--in-context", metavar="CONTEXT", help="where that environment's cluster is another one")
    text = "what the cluster has otherwise than a stack declares it"
    declared = verbs.add_parser("drift", help=text, description=text)
    declared.add_argument("stack", metavar="STACK")
    declared.add_argument("--repair", action="store_true", help="replace what is otherwise by its declaration")
    doctor_arguments.add(verbs)
    init_arguments.add(verbs)
    return made


def run(given: argparse.Namespace, cluster: Cluster) -> None:
    """Run one verb."""
    if given.verb == "status":
        show(given, cluster)
        return
    if given.verb == "freeze":
        applications(cluster, given.environment)
        tell(f"{given.environment} is frozen {holds.freeze(cluster, given.environment, given.reason)}")
        return
    if given.verb == "unfreeze":
        known = applications(cluster, given.environment)
        tell(f"{given.environment} was frozen {holds.unfreeze(cluster, given.environment)}")
        for each in known:
            _started(queue.start_queued(each))
        return
    found = target(cluster, given.environment, given.application)
    match given.verb:
        case "history":
            text = json.dumps(printing.data(found), indent=2) if given.json else "\n".join(printing.lines(found))
            tell(text)
        case "why":
            about = found, given.pull_request, Masking(_warn)
            tell(json.dumps(why.data(*about), indent=2) if given.json else "\n".join(why.lines(*about)))
        case "logs":
            for text in logs.lines(found, given.pull_request, given.step, Masking(_warn)):
                tell(text)
        case "rollback":
            served = rollback.roll_back(found, given.to, given.reason, tell, unproven=given.unproven)
            tell(f"{found} serves {served.image}, commit {served.commit}, and is held: operate lift {found}")
        case "hold":
            tell(f"{found} is held {holds.take(found, tell, reason=given.reason, pull_request=given.pull_request)}")
        case "lift":
            tell(f"{found} was held {holds.lift(found, tell)}")
            _started(queue.start_queued(found))
        case "approve":
            item = approvals.approve(found, given.wanted, given.reason)
            tell(f"approved {item.digest} of #{item.pull_request} for {found}")
        case "retry":
            _started([queue.retry(found, given.pull_request)])
        case "deliver":
            _started([deliver.deliver(found, given.pull_request, given.api_url)])
        case "rebuild":
            elsewhere = Cluster(given.in_context) if given.in_context else cluster
            between, source = rebuild.way(found, given.source or rebuild.promotes_from(found), elsewhere)
            for each, promotion in rebuild.rebuild_chain(source, between, found, given.pull_request, tell):
                _started([queue.start_anew(each, promotion)])


def show(given: argparse.Namespace, cluster: Cluster) -> None:
    """Tell what runs where, once or until somebody has seen enough."""
    while True:
        read = partial(status.read, cluster, given.environments)
        found = heard(read) if given.watch else read()
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        text = json.dumps(found.data(), indent=2) if given.json else "\n".join(status.lines(found, width))
        if given.watch and width is not None:
            sys.stdout.write(_CLEAR)
        tell(text)
        if not given.watch:
            return
        sys.stdout.flush()
        time.sleep(_WATCHED)


def drifted(stack: str, *, repair: bool) -> int:
    """Tell what a stack does not have as declared. Returns the exit code: 1 if that is anything still."""
    # Only this verb runs the program, which takes the libraries of Pulumi.
    from operate import declared, drift

    declaration = declared.read(stack)
    found = drift.find(drift.connect(declaration), declaration, repair=repair)
    for each in found:
        tell(f"{'put back: ' if each.repaired else ''}{each}")
    left = sum(not each.repaired for each in found)
    tell(f"{stack}: not as declared: {left}" if left else f"{stack}: {len(declaration.objects)} objects, all as declared")
    return 1 if left else 0


def tell(text: str, file: TextIO | None = None) -> None:
    """Print what may hold what others wrote; each of them in one line."""
    print(plain(text, lines=True), file=file)


def _warn(text: str) -> None:
    tell(f"warning: {text}", file=sys.stderr)


def _started(names: Sequence[str]) -> None:
    for name in names:
        tell(f"started {name}")


def _line(text: str) -> str:
    return plain(" ".join(text.split()))


def _number(text: str) -> int:
    if not re.fullmatch("#?[1-9][0-9]{0,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a pull request")
    return int(text.removeprefix("#"))


def main(arguments: Sequence[str]) -> int:
    """Run one command. Returns the exit code."""
    given = parser().parse_args(arguments)
    try:
        if given.verb == "drift":
            return drifted(given.stack, repair=given.repair)
        if given.verb == "doctor":
            # As above: it runs the program.
            from operate.doctor import command as doctor

            return doctor.run(given, tell)
        if given.verb == "init":
            # Only this verb takes the libraries of the forges and of keys.
            from operate.init import command as init

            init.run(given, tell)
            return 0
        run(given, Cluster(given.context, given.namespace))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read it has enough, `head` for example; the interpreter would tell it once more as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OperateError as error:
        tell(f"error: {error}", file=sys.stderr)
        return 1
    except client.ApiException as error:
        tell(f"error: the cluster refuses: {_message(error)}", file=sys.stderr)
        return 1
    except urllib3.exceptions.HTTPError as error:
        tell(f"error: {kubeconfig.unanswered(error)}", file=sys.stderr)
        return 1
    return 0


def _message(error: client.ApiException) -> str:
    try:
        return plain(str(json.loads(error.body or "")["message"]))
    except (TypeError, ValueError, KeyError):
        return plain(str(error.reason))


if __name__ == "__main__":
    # A Lease is given back, and a rollback that is not ready taken back, whatever ends this.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main(sys.argv[1:]))
