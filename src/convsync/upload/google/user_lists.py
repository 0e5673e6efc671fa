"""Customer Match lists through the Data Manager API: created, found again, filled and emptied.

What shapes this adapter (https://developers.google.com/data-manager/api/devguides/audiences):

- Making a list is not repeatable, so it carries a code of ours (`integrationCode`), under which it
  is found again after an answer was lost.
- Adding somebody who is there renews their membership, and taking off somebody who is not is no
  error, so either may be repeated.
- A request is taken whole or refused whole. Where a refusal names members, the caller sends the
  others again; there is no verdict on single members, ever.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from google.ads import datamanager_v1
from google.ads.datamanager_v1.services.ingestion_service.transports import (
    IngestionServiceGrpcTransport,
)
from google.ads.datamanager_v1.services.user_list_service.transports import (
    UserListServiceGrpcTransport,
)
from google.api_core import exceptions
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.protobuf import field_mask_pb2
from requests import RequestException

from convsync.clock import system_clock
from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.model.audience import ListTerms, Member
from convsync.upload.destination import Quota
from convsync.upload.google import user_list_requests
from convsync.upload.google.credentials import (
    DATA_MANAGER_SCOPE,
    keep_fresh,
    raise_if_called_back,
    sign_in_error,
)
from convsync.upload.google.data_manager_refusals import (
    Refusal,
    asked_of,
    raise_if_not_let_in,
    raise_if_transient,
    refusal_of,
    response_json,
)
from convsync.upload.google.data_manager_requests import RequestAccounts
from convsync.upload.google.server_clock import note_time
from convsync.upload.google.user_list_codes import STOPS, explain
from convsync.upload.google.user_list_status import members_verdict
from convsync.upload.member_lists import Faulty, MembersVerdict, Taken

MAX_MEMBERS = 10_000
Answer = TypeVar("Answer")


class UserLists:
    """The lists of one ad account, over a channel and a session that are its destination's."""

    max_members = MAX_MEMBERS

    def __init__(
        self,
        name: str,
        account: RequestAccounts,
        credentials: Credentials,
        *,
        channel: Any,
        session: AuthorizedSession,
        rest_endpoint: str,
        timeout: timedelta,
        upload_quota: Quota,
        status_quota: Quota,
    ) -> None:
        self.name = name
        self.upload_quota = upload_quota
        self.status_quota = status_quota
        self._account = account
        self._credentials = credentials
        self._session = session
        self._status_url = f"{rest_endpoint}/v1/requestStatus:retrieve"
        self._timeout_s = timeout.total_seconds()
        self._members = datamanager_v1.IngestionServiceClient(
            transport=IngestionServiceGrpcTransport(channel=channel)
        )
        self._lists = datamanager_v1.UserListServiceClient(
            transport=UserListServiceGrpcTransport(channel=channel)
        )

    def find(self, code: str, *, now: datetime) -> str | None:
        """Return the number of the list that has our code; see MemberLists."""
        request = datamanager_v1.ListUserListsRequest(
            parent=user_list_requests.parent_of(self._account),
            filter=f'integration_code = "{code}"',
        )
        about = f"{self.name} did not say which lists there are"
        found = self._listed(
            lambda: [*self._lists.list_user_lists(request, **self._how)], about, now
        )
        return str(found[0].id) if found else None

    def make(self, code: str, terms: ListTerms, *, now: datetime) -> str:
        """Make a list of people known by e-mail and phone; see MemberLists."""
        request = datamanager_v1.CreateUserListRequest(
            parent=user_list_requests.parent_of(self._account),
            user_list=datamanager_v1.UserList.wrap(user_list_requests.new_list(code, terms)),
        )
        about = f'{self.name} did not make the list "{terms.display_name}"'
        made = self._listed(lambda: self._lists.create_user_list(request, **self._how), about, now)
        return str(made.id)

    def change(self, list_id: str, terms: ListTerms, *, now: datetime) -> None:
        """Give a list other terms; see MemberLists."""
        changed = user_list_requests.changed_list(self._account, list_id, terms)
        request = datamanager_v1.UpdateUserListRequest(
            user_list=datamanager_v1.UserList.wrap(changed),
            update_mask=field_mask_pb2.FieldMask(paths=user_list_requests.CHANGED),
        )
        about = f'{self.name} did not change the list "{terms.display_name}"'
        self._listed(lambda: self._lists.update_user_list(request, **self._how), about, now)

    def add(self, list_id: str, members: Sequence[Member], *, now: datetime) -> Taken | Faulty:
        """Put members on a list who agreed to both uses of their data; see MemberLists."""
        raw = user_list_requests.ingest_request(self._account, list_id, members)
        request = datamanager_v1.IngestAudienceMembersRequest.wrap(raw)
        about = f"{self.name} took no members for list {list_id}"
        return self._changed(
            lambda: self._members.ingest_audience_members(
                request=request, retry=None, timeout=self._timeout_s
            ),
            about,
            now,
        )

    def remove(self, list_id: str, members: Sequence[Member], *, now: datetime) -> Taken | Faulty:
        """Take members off a list; see MemberLists."""
        raw = user_list_requests.remove_request(self._account, list_id, members)
        request = datamanager_v1.RemoveAudienceMembersRequest.wrap(raw)
        about = f"{self.name} took no members off list {list_id}"
        return self._changed(
            lambda: self._members.remove_audience_members(
                request=request, retry=None, timeout=self._timeout_s
            ),
            about,
            now,
        )

    def clear(self, list_id: str, before: datetime, *, now: datetime) -> None:
        """Take everybody off a list who was last added before an instant; see MemberLists."""
        raw = user_list_requests.clear_request(self._account, list_id, before)
        request = datamanager_v1.RemoveAllAudienceMembersRequest.wrap(raw)
        self._listed(
            lambda: self._members.remove_all_audience_members(
                request=request, retry=None, timeout=self._timeout_s
            ),
            f"{self.name} did not clear list {list_id}",
            now,
        )

    def verdict(self, request_id: str, *, now: datetime) -> MembersVerdict:
        """Ask what became of a request; see MemberLists."""
        sent_at = system_clock()
        try:
            response = self._session.get(
                self._status_url, params={"requestId": request_id}, timeout=self._timeout_s
            )
        except GoogleAuthError as error:
            raise sign_in_error(self.name, DATA_MANAGER_SCOPE, error) from error
        except RequestException as error:
            what = type(error).__name__
            raise TransientError(
                f"{self.name} returned no status for {request_id}: {what}."
            ) from error
        note_time(response, sent_at)
        body = response_json(response, self.name)
        return members_verdict(body, response.status_code, request_id)

    def explain(self, code: str) -> str:
        """Return what to do about a code; see MemberLists."""
        return explain(code)

    @property
    def _how(self) -> Mapping[str, Any]:
        return {
            "retry": None,
            "timeout": self._timeout_s,
            "metadata": user_list_requests.headers_of(self._account),
        }

    def _listed(self, call: Callable[[], Answer], about: str, now: datetime) -> Answer:
        """Make a call about lists; a refusal that names a member makes no sense here."""
        answer = self._called(call, about, now)
        if isinstance(answer, Refusal):
            raise _senseless(answer, about)
        return answer

    def _changed(self, call: Callable[[], Any], about: str, now: datetime) -> Taken | Faulty:
        answer = self._called(call, about, now)
        if isinstance(answer, Refusal):
            if not answer.named:
                raise _senseless(answer, about)
            return Faulty(codes=answer.named)
        if not answer.request_id:
            raise TransientError(f"{about}: the answer has no request ID.")
        return Taken(request_id=str(answer.request_id))

    def _called(self, call: Callable[[], Answer], about: str, now: datetime) -> Answer | Refusal:
        """Make a call; return what it gives, or a refusal that a person can do nothing about."""
        is_new = keep_fresh(self._credentials, self.name, DATA_MANAGER_SCOPE)
        try:
            return call()
        except GoogleAuthError as error:
            raise sign_in_error(self.name, DATA_MANAGER_SCOPE, error) from error
        except exceptions.GoogleAPICallError as error:
            if isinstance(error, exceptions.Unauthorized):
                raise_if_called_back(self._credentials, self.name, is_new=is_new)
            refusal = refusal_of(error)
        raise_if_transient(refusal, about, now)
        for code in sorted({*refusal.elsewhere, *refusal.named.values(), refusal.reason}):
            if fix := STOPS.get(code):
                raise OperatorError(f"{about}: {code}{asked_of(refusal)}. {fix}")
        raise_if_not_let_in(refusal, about)
        return refusal


def _senseless(refusal: Refusal, about: str) -> UnexpectedResponseError:
    codes = ", ".join(sorted({*refusal.elsewhere, *refusal.named.values()})) or refusal.reason
    return UnexpectedResponseError(
        f"{about}: {codes or 'no reason given'}{asked_of(refusal)}. Tell convsync's authors."
    )
