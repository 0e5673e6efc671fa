"""What an operator decides on: an alert to take over, a shared key, learned values.

Each is what the command of the same name does, and stands in the audit log under their name.
"""

from convsync import wiring
from convsync.clock import system_clock
from convsync.decisions import allowing
from convsync.errors import OperatorError
from convsync.store import value_versions
from convsync.values.versions import accept_version
from convsync.watch import acknowledging
from convsync.web.decisions import Decision, Desk, Done
from convsync.web.visits import RefusedError


def acknowledge(desk: Desk, key: str) -> Decision:
    """Return the decision to answer for an alert."""
    company = desk.company
    _, findings = company.watch.look(company.database, company.now())
    try:
        finding = acknowledging.state_of(findings, key)
    except OperatorError as error:
        raise RefusedError(404, str(error)) from None

    def do(by: str) -> Done:
        acknowledging.acknowledge(
            company.database, findings, key, by=by, now=company.now(), real_clock=system_clock
        )
        return Done(sentence=f"Acknowledged by {by}: {finding.text}")

    return Decision(
        what="acknowledge",
        about=key,
        question=f"Take it over, so that it is not sent to anybody again? {finding.text}",
        button="Acknowledge",
        do=do,
    )


def reopen(desk: Desk, key: str) -> Decision:
    """Return the decision to take an acknowledgement back."""
    company = desk.company

    def do(by: str) -> Done:
        acknowledging.reopen(
            company.database, key, by=by, now=company.now(), real_clock=system_clock
        )
        return Done(sentence=f"{key} is open again: the next look tells it.")

    return Decision(
        what="reopen",
        about=key,
        question=f"Reopen {key}, so that it is sent again?",
        button="Reopen",
        do=do,
    )


def allow_key(desk: Desk, name: str) -> Decision:
    """Return the decision to let a key join, however many have it."""
    company, digests = desk.company, wiring.digests_of(desk.settings, name)
    with company.database.reading() as connection:
        found = allowing.joining_nobody(connection, digests)
    if found is None:
        raise RefusedError(404, "There is no such shared key.")

    def do(by: str) -> Done:
        allowing.allow(company.database, digests, by=by, now=company.now(), real_clock=system_clock)
        return Done(sentence=f"{found.name} is allowed: the next run joins by it.")

    return Decision(
        what="allow-key",
        about=found.name,
        question=(
            f"Let {found.name} link deals and clicks from the next run on, though"
            f" {allowing.shared_by(found)} share it ({found.example or 'one erased'} among them)?"
        ),
        button="Allow",
        do=do,
    )


def disallow_key(desk: Desk, name: str) -> Decision:
    """Return the decision to let a key that was allowed join nobody again."""
    company, digests = desk.company, wiring.digests_of(desk.settings, name)

    def do(by: str) -> Done:
        taken_back = allowing.disallow(
            company.database, digests, by=by, now=company.now(), real_clock=system_clock
        )
        return Done(sentence=f"{taken_back} links no records from the next run on.")

    return Decision(
        what="disallow-key",
        about=name,
        question=f"Stop {name} from linking records, from the next run on?",
        button="Disallow",
        do=do,
    )


def accept_values(desk: Desk, number: str) -> Decision:
    """Return the decision to let rules use a version of the learned values."""
    company = desk.company
    wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
    with company.database.reading() as connection:
        found = value_versions.version(connection, wanted)
    if found is None:
        raise RefusedError(404, f"There is no version {number} of the values.")

    def do(by: str) -> Done:
        accepted = accept_version(
            company.database,
            found.number,
            now=company.now(),
            by=by,
            restates=False,
            real_clock=system_clock,
        )
        return Done(
            sentence=f"Version {accepted.number} of the values is accepted: rules use it from the"
            " next run on. What is counted already keeps its value."
        )

    return Decision(
        what="accept-values",
        about=str(found.number),
        question=(
            f"Let rules use version {found.number} of the values, learned"
            f" {found.learned_at:%Y-%m-%d} by {found.learned_by}, from the next run on?"
        ),
        button="Accept",
        do=do,
    )
