"""Whom a person can sign in to, by the word for them: a line for each.

Written out, so that `auth --help` loads no settings; a test compares it with the descriptors.
"""

from collections.abc import Mapping

VENDORS: Mapping[str, str] = {
    "google": "Google, for both APIs",
    "microsoft": "Microsoft Advertising",
    "meta": "Meta, whose tokens are made on its own pages",
    "linkedin": "LinkedIn",
    "hubspot": "HubSpot",
    "salesforce": "Salesforce",
    "pipedrive": "Pipedrive",
    "zoho": "Zoho CRM",
    "dynamics": "Dynamics 365 Sales",
}
