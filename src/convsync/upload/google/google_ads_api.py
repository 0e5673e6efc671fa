"""The Google Ads API's own messages and service clients, and whose account a request is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import grpc

from convsync.model.consent import ConsentStatus
from convsync.model.customer import CustomerType
from convsync.model.statement import Operation

HOST = "googleads.googleapis.com"
VERSION = "v26"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The ad accounts of a request, as digits: whose conversions they are, and who signs in.

    `variables` are the numbers of the account's custom variables by name. A developer token has
    been ignored since 2026-09-09 and is passed on only where there is one.
    """

    customer_id: str
    login_customer_id: str | None = None
    linked_customer_id: str | None = None
    developer_token: str | None = field(default=None, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Return the metadata that every request carries."""
        named = {
            "login-customer-id": self.login_customer_id,
            "linked-customer-id": self.linked_customer_id,
            "developer-token": self.developer_token,
        }
        return [(name, value) for name, value in named.items() if value]


class Api:
    """The raw messages and the service clients of one version of the API."""

    def __init__(self, version: str = VERSION) -> None:
        package = f"google.ads.googleads.{version}"
        uploads = import_module(f"{package}.services.types.conversion_upload_service")
        adjustments = import_module(
            f"{package}.services.types.conversion_adjustment_upload_service"
        )
        errors = import_module(f"{package}.errors.types.errors")
        adjustment = import_module(f"{package}.enums.types.conversion_adjustment_type")
        consent = import_module(f"{package}.enums.types.consent_status")
        customer = import_module(f"{package}.enums.types.conversion_customer_type")
        self.version = version
        self.UploadRequest = uploads.UploadClickConversionsRequest
        self.AdjustmentsRequest = adjustments.UploadConversionAdjustmentsRequest
        self.raw_upload_request = raw_class(self.UploadRequest)
        self.raw_adjustments_request = raw_class(self.AdjustmentsRequest)
        self.failure = raw_class(errors.GoogleAdsFailure)
        self.failure_key = f"{package}.errors.googleadsfailure-bin"
        kinds = adjustment.ConversionAdjustmentTypeEnum.ConversionAdjustmentType
        self.adjustment_type = {
            Operation.RESTATE: kinds.RESTATEMENT.value,
            Operation.RETRACT: kinds.RETRACTION.value,
        }
        statuses = consent.ConsentStatusEnum.ConsentStatus
        self.consent = {
            ConsentStatus.GRANTED: statuses.GRANTED.value,
            ConsentStatus.DENIED: statuses.DENIED.value,
        }
        types = customer.ConversionCustomerTypeEnum.ConversionCustomerType
        self.customer_type = {  # there is no word for a customer won back
            CustomerType.NEW: types.NEW.value,
            CustomerType.RETURNING: types.RETURNING.value,
        }

    def client(self, service: str, channel: grpc.Channel) -> Any:
        """Return the official client of a service, speaking over a channel."""
        module = "".join(f"_{c.lower()}" if c.isupper() else c for c in service).lstrip("_")
        package = f"google.ads.googleads.{self.version}.services.services.{module}"
        client = getattr(import_module(package), f"{service}Client")
        return client(transport=client.get_transport_class("grpc")(channel=channel))


def raw_class(wrapper: Any) -> Any:
    """Return the protobuf class beneath one of the client's own classes."""
    return type(wrapper.pb(wrapper()))
