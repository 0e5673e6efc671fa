"""Whom a person can sign in to, by the word for them: a line for each.

Written out, so that `auth --help` loads no settings; a test compares it with the descriptors.
"""

from collections.abc import Mapping

VENDORS: Mapping[str, str] = {
    "google": "Google, for both APIs",
    "linkedin": "LinkedIn",
    "hubspot": "HubSpot",
    "salesforce": "Salesforce",
    "pipedrive": "Pipedrive",
    "zoho": "Zoho CRM",
    "dynamics": "Dynamics 365 Sales",
}
