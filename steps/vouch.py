"""Signs what an environment that delivers on merge has rolled out, so that the next one may: of the merge commit.

What was not rolled out is not signed: what overtook it is, by the run that rolled that out.
"""

from dataclasses import dataclass

from steps import sign
from steps.result import Outcome, log
from steps.served import Served


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    served: Served
    statement: sign.Statement
    outcome: Outcome


def run(inputs: Inputs) -> None:
    """Sign what serves."""
    outcome = inputs.outcome
    if not inputs.served.said:
        log("nothing was rolled out here, so nothing is signed")
        return
    reason = outcome.reason.read_text()
    outcome.give(f"{reason}, but it could not be signed, so that nothing is promoted from here")
    sign.sign(inputs.statement)
    outcome.give(reason)
