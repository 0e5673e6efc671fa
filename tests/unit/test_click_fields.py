"""What a field's name promises is the click ID of the network it names."""

import pytest

from convsync.extract.click_fields import kind_by_name
from convsync.extract.crm_adapter import CrmField
from convsync.model.click import ClickIdKind


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("GCLID", ClickIdKind.GCLID),
        ("Google Click ID", ClickIdKind.GCLID),
        ("hs_google_click_id", ClickIdKind.GCLID),
        ("Click-ID", ClickIdKind.GCLID),
        ("GBRAID", ClickIdKind.GBRAID),
        ("Microsoft Click ID", ClickIdKind.MSCLKID),
        ("Bing Click Id", ClickIdKind.MSCLKID),
        ("msclkid", ClickIdKind.MSCLKID),
        ("hs_facebook_click_id", ClickIdKind.FBCLID),
        ("fbclid__c", ClickIdKind.FBCLID),
        ("LinkedIn Click ID", ClickIdKind.LI_FAT_ID),
        ("li_fat_id", ClickIdKind.LI_FAT_ID),
        ("TikTok Click ID", ClickIdKind.TTCLID),
        ("Twitter Click ID", None),
        ("Snapchat click id", None),
        ("Yandex Click ID", None),
        ("dclid / DoubleClick ID", None),
        ("Facebook ad clicked", None),
        ("Last page seen", None),
    ],
)
def test_a_name_promises_the_click_id_of_its_network(label: str, kind: ClickIdKind | None) -> None:
    field = CrmField(kind="contact", name="x_field", label=label, type="text")
    assert kind_by_name(field) is kind
