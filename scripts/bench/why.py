"""Why a figure misses its bar, and what would help: what a profile shows and a table cannot say.

A text stands on the page where its figure misses. Shares are of a first night of 100,000 deals, as
`make profile` prints them; they carry over to another machine better than seconds.
"""

from collections.abc import Mapping

_NIGHT = """\
The profile is flat: no stage takes more than a fifth of the night, and each is many small steps.
A third is SQLite itself: four rows a deal (the deal, its milestone, its row's digest, the
conversion) and three keys, with two indexes in no order, and the conversion's row is written three
times: planned, sent, answered; the bare tables have two rows and one key. Most of the rest is
Python that makes and takes apart objects between a column of CSV and a request: clicks and keys,
each key's digest, the conversion, its statement. What would help: an answer that is noted of the
batch and not of each of its rows; a conversion's rule, milestone and action as one number; the
digests of rows by the hundred in one row, which a deal's own would make wider for whoever reads all
of them every night."""

WHY: Mapping[str, str] = {
    "cpu": _NIGHT,
    "lean": "The bare tables name nothing and can change nothing; see `cpu`.",
    "latency": """\
The night is busy, not waiting. It reserves and settles on one processor between its requests, so
few are ever in flight at once; and while it reads and plans, none is, because the whole plan is
weighed before its first request leaves. What makes `cpu` smaller makes this larger.""",
    "drt-core": """\
See `latency`: convsync's seconds hold the whole night, drt-core's the upload alone.""",
    "join": """\
Half is the import. One process reads and hashes an e-mail and a phone a click, another writes three
keys of each, at random places of one index that outgrows SQLite's cache; the second takes longer.
Of the plan, a sixth follows the keys of customers (`store.kin`), and a tenth joins them
(`store.persons`). What would help: keys that are gathered as they come, and merged into the index
in its order once an import ends.""",
    "audit": """\
A third is reading the ledger's rows, with 28 columns each; a fifth counts the kept sums anew, over
rows of its own; a sixth seals what stands in the ledger as events have it sealed. The comparison of
columns itself and the chain are a tenth each. What would help: to count the sums of the rows that
are compared anyway.""",
    "clicks": """\
More than half is SQLite: of each click a row, its key in an index, and a row for its visitor's key,
both keys in no order, where the bare table has two rows alone. An eighth is the start, and a
fifteenth to look whether a click is known. What would help: a click that is found by its visitor in
its own row, where it has but one.""",
    "status": """\
Most of it is Python's start: SQLAlchemy, pydantic and the settings of every CRM are imported before
the first query. What would help: settings that are built only for the tables that a file has.""",
    "quiet": "Most of it is the start; see `status`.",
    "plan": "Most of it is the start; see `status`.",
    "hubspot": """\
A thousand deals take 46: five searches, a call for their associations, and 20 batches each of deals
and of contacts, since a batch with history takes 50. The rest is once a night: the stages, the
properties of deals and of contacts, the list of what was archived, and a search behind a last page
that was full, because the total that HubSpot states may be behind its own results.""",
    "memory": """\
Most of it is there before the first deal: Python, SQLAlchemy and the libraries of a road. The rest
is a chunk of 2,000 deals, 12 MB of SQLite's pages, and the requests in flight.""",
}
"""By the name of a figure."""
