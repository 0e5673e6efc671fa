"""What keys of the configuration do, where no example says it in the words beside the key.

By the key's name, or by its table's and its own where several tables have a key of that name.
"""

from collections.abc import Mapping

_CELLS = {
    "time_zone": "of times that do not name a zone; else that of `[company]`",
    "country": "of phones written without a +; else that of `[company]`",
    "currency": "of amounts that do not name one; else that of `[company]`",
    "date_formats": "further formats of dates, tried after 2026-03-01 and 2026-03-01T14:30:00",
    "value_separator": "what stands between several values in a cell",
    "decimal": "the decimal sign of amounts",
    "blank_words": "words that mean an empty cell",
    "emails_are_hashed": "true: e-mails arrive as SHA-256 in hex",
    "phones_are_hashed": "true: phones arrive as SHA-256 in hex",
    "time_zones": "zones of single columns whose times name none",
    "encoding": "of the file; often cp1252 where a spreadsheet wrote it",
    "delimiter": "what stands between the cells of a line",
    "skip_rows": "lines above the header",
    "stop_at": "a row that begins so, and all below it, are left out",
    "sheet": "which sheet of a workbook",
}

_SOURCES = {
    "columns": "which column holds what",
    "milestones": "when each milestone is reached",
    "segments": "attributes of the deal for conditions, value tables and reports, by the field they stand in",
    "consent": "what the words of the consent fields mean",
    "customer_type": "what the words of the field `customer_type` mean",
    "deal": "fields of the deal, by what they hold",
    "contact": "fields of the contact, by what they hold",
    "lead": "fields of the lead, by what they hold",
    "write_back": "fields of the CRM's deals that convsync fills",
    "lag_minutes": "how much later than its stamp a row may still turn up: the read stops so long before now",
    "overlap_minutes": "how much of what was read before is read again each time",
    "path": "the file; a pattern names several where the kind takes it",
    "query": "a table, a query, or the path of a .sql file ([sql.md](sql.md))",
    "complete": "true: the file holds all there is, so what is missing was taken back",
    "url": "the database's address, `postgresql+psycopg://…`, or the CRM's",
}

_COLUMNS = {
    "deal_id": "the deal's own ID; stays for ever in order IDs",
    "created_at": "when the deal was made",
    "modified_at": "when it was last changed",
    "deleted": "says by a word of `deleted_words` that the deal was deleted",
    "amount": "the deal's amount",
    "gclid": "Google's click ID, bare, in a cookie's value or in a URL",
    "gbraid": "Google's click ID of app campaigns",
    "wbraid": "Google's click ID of web campaigns where iOS keeps no gclid",
    "msclkid": "Microsoft's click ID",
    "fbclid": "Meta's click ID",
    "li_fat_id": "LinkedIn's click ID",
    "ttclid": "TikTok's click ID",
    "landing_url": "the URL a visitor landed on, of which click IDs are read",
    "clicked_at": "when the click happened",
    "email": "e-mail addresses, hashed as they are read",
    "phone": "phone numbers, hashed as they are read",
    "crm_key": "IDs of the CRM that a click log knows, too",
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
    "columns.line": "what names a row for ever",
}

_AGREEMENT = {
    "definition": "what it means, in words that both teams agree on",
    "owner": "who decides that it is reached",
    "next_within_days": "within so many days a later milestone should follow",
    "NAME.when": "words that other columns, or segments, must hold",
    "granted": "words that mean yes",
    "denied": "words that mean no",
    "unspecified": "words that say nothing",
    "new": "words for a new customer",
    "returning": "words for one who buys again",
    "reengaged": "words for one who was won back",
    "kind": "which kind of table this is",
}

