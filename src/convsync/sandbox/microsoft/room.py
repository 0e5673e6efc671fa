"""Microsoft's Campaign Management API over REST: its offline conversions, goals and reports.

A request is taken for the rows that nothing is wrong with. What is not documented is read strictly:
a field nobody knows refuses the request, a repeat without a click counts again, and what became of
a row shows in the reports after six hours.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from convsync.sandbox.microsoft.account import MicrosoftState, SandboxClick, SandboxGoal
from convsync.sandbox.microsoft.books import ACCOUNT_MISMATCH, HeardCall, MicrosoftBooks
from convsync.sandbox.microsoft.row_faults import (
    ADJUSTMENT_FIELDS,
    CONVERSION_FIELDS,
    Fault,
    Looked,
    adjustment_faults,
    conversion_faults,
)
from convsync.sandbox.microsoft.sign_in import MicrosoftSignIn
from convsync.sandbox.room import House, Json
from convsync.sandbox.trouble import NoAnswer, Trouble

PATH = "/CampaignManagement/v13"
CONVERSIONS, ADJUSTMENTS, READS = (
    "microsoft_conversions",
    "microsoft_adjustments",
    "microsoft_reads",
)
MOST_ROWS = 1_000
SHOWN_AFTER = timedelta(hours=6)
_HEADERS = ("Authorization", "DeveloperToken", "CustomerId", "CustomerAccountId")
_A_MINUTE = timedelta(minutes=1)

_CODES: Mapping[str, tuple[int, int]] = {
    "InternalError": (0, 500),
    "NullRequest": (100, 400),
    "InvalidCredentials": (105, 401),
    "UserIsNotAuthorized": (106, 403),
    "AuthenticationTokenExpired": (109, 401),
    "RequestMissingHeaders": (116, 400),
    "CallRateExceeded": (117, 400),
    "OfflineConversionsNullOrEmpty": (5600, 400),
    "OfflineConversionBatchSizeExceedsLimit": (5601, 400),
}
"""The number and the status with which a request is refused whole."""
_TOLD: Mapping[grpc.StatusCode, str] = {
    grpc.StatusCode.UNAVAILABLE: "InternalError",
    grpc.StatusCode.INTERNAL: "InternalError",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "CallRateExceeded",
    grpc.StatusCode.UNAUTHENTICATED: "AuthenticationTokenExpired",
    grpc.StatusCode.PERMISSION_DENIED: "UserIsNotAuthorized",
}
"""How Microsoft tells of trouble."""


class RefusedByMicrosoft(Exception):  # noqa: N818 - an answer, not a failure of the sandbox
    """A request that is refused whole."""

    def __init__(self, code: str, retry_after: timedelta | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after


class MicrosoftRoom:
    """The room; see Room."""

    calls: Sequence[str] = (CONVERSIONS, ADJUSTMENTS, READS, "microsoft_token")

    def __init__(self, house: House) -> None:
        self._house = house
        self.books = MicrosoftBooks()
        self.state = MicrosoftState()
        self.sign_in = MicrosoftSignIn(house)
        self._recent: deque[datetime] = deque()

    def routes(self) -> Sequence[Route]:
        """Return the operations, and the sign-in."""
        served = {
            "OfflineConversions/Apply": (CONVERSIONS, self._apply),
            "OfflineConversionAdjustments/Apply": (ADJUSTMENTS, self._adjust),
            "ConversionGoals/QueryByIds": (READS, self._goals),
            "OfflineConversionReport/QueryByGoalIds": (READS, self._report),
        }
        return [
            *self.sign_in.routes(),
            *(
                Route(f"{PATH}/{name}", self._served(name, call, answer), methods=["POST"])
                for name, (call, answer) in served.items()
            ),
        ]

    def readers(self) -> Mapping[str, Callable[[], Json]]:
        """Return what can be read."""
        return {"books": self.books.as_json}

    def switches(self) -> Mapping[str, Callable[[Json], Json]]:
        """Return what can be set."""
        return {
            "goals": self.set_goals,
            "clicks": self.set_clicks,
            "accounts": self.set_accounts,
            "refusals": self.set_refusals,
            "rate": self.set_rate,
            "tokens": self.set_tokens,
        }

    def reset(self) -> None:
        """Be as at the start."""
        self.books.clear()
        self.state = MicrosoftState()
        self.sign_in.clear()
        self._recent.clear()

    def set_goals(self, body: Json) -> Json:
        """Let these goals exist and no others; [] any: [{"name": "Sale", "id": "7"}]."""
        self.state.goals = {goal["name"]: SandboxGoal.from_json(goal) for goal in body}
        return {"goals": len(self.state.goals)}

    def set_clicks(self, body: Json) -> Json:
        """Know when these were clicked: {"<msclkid>": "2026-01-01T09:00:00Z"}."""
        self.state.clicks = {name: SandboxClick.from_json(click) for name, click in body.items()}
        return {"clicks": len(self.state.clicks)}

    def set_accounts(self, body: Json) -> Json:
        """Let these ad accounts exist and no others; [] any: ["1234567"]."""
        self.state.accounts = frozenset(map(str, body))
        return {"accounts": sorted(self.state.accounts)}

    def set_refusals(self, body: Json) -> Json:
        """Refuse rows of these IDs: {"<msclkid or hash>": "OfflineConversionValueInvalid"}."""
        self.state.refusals = {str(name): str(code) for name, code in body.items()}
        return {"refusals": len(self.state.refusals)}

    def set_rate(self, body: Json) -> Json:
        """Take so many calls in sixty seconds, null for any number: {"calls": 10}."""
        self.state.calls_a_minute = body["calls"]
        return {"calls": self.state.calls_a_minute}

    def set_tokens(self, body: Json) -> Json:
        """End access tokens, refuse new ones, or take none but the newest: {"expire": true}."""
        self.sign_in.is_refusing = bool(body.get("refuse"))
        self.sign_in.takes_newest_only = bool(body.get("newest_only"))
        return {"expired": self.sign_in.expire() if body.get("expire") else 0}

    def _served(
        self, name: str, call: str, answer: Callable[[str, Any], Json]
    ) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> JSONResponse:
            try:
                body = await request.json()
            except ValueError:
                body = None
            return await run_in_threadpool(self._answered, name, call, answer, request, body)

        return endpoint

    def _answered(
        self,
        name: str,
        call: str,
        answer: Callable[[str, Any], Json],
        request: Request,
        body: Any,
    ) -> JSONResponse:
        tracking = str(uuid4())
        rows = next((len(one) for one in (body or {}).values() if isinstance(one, list)), 0)
        result = "200"
        try:
            with self._house.faults.around(call):
                told = self._let_in(request, answer, body)
        except NoAnswer:
            raise
        except (RefusedByMicrosoft, Trouble) as trouble:
            refused = trouble if isinstance(trouble, RefusedByMicrosoft) else _in_words_of(trouble)
            result = refused.code
            return _refusal(refused, tracking)
        finally:
            now = self._house.clock.now()
            self.books.note(HeardCall(at=now, operation=name, rows=rows, result=result))
        return JSONResponse(told, headers={"TrackingId": tracking})

    def _let_in(self, request: Request, answer: Callable[[str, Any], Json], body: Any) -> Json:
        headers = {name: request.headers.get(name, "") for name in _HEADERS}
        if not all(headers.values()):
            raise RefusedByMicrosoft("RequestMissingHeaders")
        if code := self.sign_in.is_good(headers["Authorization"]):
            raise RefusedByMicrosoft(code)
        known = self.state.developer_tokens
        if known and headers["DeveloperToken"] not in known:
            raise RefusedByMicrosoft("InvalidCredentials")
        account = headers["CustomerAccountId"]
        if self.state.accounts and account not in self.state.accounts:
            raise RefusedByMicrosoft("UserIsNotAuthorized")
        self._take_a_call()
        if not isinstance(body, dict):
            raise RefusedByMicrosoft("NullRequest")
        return answer(account, body)

    def _take_a_call(self) -> None:
        now, most = self._house.clock.now(), self.state.calls_a_minute
        while self._recent and not self._recent[0] <= now < self._recent[0] + _A_MINUTE:
            self._recent.popleft()
        if most is not None and len(self._recent) >= most:
            raise RefusedByMicrosoft("CallRateExceeded")
        self._recent.append(now)

    def _apply(self, account: str, body: Mapping[str, Any]) -> Json:
        rows = _rows_of(body, "OfflineConversions", CONVERSION_FIELDS)
        now = self._house.clock.now()
        errors: list[Json] = []
        with self.books.lock:
            for index, row in enumerate(rows):
                looked = Looked(row=row, state=self.state, now=now)
                if found := conversion_faults(looked):
                    errors += [_partial(fault, index) for fault in found]
                    continue
                goal = looked.goal
                once = goal is not None and goal.count_type == "Unique"
                why = self._unattributed(account, row)
                self.books.count(account, row, now, once_a_click=once, why=why)
        return {"PartialErrors": errors}

    def _adjust(self, account: str, body: Mapping[str, Any]) -> Json:
        rows = _rows_of(body, "OfflineConversionAdjustments", ADJUSTMENT_FIELDS)
        now = self._house.clock.now()
        errors: list[Json] = []
        with self.books.lock:
            for index, row in enumerate(rows):
                if found := adjustment_faults(Looked(row=row, state=self.state, now=now)):
                    errors += [_partial(fault, index) for fault in found]
                else:
                    self.books.adjust(account, row, now)
        return {"PartialErrors": errors or None}

    def _unattributed(self, account: str, row: Mapping[str, Any]) -> str:
        click = self.state.clicks.get(str(row.get("MicrosoftClickId")))
        is_elsewhere = click is not None and click.account not in {"", account}
        return ACCOUNT_MISMATCH if is_elsewhere else ""

    def _goals(self, _account: str, body: Mapping[str, Any]) -> Json:
        wanted = body.get("ConversionGoalTypes")
        goals = [goal.as_json() for goal in self.state.goals.values() if goal.type == wanted]
        return {"ConversionGoals": goals, "PartialErrors": []}

    def _report(self, account: str, body: Mapping[str, Any]) -> Json:
        now, ids = self._house.clock.now(), {str(one) for one in body.get("GoalIds") or ()}
        named = {goal.name for goal in self.state.goals.values() if goal.id in ids}
        arrived = [
            one
            for one in self.books.arrived
            if one.account == account and one.goal in named and now - one.at >= SHOWN_AFTER
        ]
        summaries = []
        for name in sorted(named):
            of_goal = [one for one in arrived if one.goal == name]
            alerts = Counter(one.unattributed for one in of_goal if one.unattributed)
            days = Counter((one.at.date().isoformat(), bool(one.unattributed)) for one in of_goal)
            summaries.append(
                {
                    "ConversionName": name,
                    "OverallSuccessCount": str(len(of_goal) - alerts.total()),
                    "OverallUnattributedCount": str(alerts.total()),
                    "OverallAlerts": [
                        {"UnattributedReason": why, "Count": count} for why, count in alerts.items()
                    ],
                    "DailySummaries": [
                        {
                            "UploadDate": day,
                            "SuccessCount": days[day, False],
                            "UnattributedCount": str(days[day, True]),
                        }
                        for day in sorted({day for day, _ in days})
                    ],
                }
            )
        return {"OfflineGoalConversionSummaries": summaries, "PartialErrors": []}


def _rows_of(
    body: Mapping[str, Any], key: str, fields: frozenset[str]
) -> Sequence[Mapping[str, Any]]:
    rows = body.get(key)
    if set(body) != {key}:
        raise RefusedByMicrosoft("NullRequest")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise RefusedByMicrosoft("OfflineConversionsNullOrEmpty")
    if len(rows) > MOST_ROWS:
        raise RefusedByMicrosoft("OfflineConversionBatchSizeExceedsLimit")
    if any(set(row) - fields for row in rows):
        raise RefusedByMicrosoft("NullRequest")
    return rows


def _partial(fault: Fault, index: int) -> Json:
    """Return an error about a row; without a `Type`, as some come."""
    return {
        "Code": fault.number,
        "ErrorCode": fault.code,
        "Message": f"The row is refused: {fault.code}.",
        "Details": None,
        "FieldPath": None,
        "Index": index,
        "ForwardCompatibilityMap": None,
    }


def _in_words_of(trouble: Trouble) -> RefusedByMicrosoft:
    code = trouble.error or _TOLD[trouble.code]
    return RefusedByMicrosoft(code, trouble.retry_after)


def _refusal(refused: RefusedByMicrosoft, tracking: str) -> JSONResponse:
    number, status = _CODES.get(refused.code, (0, 400))
    error = {"Code": number, "ErrorCode": refused.code, "Message": refused.code}
    if status in {401, 403}:
        body = {"TrackingId": tracking, "Type": "AdApiFaultDetail", "Errors": [error]}
    else:
        body = {"TrackingId": tracking, "Type": "ApiFaultDetail", "OperationErrors": [error]}
    wait = refused.retry_after
    headers = {} if wait is None else {"Retry-After": f"{wait.total_seconds():.0f}"}
    return JSONResponse(body, status_code=status, headers={"TrackingId": tracking, **headers})
