"""Plays a month: people work, nights go wrong, and every morning somebody checks everything.

Commands are typed as an operator's timer types them, each in a process of its own. What a morning
should show is worked out from the script, the CRM's cells and the platform's books; what convsync
says of itself is only ever compared with that.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Self

from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.server import Sandbox
from tests.month.books import Books, Evening, Tables
from tests.month.expected import Alerts
from tests.month.morning import Morning
from tests.month.script import AGAIN, AT_LAST, BEGINS, MISTAKES, WATCHMAN, ZONE, Mistake, Night
from tests.month.truth import Truth
from tests.month.typist import Typed, Typist
from tests.month.webhook import taken_from
from tests.nights.company import Company

_WATCHED = """
[schedule]
at = "02:00"

[retry]
first_wait_s = 0
longest_wait_s = 0

[alerts]
read_within_hours = 60

[alerts.expires]
"the sandbox's token" = {token_ends}
"""
_TOKEN_LASTS = timedelta(days=20)
"""After its first night's; it is renewed the day before it would end."""


_REJECTED_SHARE, _HABIT = 0.05, 7


@dataclass(slots=True, kw_only=True)
class Month:
    """A company for a month, and what was not as it should be: `wrong`, a line each."""

    company: Company
    sandbox: Sandbox
    typist: Typist
    alerts: Alerts
    truth: Truth = field(default_factory=Truth)
    wrong: list[str] = field(default_factory=list)
    mornings: list[Morning] = field(default_factory=list)
    _head: str = ""

    @classmethod
    @contextmanager
    def begun(cls, folder: Path, sandbox: Sandbox, ledger: str, first: Night) -> Iterator[Self]:
        """Yield a company before its first night."""
        company = Company.founded(folder, sandbox, ledger)
        address = sandbox.http_url.removeprefix("http://")
        variables = {
            "CONVSYNC_ALERTS__URLS": f"json://{address}/webhook",
            "CONVSYNC_ALERTS__PING_URL": f"{sandbox.http_url}/ping",
            "CONVSYNC_CONFIG": str(folder / "convsync.toml"),
        }
        ends = first.due.astimezone(ZONE).date() + _TOKEN_LASTS
        typist = Typist(folder=folder, variables=variables)
        try:
            yield cls(
                company=company, sandbox=sandbox, typist=typist, alerts=Alerts(token_ends=ends)
            )
        finally:
            typist.close()
            company.close()

    def ends(self) -> None:
        """Compare what `runs` tells of each night with what the night came to."""
        listed = self.typist.types("runs", "--last", "1000", "--format", "json").out
        rows = {row["run"]: row for row in json.loads(listed)}
        for morning in self.mornings:
            row = rows.get(morning.run_id, {})
            told = (row.get("state"), row.get("sent"), row.get("value", {}).get("EUR", "0"))
            should = morning.should_say
            is_so = told[:2] == (should.ending, should.counts["sent"])
            is_so &= Decimal(told[2]) == should.value
            self._require(morning.night, is_so, f"runs tells {told}, and should tell {should}")
        killed = sum(row["state"] == "KILLED" for row in rows.values())
        is_so = killed == len(self.mornings)
        self._require(self.mornings[-1].night, is_so, f"runs tells of {killed} that were killed")

    def story(self) -> str:
        """Return what `runs` shows of the whole month."""
        return self.typist.types("runs", "--last", str(4 * len(self.mornings))).out

    def line_of(self, night: Night) -> str:
        """Return the night that was played last as a line: what happened, and what people heard."""
        heard = ", ".join([*self.alerts.new, *(f"{state} is over" for state in self.alerts.ended)])
        if night.is_missed:
            return f"{_day(night)}  nothing ran. Told: {heard}"
        fault = "the platform is gone" if night.is_gone else night.fault
        return (
            f"{_day(night)}  {night.mistake}; killed at step {night.killed_at}; {fault}."
            f" {self.mornings[-1].ended.last_line.partition(' · head')[0]}. Told: {heard}"
        )

    def plays(self, night: Night) -> None:
        """Live through a night, from the evening before to the morning after."""
        self.alerts.begin()
        self.truth.edit(night.edits, night)
        self.sandbox.platform.verdicts.update(night.verdicts)
        if self.alerts.token_ends - night.due.astimezone(ZONE).date() <= timedelta(days=1):
            self.alerts.token_ends += timedelta(days=365)
        self._configure()
        if night.is_missed:
            self._missed(night)
            return
        evening = Evening(books=Books.of(self.sandbox), tables=Tables.of(self.company))
        if night.is_gone:
            self.sandbox.platform.faults.add(
                PlannedFault(on="ingest", every=1, kind="unavailable_before")
            )
        troubles = [self._mistaken, self._killed]
        for trouble, begins in zip(
            reversed(troubles) if night.is_killed_first else troubles, (BEGINS, AGAIN), strict=True
        ):
            trouble(night, night.due + begins)
        self._at_last(night, evening)
        self.sandbox.platform.faults.clear()

    # The runs of a night

    def _mistaken(self, night: Night, at: datetime) -> None:
        """Run with a wrong setting, which says what is wrong; then set it right."""
        wrong = MISTAKES[night.mistake]
        if night.mistake is Mistake.EMPTY_EXPORT:
            self.company.deals = {}
            self.company.export()
        else:
            was, becomes = (
                text.replace("LEDGER", f'"{self.company.ledger}"')
                for text in (wrong.was, wrong.becomes)
            )
            self._configure((was, becomes))
        ended = self._run(at)
        self._require(night, ended.code == wrong.exit_code, f"{night.mistake}: ended {ended.code}")
        is_said = wrong.says in ended.err
        self._require(night, is_said, f"{night.mistake}: {wrong.says!r} is not in {ended.err!r}")
        self.alerts.tell_of_mistake(night)
        self._configure()

    def _killed(self, night: Night, at: datetime) -> None:
        """Kill a run; whoever looks on another machine tells of it."""
        ended = self._run(at, killed_at=night.killed_at)
        is_killed = ended.code is None
        self._require(night, is_killed, f"it was to be killed, and ended {ended.code}: {ended.out}")
        looked = self._types("alerts", "check", at=at + WATCHMAN)
        self._require(night, looked.code == 0, f"alerts check ended {looked.code}: {looked.err}")
        self.alerts.look(self.alerts.known | {"failed"})

    def _at_last(self, night: Night, evening: Evening) -> None:
        """Run to the end past a fault of the platform, and check everything."""
        at = night.due + AT_LAST
        if not night.is_gone:
            self.sandbox.platform.faults.add(
                PlannedFault(on="ingest", request=1, kind=night.fault, seconds=0)
            )
        before, earlier = Books.of(self.sandbox), Tables.of(self.company)
        ended = self._run(at)
        self.truth.is_read()
        if not night.is_gone:
            self.truth.is_sent()
        morning = Morning(
            night=night,
            ended=ended,
            evening=evening,
            before=before,
            after=Books.of(self.sandbox),
            earlier=earlier,
            truth=self.truth,
        )
        self._check(morning, at)

    def _missed(self, night: Night) -> None:
        """Let nothing run: whoever looks on another machine tells of it."""
        looked = self._types("alerts", "check", at=night.due + timedelta(hours=2))
        self._require(night, looked.code == 0, f"alerts check ended {looked.code}: {looked.err}")
        self.alerts.look(self.alerts.known | {"missed", "unconfirmed"})
        self._check_alerts(night)

    # The morning

    def _check(self, morning: Morning, at: datetime) -> None:
        night = morning.night
        verify = ["audit", "verify", *(["--head", self._head] if self._head else [])]
        verified = self._types(*verify)
        self._require(night, verified.code == 0, f"audit verify: {verified.out} {verified.err}")
        self._head = morning.head
        status = self._types("status", "--format", "json", at=at)
        account = json.loads(status.out)["account"]
        self.wrong += [self._on(night, problem) for problem in morning.problems(account)]
        self.mornings.append(morning)
        self.alerts.look(self._states(morning))
        self._check_alerts(night)

    def _states(self, morning: Morning) -> set[str]:
        """Return all that is wrong this morning."""
        states = self.alerts.lasting(morning.night, len(self.truth.unreadable))
        heard, rejected = morning.evening.heard, morning.evening.rejected
        if len(rejected) > _REJECTED_SHARE * len(heard):
            states.add("rejected")
        sent = [bool(one.tonight) for one in self.mornings[:-1]]
        is_usual = sum(sent) >= _HABIT and sent.count(False) <= len(sent) // 20
        if is_usual and not morning.tonight:
            states.add("nothing_sent")
        if morning.night.is_gone and not states:
            states.add("left_undone")
        return states

    def _check_alerts(self, night: Night) -> None:
        heard = taken_from(self.sandbox)
        for what, told, expected in (
            ("new", heard.new, self.alerts.new),
            ("over", heard.ended, self.alerts.ended),
        ):
            is_so = told == expected
            self._require(night, is_so, f"told as {what}: {dict(told)}, not {dict(expected)}")
        is_so = not heard.strange
        self._require(night, is_so, f"told, and nobody expected it: {heard.strange}")

    def _require(self, night: Night, is_so: bool, otherwise: str) -> None:
        if not is_so:
            self.wrong.append(self._on(night, otherwise))

    def _on(self, night: Night, problem: str) -> str:
        return f"{_day(night)}: {problem}"

    # What is typed

    def _run(self, at: datetime, *, killed_at: int | None = None) -> Typed:
        return self._types("run", at=at, killed_at=killed_at)

    def _types(
        self, *words: str, at: datetime | None = None, killed_at: int | None = None
    ) -> Typed:
        if at is None:
            return self.typist.types(*words)
        self.sandbox.platform.clock.set(at)
        return self.typist.types(*words, "--as-of", at.isoformat(), killed_at=killed_at)

    def _configure(self, *changes: tuple[str, str]) -> None:
        """Write the config, and export the CRM as it is."""
        more = _WATCHED.format(token_ends=self.alerts.token_ends.isoformat())
        self.company.configure(*changes, more=more)
        self.company.deals = self.truth.rows
        self.company.export()


def _day(night: Night) -> str:
    return f"{night.due.astimezone(ZONE):%d %B}"
