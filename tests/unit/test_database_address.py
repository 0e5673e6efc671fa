"""Addresses of databases: what is refused, in which words, and that no secret is among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.errors import OperatorError
from convsync.extract.database_address import PACKAGES, problem_of_address
from convsync.extract.sql_session import address_of, opened, place_of

SOUND = [
    "sqlite:///crm.db",
    "sqlite:////srv/a@b/c@d.db",
    "sqlite://",
    "duckdb:///crm.duckdb",
    "duckdb:///md:sales",
    "postgresql+psycopg://reader@db.internal/crm",
    "postgresql+psycopg://reader:p%40ss%2Fw@db.internal:5432/crm?sslmode=verify-full",
    "postgresql+psycopg://reader:pa:ss@[::1]:5432/crm",
    "postgresql+psycopg:///crm?host=/run/postgresql",
    "mysql+pymysql://root@localhost/crm?unix_socket=/run/mysqld/mysqld.sock",
    "bigquery://project/dataset",
    "mssql+pyodbc://user:pw@server/db?driver=ODBC+Driver+18+for+SQL+Server",
]


@pytest.mark.parametrize("url", SOUND)
def test_a_sound_address_has_no_problem(url: str) -> None:
    assert problem_of_address(url) is None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("s3cret", "not a database URL", id="no address"),
        pytest.param("postgres://u:s3cret@h/d", r"spelled postgresql\+psycopg://", id="Heroku's"),
        pytest.param("postgres+psycopg2://u@h/d", r"spelled postgresql\+psycopg2://", id="driver"),
        pytest.param("sqlserver://u:s3cret@h/d", r"spelled mssql\+pyodbc://", id="SQL Server"),
        pytest.param("jdbc:postgresql://h/d?password=s3cret", "leave out `jdbc:`", id="Java's"),
        pytest.param("mysql+pymysql://u:pw@s3cret@h/d", "write @ as %40", id="@"),
        pytest.param("mysql+pymysql://u:p@w/s3cret@h/d", "write @ as %40", id="@ and /"),
        pytest.param("mysql+pymysql://u:pw?s3cret@h/d", r"\? as %3F", id="?"),
        pytest.param("mysql+pymysql://u:pw@h/d?password=a@s3cret", "write @", id="in an option"),
        pytest.param("mysql+pymysql://u:s3cret/d", "no port from 1 to 65535", id="no host"),
        pytest.param("mysql+pymysql://u@h:port/d", "no port from 1 to 65535", id="port of letters"),
        pytest.param("mysql+pymysql://u@h:99999/d", "no port from 1 to 65535", id="port too large"),
        pytest.param("mysql+pymysql://u@h:0/d", "no port from 1 to 65535", id="port zero"),
        pytest.param("mysql+pymysql://u@h:1:2/d", "no port", id="two ports"),
    ],
)
def test_an_address_that_cannot_be_right_is_told_how_to_be_written(url: str, says: str) -> None:
    with pytest.raises(OperatorError, match=says) as refused:
        address_of("crm", url)
    assert "s3cret" not in str(refused.value)


@given(
    st.text(st.sampled_from("xq@:/?#%&=[]+ "), min_size=1, max_size=8),
    st.sampled_from(["postgresql+psycopg", "mysql+pymysql", "mssql+pyodbc"]),
)
def test_no_part_of_a_password_is_read_as_another_part_of_the_url(
    password: str, driver: str
) -> None:
    """As it is, not escaped: it is refused, or read as the password it is."""
    url = f"{driver}://reader:{password}@db.internal/crm"
    if (problem := problem_of_address(url)) is not None:
        assert "q" not in problem.replace("sqlalchemy", "")
        return
    place = place_of(address_of("crm", url))
    assert place == f"{driver}://reader:***@db.internal/crm"


@pytest.mark.parametrize(
    ("url", "package"),
    [
        ("bigquery://project/data", "sqlalchemy-bigquery"),
        ("snowflake://u:s3cret@account/db", "snowflake-sqlalchemy"),
        ("redshift+psycopg2://u:s3cret@h/db", "sqlalchemy-redshift"),
        ("clickhouse://u:s3cret@h/db", "clickhouse-sqlalchemy"),
        ("mssql+pyodbc://u:s3cret@h/db", "pyodbc"),
        ("oracle+oracledb://u:s3cret@h/db", "oracledb"),
        ("mysql://u:s3cret@h/db", r"convsync\[mysql\], and write mysql\+pymysql://"),
        ("postgresql+psycopg2://u:s3cret@h/db", r"convsync\[postgresql\]"),
    ],
)
def test_a_missing_driver_is_named_by_its_package(url: str, package: str) -> None:
    with (
        pytest.raises(OperatorError, match=rf"not installed: pip install .*{package}") as refused,
        opened("crm", url),
    ):
        pass
    assert "s3cret" not in str(refused.value)


def test_every_kind_has_a_package() -> None:
    assert {"bigquery", "snowflake", "redshift", "clickhouse", "mssql", "mysql"} <= set(PACKAGES)


@pytest.mark.parametrize(
    "url",
    [
        "duckdb:///{folder}/there.duckdb?nonsense=s3cret",
        "mysql+pymysql://u:s3cret@127.0.0.1:1/d?nonsense=s3cret",
        "postgresql+psycopg://u:s3cret@127.0.0.1:1/d?nonsense=s3cret",
        "mysql+pymysql://u:s3cret@127.0.0.1:1/d?connect_timeout=soon",
    ],
)
def test_an_option_that_the_driver_does_not_know_is_a_mistake_in_the_set_up(
    url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("db")
    (folder / "there.duckdb").touch()
    with (
        pytest.raises(OperatorError, match="source 'crm'") as refused,
        opened("crm", url.format(folder=folder)),
    ):
        pass
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_file_that_is_not_there_is_not_made(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("db") / "misspelt.db"
    with (
        pytest.raises(OperatorError, match="there is no database file"),
        opened("crm", f"{kind}:///{file}"),
    ):
        pass
    assert not file.exists()
