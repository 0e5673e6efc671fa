"""What keys of the configuration do, where no example says it in the words beside the key.

By the key's name, or by its table's and its own where several tables have a key of that name.
"""

from collections.abc import Mapping

_CELLS = {
    "time_zone": "of times without a zone; default: that of `[company]`",
    "country": "of phones written without a +; default: that of `[company]`",
    "currency": "of amounts without one; default: that of `[company]`",
    "date_formats": "more date formats, tried after 2026-03-01 and 2026-03-01T14:30:00",
    "value_separator": "what separates several values in a cell",
    "decimal": "the decimal sign of amounts",
    "blank_words": "words that mean an empty cell",
    "emails_are_hashed": "true: e-mails arrive as SHA-256 in hex",
    "phones_are_hashed": "true: phones arrive as SHA-256 in hex",
    "time_zones": "zones of single columns whose times have none",
    "encoding": "of the file; often cp1252 if a spreadsheet wrote it",
    "delimiter": "what separates the cells of a line",
    "skip_rows": "lines above the header",
    "stop_at": "a row that starts with one of these, and everything below it, is left out",
    "sheet": "which sheet of a workbook",
}

_SOURCES = {
    "columns": "which column holds what",
    "milestones": "when each milestone is reached",
    "segments": "attributes of the deal for conditions, value tables and reports, by the field that holds them",
    "consent": "what the words of the consent fields mean",
    "customer_type": "what the words of the field `customer_type` mean",
    "deal": "fields of the deal, by what they hold",
    "contact": "fields of the contact, by what they hold",
    "lead": "fields of the lead, by what they hold",
    "write_back": "fields of the CRM's deals that convsync fills",
    "lag_minutes": "how much later than its stamp a row may still appear: reading stops this long before now",
    "overlap_minutes": "how much of the previous period is read again each time",
    "path": "the file; a pattern for several if the kind accepts one",
    "query": "a table, a query, or the path of a .sql file ([sql.md](sql.md))",
    "complete": "true: the file has everything, so a missing row was taken back",
    "url": "the database's URL, `postgresql+psycopg://…`, or the CRM's",
}

_COLUMNS = {
    "deal_id": "the deal's own ID; a permanent part of order IDs",
    "created_at": "when the deal was created",
    "modified_at": "when it was last changed",
    "deleted": "contains a word of `deleted_words` if the deal was deleted",
    "amount": "the deal's amount",
    "gclid": "Google's click ID: bare, as a cookie's value or in a URL",
    "gbraid": "Google's click ID for app campaigns",
    "wbraid": "Google's click ID for web campaigns where iOS allows no gclid",
    "msclkid": "Microsoft's click ID",
    "fbclid": "Meta's click ID",
    "li_fat_id": "LinkedIn's click ID",
    "ttclid": "TikTok's click ID",
    "landing_url": "the URL a visitor landed on, from which click IDs are read",
    "clicked_at": "when the click happened",
    "email": "e-mail addresses, hashed when read",
    "phone": "phone numbers, hashed when read",
    "crm_key": "IDs of the CRM that a click log has too",
    "visitor": "a visitor's ID that deals and click log share",
    "ad_user_data": "whether the person agreed that their data is sent to ad platforms",
    "ad_personalization": "whether they agreed to personalised advertising",
    "columns.country": "the country of the phone number",
    "columns.currency": "the amount's currency",
    "columns.customer_type": "new, returning or re-engaged, in the CRM's words",
    "column": "the header's exact words",
    "is_date": "true: midnight stands for the whole day",
    "columns.customer": "a key of the customer who paid",
    "columns.paid_at": "when it was paid",
    "columns.day": "the rate's day",
    "columns.rate": "the rate",
    "columns.line": "the row's permanent name",
}

_AGREEMENT = {
    "definition": "what it means, in words that both teams agree on",
    "owner": "who decides that it is reached",
    "next_within_days": "a later milestone should follow within this many days",
    "NAME.when": "words that other columns, or segments, must have",
    "granted": "words that mean yes",
    "denied": "words that mean no",
    "unspecified": "words that mean unknown",
    "new": "words for a new customer",
    "returning": "words for a customer who buys again",
    "reengaged": "words for a customer who was won back",
    "kind": "which kind of table this is",
}