_RULES = {
    "NAME.milestone": "which milestone it counts",
    "NAME.action_id": "the conversion action's number: `ctId=…` in the address of its page in Google Ads",
    "NAME.value": "what a conversion is worth",
    "NAME.amounts": "what a zero, a missing and an absurd amount do",
    "share": "the share of the amount that is sent",
    "segment": "the segment whose value decides",
    "value.amounts": "the sum for each of the segment's values",
    "otherwise": "the sum for every other value; without it such deals are not sent",
    "value.amount": "the sum",
    "value.currency": "the sum's currency",
    "expected": "what is sent until something came in",
    "if_nothing_came": "what it is worth when nothing came in within the days: what was expected, or zero",
    "within_days": "what comes in within so many days of the milestone counts",
    "zero": "of an amount of zero",
    "missing": "of a deal without an amount",
    "absurd": "of an amount below zero or above `absurd_above`",
}

_GOOGLE = {
    "client_id": "of the OAuth client that signed in",
    "client_secret": "of the OAuth client; a variable",
    "refresh_token": "what a sign-in left; a variable, and best kept by `convsync auth`",
    "token_url": "where access tokens are had; only the sandbox needs another",
    "timeout_s": "how long an answer may take, in seconds",
    "endpoint": "where the API is; only the sandbox needs another",
    "rest_endpoint": "where its JSON side is; only the sandbox needs another",
}

_AROUND = {
    "key": "a secret of at least 16 characters; a variable, or a file of the secrets directory",
    "alerts.urls": "who hears: Apprise's URLs, with blanks between them; a secret",
    "NAME.urls": "the channel: Apprise's URLs, with blanks between them; a secret",
    "ping_url": "the dead man's switch; a secret",
    "quiet_hours": "when nothing goes out, as in `22:00-07:00`",
    "token": "what the caller shows; a secret",
    "textfile": "the file that figures are written to after each run",
    "sandbox.url": "a sandbox on this machine whose clock follows `--as-of`",
    "owners": "only deals of these owners",
    "routes": "channels, by name",
    "shared_by_more_than": "a key that more deals have joins nobody",
    "longest_wait_s": "the longest pause between two tries",
}

_CRMS = {
    "stages": "the stages that mean it, by their keys in the CRM or their names",
    "outcome": "reached when the CRM calls the deal won, or lost",
    "created": "true: reached when the record is made",
    "field": "a field that holds the time",
    "api_key": "of the user who reads; a secret",
    "database": "the database's name, where the address alone does not say it",
    "click_id": "a field for the click's ID",
    "platform": "a field for what the ad platforms said of the deal",
    "campaign": "a field for the click's campaign",
    "keyword": "a field for the click's keyword",
    "first_click": "a field for the time of the first click",
    "expected_value": "a field for the expected value",
    "consented_at": "when consent was said: the later statement holds",
}

_WHO = {
    "state": "deals that are open, won or lost",
    "stage": "deals whose furthest milestone is one of these",
    "reached": "deals that have reached each of these milestones",
    "not_reached": "deals that have not reached these milestones",
    "since_days": "deals that reached the last of their milestones, a loss included, at least so many days ago",
    "until_days": "… and at most so many days ago",
    "untouched_days": "deals of which nothing has changed in the CRM for so many days",
    "amount_at_least": "deals worth so much or more",
    "score_below": "deals whose chance of a sale is below this",
    "but_not": "nobody who is in one of these audiences",
    "membership_days": "how long the platform keeps somebody who is not added again",
    "shows": "what a message may say beside the deal's number",
    "events": "which comebacks are told",
    "nurtured": "audiences whose people are nurtured: when one of them moves on, that is told",
}

_OTHERS = {
    "NAME.fields": "inputs of forms that are called otherwise: the input's name, and what it holds",
    "expires": "credentials, and their last days",
    "custom_variables": "the account's custom variables: name, and number",
    "absurd_above": "an amount above this is absurd",
    "enhanced_conversions": "true: deals without a click go out by hashed e-mail or phone",
    "base": "the currency that rates are given for",
    "every": "how often a night is due, as in `15m`",
    "digest.day": "the day of the week on which it is due",
    "digest.at": "the time of day, by the company's clocks",
    "thousands": "what parts thousands",
    "date_format": "how days are written",
}

WORDS: Mapping[str, str] = (
    _CELLS | _SOURCES | _COLUMNS | _AGREEMENT | _RULES | _GOOGLE | _AROUND | _CRMS | _WHO | _OTHERS
)
