"""A company that keeps audiences, and what stands on the platform's lists, read from its books."""

from datetime import datetime

from convsync.model.identifiers import hashed, normalised_email, normalised_phone
from convsync.sandbox.server import Sandbox
from tests.nights.company import Company

AUDIENCES = """
[audiences.lost]
state = "lost"
but_not = ["customers"]
membership_days = 60

[audiences.stuck]
state = "open"
stage = "mql"
since_days = 60

[audiences.customers]
state = "won"
"""


def keep_audiences(company: Company, tables: str = AUDIENCES) -> None:
    """Have the company's nights keep audiences; its export says both consents in one column."""
    company.configure(
        ('ad_user_data = "consent"', 'ad_user_data = "consent", ad_personalization = "consent"'),
        ("plaintext = true", "plaintext = true\ncustomer_match_terms_accepted = true"),
        more=tables,
    )


def mail_of(name: str) -> str:
    """Return the hash of a deal's e-mail as a list holds it."""
    return hashed(normalised_email(f"{name}@example.com") or "")


def phone_of(number: str) -> str:
    """Return the hash of a phone as a list holds it."""
    return hashed(normalised_phone(number, "DE") or "")


def on_list(sandbox: Sandbox, audience: str, at: datetime | None = None) -> set[str]:
    """Return who is on the list of an audience now; nobody is where there is none."""
    lists = sandbox.platform.user_lists.as_json(at or sandbox.platform.clock.now())
    found = [one for one in lists.values() if one["display_name"] == f"convsync {audience}"]
    return set(found[0]["members"]) if found else set()
