"""What was written into fields of a CRM's deals: reserved, settled, kept from, and forgotten."""

from datetime import timedelta

from msgspec import structs

from convsync.store import deals, write_backs
from convsync.store.database import Connection, Database
from convsync.store.write_backs import FieldValue, KeptField, Unanswered
from tests.builders import NOW, a_deal

HOUR = timedelta(hours=1)
CLICK = FieldValue(1, "click", "click-1")


def saved(connection: Connection) -> None:
    """Store one deal, in row 1, that was last touched an hour ago."""
    deals.save(connection, "crm", [a_deal("D-1", modified_at=NOW - HOUR)], now=NOW)


def kept(connection: Connection) -> KeptField:
    return write_backs.known(connection, [1])[1]["click"]


def test_a_value_is_reserved_before_it_is_settled(database: Database) -> None:
    with database.transaction("write") as connection:
        saved(connection)
        write_backs.reserve(connection, [CLICK])
        assert kept(connection) == KeptField(None, "click-1", None)
        (open_ended,) = write_backs.unanswered(connection, "crm")
        assert open_ended == Unanswered(1, "D-1", "click", None, "click-1")
        assert write_backs.unanswered(connection, "another") == []
        write_backs.settle(connection, [CLICK], modified_at=NOW, now=NOW)
        assert kept(connection) == KeptField("click-1", None, None)
        write_backs.reserve(connection, [CLICK._replace(value="click-2")])
        assert kept(connection) == KeptField("click-1", "click-2", None), "ours still stands there"
        write_backs.drop_pending(connection, [(1, "click")])
        assert write_backs.unanswered(connection, "crm") == []


def test_what_was_kept_from_a_deal_is_tried_again_when_that_has_changed(
    database: Database,
) -> None:
    with database.transaction("write") as connection:
        saved(connection)
        write_backs.decline(connection, [CLICK], "somebody else's value")
        assert kept(connection).declined == "click-1"
        same = a_deal("D-1", modified_at=NOW - HOUR)
        write_backs.save_read(connection, "crm", [same], NOW)
        assert kept(connection).declined == "click-1"
        edited = structs.replace(same, modified_at=NOW)
        assert write_backs.save_read(connection, "crm", [edited], NOW).changed
        assert kept(connection).declined is None


def test_a_deal_that_only_our_writing_touched_is_unchanged(database: Database) -> None:
    with database.transaction("write") as connection:
        saved(connection)
        write_backs.settle(connection, [CLICK], modified_at=NOW, now=NOW)
        ours = a_deal("D-1", modified_at=NOW)
        assert write_backs.save_read(connection, "crm", [ours], NOW).unchanged == [1]
        (stored,) = deals.numbered(connection, [1])
        assert stored.deal.modified_at == NOW - HOUR
        later = a_deal("D-1", modified_at=NOW + HOUR)
        assert write_backs.save_read(connection, "crm", [later], NOW).changed
        richer = a_deal("D-1", modified_at=NOW, segments={"region": "north"})
        assert write_backs.save_read(connection, "crm", [richer], NOW).changed


def test_what_was_written_into_a_persons_deals_is_forgotten_with_them(database: Database) -> None:
    with database.transaction("write") as connection:
        saved(connection)
        write_backs.settle(connection, [CLICK], modified_at=NOW, now=NOW)
        write_backs.forget(connection, [1])
        assert write_backs.known(connection, [1]) == {}