_RULES = {
    "NAME.milestone": "which milestone it counts",
    "NAME.action_id": "the conversion action's number: `ctId=…` in the URL of its page in Google Ads",
    "NAME.value": "what a conversion is worth",
    "NAME.amounts": "what to do about a zero, a missing or an absurd amount",
    "share": "the share of the amount that is sent",
    "segment": "the segment whose value decides",
    "value.amounts": "the sum for each of the segment's values",
    "otherwise": "the sum for every other value; without it such deals are not sent",
    "value.amount": "the sum",
    "value.currency": "the sum's currency",
    "expected": "the value sent until money has come in",
    "if_nothing_came": "its value if nothing came in within the days: the expected value, or zero",
    "within_days": "money that comes in within this many days of the milestone counts",
    "zero": "for an amount of zero",
    "missing": "for a deal without an amount",
    "absurd": "for an amount below zero or above `absurd_above`",
}

_GOOGLE = {
    "client_id": "of the OAuth client that signed in",
    "client_secret": "of the OAuth client; a variable",
    "refresh_token": "from a sign-in; a variable, best stored by `convsync auth`",
    "token_url": "where access tokens are issued; only the sandbox needs another",
    "timeout_s": "how long an answer may take, in seconds",
    "endpoint": "where the API is; only the sandbox needs another",
    "rest_endpoint": "where its JSON API is; only the sandbox needs another",
}

_AROUND = {
    "key": "a secret of at least 16 characters; a variable, or a file of the secrets directory",
    "alerts.urls": "who is alerted: Apprise URLs, separated by blanks; a secret",
    "NAME.urls": "the channel: Apprise URLs, separated by blanks; a secret",
    "ping_url": "the dead man's switch; a secret",
    "quiet_hours": "when nothing is sent, as in `22:00-07:00`",
    "token": "the token that callers must send; a secret",
    "textfile": "the file that figures are written to after each run",
    "sandbox.url": "a sandbox on this machine whose clock follows `--as-of`",
    "owners": "only deals of these owners",
    "routes": "channels, by name",
    "shared_by_more_than": "a key that more deals have links none of them",
    "longest_wait_s": "the longest pause between two attempts",
}

_CRMS = {
    "stages": "the stages that mean it, by their keys in the CRM or their names",
    "outcome": "reached when the CRM calls the deal won, or lost",
    "created": "true: reached when the record is created",
    "field": "a field with the time",
    "api_key": "of the user who reads; a secret",
    "database": "the database's name, if the URL alone does not say it",
    "click_id": "a field for the click's ID",
    "platform": "a field for what the ad platforms said about the deal",
    "campaign": "a field for the click's campaign",
    "keyword": "a field for the click's keyword",
    "first_click": "a field for the time of the first click",
    "expected_value": "a field for the expected value",
    "consented_at": "when consent was given or refused: the later statement wins",
}

_WHO = {
    "state": "deals that are open, won or lost",
    "stage": "deals whose furthest milestone is one of these",
    "reached": "deals that have reached each of these milestones",
    "not_reached": "deals that have not reached these milestones",
    "since_days": "deals that reached the last of their milestones, a loss included, at least this many days ago",
    "until_days": "… and at most this many days ago",
    "untouched_days": "deals unchanged in the CRM for this many days",
    "amount_at_least": "deals worth this much or more",
    "score_below": "deals whose chance of a sale is below this",
    "but_not": "leave out people in these audiences",
    "membership_days": "how long the platform keeps a member who is not added again",
    "shows": "what a message may contain",
    "events": "which kinds of comeback to report",
    "nurtured": "audiences whose people are nurtured: it is reported when one of them moves on",
}

_OTHERS = {
    "NAME.fields": "form inputs with other names: the input's name, and what it holds",
    "expires": "credentials, and their expiry dates",
    "custom_variables": "the account's custom variables: name, and number",
    "absurd_above": "an amount above this is absurd",
    "enhanced_conversions": "true: deals without a click go out by hashed e-mail or phone",
    "base": "the currency that rates are given for",
    "every": "how often a night is due, as in `15m`",
    "digest.day": "the day of the week on which it is due",
    "digest.at": "the time of day, in the company's time zone",
    "thousands": "the thousands separator",
    "date_format": "the format of days",
}

WORDS: Mapping[str, str] = (
    _CELLS | _SOURCES | _COLUMNS | _AGREEMENT | _RULES | _GOOGLE | _AROUND | _CRMS | _WHO | _OTHERS
)
