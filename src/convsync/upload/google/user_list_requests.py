"""Requests about lists and their members, as raw protobuf; the same for the same members. Pure.

Consent stands on the request as a whole: both uses are granted, for nobody else is ever put on a
list. Google takes names and addresses of people, too; convsync keeps none and sends none.
https://developers.google.com/data-manager/api/devguides/audiences/google-ads/customer-match/upload-data
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.ads import datamanager_v1

from convsync.model.audience import ListTerms, Member
from convsync.upload.google.data_manager_requests import RequestAccounts, add_destination

_SECONDS_A_DAY = 86_400
_GRANTED = datamanager_v1.ConsentStatus.CONSENT_GRANTED.value
_ACCEPTED = datamanager_v1.TermsOfServiceStatus.ACCEPTED.value
_HEX = datamanager_v1.Encoding.HEX.value
_CONTACT_ID = datamanager_v1.IngestedUserListInfo.UploadKeyType.CONTACT_ID.value
_FIRST_PARTY = datamanager_v1.DataSourceType.DATA_SOURCE_TYPE_FIRST_PARTY.value


def _raw(wrapped: Any) -> Any:
    return type(wrapped.pb(wrapped()))


_Ingest = _raw(datamanager_v1.IngestAudienceMembersRequest)
_Remove = _raw(datamanager_v1.RemoveAudienceMembersRequest)
_RemoveAll = _raw(datamanager_v1.RemoveAllAudienceMembersRequest)
_UserList = _raw(datamanager_v1.UserList)


def ingest_request(account: RequestAccounts, list_id: str, members: Sequence[Member]) -> Any:
    """Return the request that puts members on a list, under terms the advertiser has accepted."""
    request = _Ingest()
    request.consent.ad_user_data = _GRANTED
    request.consent.ad_personalization = _GRANTED
    request.terms_of_service.customer_match_terms_of_service_status = _ACCEPTED
    return _about(request, account, list_id, members)


def remove_request(account: RequestAccounts, list_id: str, members: Sequence[Member]) -> Any:
    """Return the request that takes members off a list; it needs no consent and no terms."""
    return _about(_Remove(), account, list_id, members)


def clear_request(account: RequestAccounts, list_id: str, before: datetime) -> Any:
    """Return the request that takes off a list whoever was last added before an instant."""
    request = _RemoveAll()
    add_destination(request, account, list_id)
    request.remove_as_of_time.FromDatetime(before)
    return request


def _about(request: Any, account: RequestAccounts, list_id: str, members: Sequence[Member]) -> Any:
    add_destination(request, account, list_id)
    request.encoding = _HEX
    for member in members:
        who = request.audience_members.add().composite_data.user_data
        for email in member.emails:
            who.user_identifiers.add().email_address = email
        for phone in member.phones:
            who.user_identifiers.add().phone_number = phone
    return request


def parent_of(account: RequestAccounts) -> str:
    """Return the resource name of the account that has the lists."""
    return _name_of(account.operating)


def headers_of(account: RequestAccounts) -> list[tuple[str, str]]:
    """Return what tells who signs in, where that is another account than the one meant.

    https://github.com/google/skills (data-manager-api-audience-ingestion)
    """
    named = (("login-account", account.login), ("linked-account", account.linked))
    return [(header, _name_of(number)) for header, number in named if number]


def _name_of(account_id: str) -> str:
    return f"accountTypes/GOOGLE_ADS/accounts/{account_id}"


def new_list(code: str, terms: ListTerms) -> Any:
    """Return a list that is yet to be made."""
    new = _with_terms(terms)
    new.integration_code = code
    new.ingested_user_list_info.upload_key_types.append(_CONTACT_ID)
    new.ingested_user_list_info.contact_id_info.data_source_type = _FIRST_PARTY
    return new


def changed_list(account: RequestAccounts, list_id: str, terms: ListTerms) -> Any:
    """Return a list with what is to be changed of it."""
    changed = _with_terms(terms)
    changed.name = f"{parent_of(account)}/userLists/{list_id}"
    return changed


CHANGED = ("display_name", "description", "membership_duration")
"""The fields that `changed_list` sets."""


def _with_terms(terms: ListTerms) -> Any:
    made = _UserList()
    made.display_name = terms.display_name
    made.description = terms.description
    made.membership_duration.seconds = terms.membership_days * _SECONDS_A_DAY
    return made
