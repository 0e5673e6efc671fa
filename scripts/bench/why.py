"""Why a figure misses its bar, and what would help: what a profile shows and a table cannot say.

A text stands on the page where its figure misses. Shares are of a first night of 100,000 deals, as
`make profile` prints them; they carry over to another machine better than seconds.
"""

from collections.abc import Mapping

_NIGHT = """\
The profile is flat: no stage takes more than a quarter of the night, and each is many small
steps. By library (`perf record -e cpu-clock`), 62% is Python's interpreter, 14% SQLite, 8% the
kernel, 7% memory, and 2% each hashing and msgspec. A deal takes 606,000 instructions, and the
rest of the night as many as 12,000 deals (`valgrind --tool=cachegrind`, nights of 4,000 and of
12,000). What is usual is planned as columns, from the decision to the ledger's row and its
event, and a request is written from the ledger's columns: that took 16% off the instructions of
a deal. What is left of objects is the deal, its keys and its click, between a column of CSV and
a row: to do without the deal as well, from the file to the ledger, is worth perhaps a twelfth,
and every step between that looks at deals one by one would have to learn of it. SQLite writes
ten rows and index entries a deal, where the bare tables write four. A conversion's rule,
milestone and action as one number, and its milestone in the deal's row, would be worth a
sixtieth each. Chunks of half or twice the deals take as many instructions; pages of 8 KB
changed nothing. Compiling the hot modules ahead of time would bring too little to ship a
compiler's output for it: Cython 3.3 took 7% off the CPU seconds (116 modules as they are,
median of seven pairs of nights) and added 70 MB of memory, mypyc 2.4 took 5% off (39 modules,
three pairs). More of them mypyc cannot compile as they are, for it drops the keywords of a
class, so that a frozen Struct is frozen no longer, and it takes no row of SQLAlchemy's where a
tuple is meant."""

WHY: Mapping[str, str] = {
    "cpu": _NIGHT,
    "lean": f"""\
The bare tables name nothing, can change nothing and account for nothing. {_NIGHT}""",
    "latency": """\
For three fifths of the night by the clock no request is under way: it reads and plans, and the
whole plan is weighed before the first leaves. Then eight requests at a time, of 2,000 rows and 400
ms each, need 2.5 seconds whatever Python does. What makes `cpu` smaller makes this larger. A
thread that parses ahead while the database is at work took 5% more CPU and a hundredth off the
clock: Python gives way to it at each step of SQLite's, and gets back its turn late. A second
process gains little: to hand a deal over as MessagePack and take it apart again costs 60% of what
parsing it costs, by pickle 190%. So it would take a sixteenth off the clock, a ninth if it made
the digests of rows and keys as well, and add a tenth to `cpu`.""",
    "drt-core": """\
See `latency`: convsync's seconds hold the whole night, drt-core's the upload alone.""",
    "join": """\
Two fifths are the import: half of that reads and hashes an e-mail and a phone a click, an eighth
writes clicks with their keys, and the index of keys takes little, since it is filled in its order
once all were read (`store.click_index`). Of the plan, a quarter follows the keys of customers
(`store.kin`), and a fifteenth joins them (`store.persons`); the rest is a night's. What would help:
all clicks of a customer found in one look, where now each key is followed to the next.""",
    "audit": """\
A start is counted ten times here, where a million are measured once. Of the rest a third is reading
the ledger's rows, with 28 columns each; a sixth counts the sums of deals anew, over rows of its
own; a sixth seals what stands in the ledger as events have it sealed. The comparison of columns
itself and the chain are a tenth each.""",
    "postgresql": """\
The larger half is the client, whose work is the same on both. Of the server's, a fifth reserves
batches, which takes rows out of one index and into another, so that PostgreSQL writes them into
all; to settle them, which changes no index, takes a fifth of that. An eighth is the ledger's
COPY, another finds the clicks of deals by their keys, and a tenth is commits. Foreign keys,
looked up row by row at 3 to 5 CPU us, are left to the ledger's deal and to milestones. What
would help: what waits to be sent in a table of its own, so that reserving leaves all indexes of
the ledger alone, worth an eighth of the server's before what that table costs.""",
    "clicks": """\
More than half is SQLite: of each click a row, its key in an index in no order, and once all are
stored its visitor's key in another, in order. An eighth is the start, and a fifteenth to look
whether a click is known. What would help: to insert first, and look only where one was there.""",
    "status": """\
Most of it is Python's start: SQLAlchemy, pydantic and the settings of every CRM are imported before
the first query. What would help: settings that are built only for the tables that a file has.""",
    "quiet": "Most of it is the start; see `status`.",
    "plan": "Most of it is the start; see `status`.",
    "hubspot": """\
A thousand deals take 46: five searches, a call for their associations, and 20 batches each of deals
and of contacts, since a batch with history takes 50. Both need their history: a deal for when it
entered which stage, a contact for when its click IDs were written, and for those that are gone.""",
    "memory": """\
Most of it is there before the first deal: Python, SQLAlchemy and the libraries of a road. The rest
is a chunk of 2,000 deals, 12 MB of SQLite's pages, four bytes for each key of a deal where those
are sought that several have, some twenty for each deal and eight for each click where customers are
joined, which are given back before anything is sent, and the requests in flight: 2 MB each, eight
at most, and few where the platform answers at once.""",
}
"""By the name of a figure."""
