"""`python -m operate doctor`: one area after another, what is going on meanwhile, and in the end the table."""

import argparse
import itertools
import json
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus

from components.conventions import plain
from offline.needs.values import Needs
from operate.doctor import (
    cluster,
    forge,
    git,
    held,
    named,
    network,
    objects,
    pods,
    registry,
    rights,
    rows,
    stack,
    tekton,
    webhook,
)
from operate.doctor.api import Api, NoClusterError, RefusedError
from operate.doctor.arguments import AREAS
from operate.doctor.http import Http, NoAnswerError
from operate.doctor.named import Revealed
from operate.doctor.namespace import Throwaway
from operate.doctor.rows import Row, unknown, wrong

_CLUSTER = ("cluster", "rights", "objects", "tekton", "pods", "network", "secrets")
_PROBES = ("pods", "network")


@dataclass(frozen=True)
class Examination:
    """What is looked at, and from where."""

    needs: Needs
    http: Http

    @property
    def api(self) -> Api:
        """The cluster, which is asked once whether it answers. Raises NoClusterError."""
        if isinstance(self._asked, NoClusterError):
            raise self._asked
        return self._asked

    @cached_property
    def _asked(self) -> Api | NoClusterError:
        try:
            made = Api(self.needs)
            made.get("/version")
        except NoClusterError as error:
            return error
        except RefusedError as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise
            return NoClusterError(f"{made.where} does not know who asks (401 {error})")
        return made

    def of(self, area: str) -> Iterator[Row]:
        """Yield what there is to say of an area."""
        match area:
            case "registry":
                return registry.rows(self._revealed.needs, self.http)
            case "forge":
                return forge.rows(self._revealed.needs, self.http)
            case "git":
                return git.rows(self._revealed.needs, self.http)
            case "webhook":
                return webhook.rows(self._revealed.needs, self._api_if_any(), self.http)
            case "secrets":
                return itertools.chain(held.rows(self.needs, self.api), self._revealed.rows)
            case "pods" | "network":
                return self._probed(area)
        looks = {"cluster": cluster.rows, "rights": rights.rows, "objects": objects.rows, "tekton": tekton.rows}
        return looks[area](self.needs, self.api)

    def _probed(self, area: str) -> Iterator[Row]:
        probe = {"pods": pods.rows, "network": network.rows}[area]
        try:
            with Throwaway(self.needs, self.api) as namespace:
                # Not while somebody has the rows: whatever ends this, the namespace is gone first.
                found = list(probe(self.needs, namespace))
        except RefusedError as error:
            found = [unknown("a namespace to try pods in", str(error), "`--no-probes` leaves this out")]
        yield from found

    def _api_if_any(self) -> Api | None:
        try:
            return self.api
        except (NoClusterError, RefusedError):
            return None

    @cached_property
    def _revealed(self) -> Revealed:
        """What is needed, with the secrets that lie on the cluster, as far as who asks may read them."""
        api = self._api_if_any() if self.needs.named else None
        try:
            return named.read(self.needs, api) if api else Revealed(self.needs, [])
        except NoClusterError:
            return Revealed(self.needs, [])


def examine(given: argparse.Namespace, tell: Callable[[str], None]) -> list[Row]:
    """Return what there is to say of a stack, area by area."""
    needs, found = stack.load(given.stack, given.config_file)
    found = [replace(row, area="settings") for row in found]
    if needs is None:
        return found
    try:
        http = Http(dict(given.resolve), needs.ca_bundle)
    except ssl.SSLError as error:
        return [*found, replace(wrong("caBundle", str(error), "PEM certificates in `caBundle`"), area="settings")]
    examination, silent = Examination(needs, http), False
    for area in [each for each in AREAS[1:] if each in (given.only or AREAS)]:
        if (given.no_probes and area in _PROBES) or (silent and area in _CLUSTER):
            continue
        begun, made = time.monotonic(), list[Row]()
        try:
            for row in examination.of(area):
                made.append(row)
                tell(f"{area}: {row.what}")
        except NoClusterError as error:
            silent = True
            made.append(
                wrong("the cluster answers", str(error), "`cluster.kubeconfig` and `cluster.context`, or $KUBECONFIG")
            )
        except (RefusedError, NoAnswerError) as error:
            made.append(unknown(f"the rest of {area}", str(error)))
        tell(f"{area}: {len(made)} looked at ({time.monotonic() - begun:.1f} s)")
        found += [replace(row, area=area) for row in made]
    return found


def run(given: argparse.Namespace, tell: Callable[[str], None]) -> int:
    """Look, and tell what was found. Returns the exit code: 1 if anything is wrong."""
    live = sys.stderr.isatty()

    def progress(text: str) -> None:
        if live:
            sys.stderr.write(f"\r\033[K{plain(text)[:100]}")
            sys.stderr.flush()

    try:
        found = examine(given, progress)
    finally:
        if live:
            sys.stderr.write("\r\033[K")
    if given.json:
        tell(json.dumps(rows.data(given.stack, found), indent=2))
    else:
        tell("\n".join(rows.lines(given.stack, found)))
    return 1 if any(row.state == "wrong" for row in found) else 0
