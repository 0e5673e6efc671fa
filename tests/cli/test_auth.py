"""`convsync auth`, as somebody signs in from nothing, on the sandbox's consent pages."""

import stat
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from typer.testing import CliRunner, Result

from convsync.cli import app, auth
from convsync.errors import OperatorError
from convsync.process.guides import located
from convsync.sandbox import tokens
from convsync.sandbox.crm import dynamics, hubspot, pipedrive, salesforce, zoho
from convsync.sandbox.linkedin import sign_in
from convsync.sandbox.living import config_for
from convsync.sandbox.microsoft.sign_in import CLIENT as MICROSOFTS_APP
from convsync.sandbox.server import Sandbox
from convsync.sandbox.world import World
from convsync.settings import load_settings
from convsync.settings.google_tables import DataManagerTable, GoogleAdsTable
from convsync.settings.kept_secrets import Folder
from convsync.settings.microsoft_tables import MicrosoftTable
from convsync.signing_in.agreement import Agreement
from convsync.signing_in.callback import Callback, redirect_uri
from convsync.signing_in.vendors import VENDORS
from convsync.signing_in.way import App, Way
from convsync.upload.google import consent
from convsync.upload.google.credentials import ADS_SCOPE
from convsync.wiring import entrances

NOW = datetime(2026, 3, 5, 2, tzinfo=UTC)
CRMS: Mapping[str, tuple[str, str]] = {
    "hubspot": hubspot.CLIENT,
    "salesforce": (salesforce.CLIENT_ID, salesforce.CLIENT_SECRET),
    "pipedrive": pipedrive.CLIENT,
    "zoho": (zoho.CLIENT, zoho.SECRET),
    "dynamics": (dynamics.CLIENT_ID, dynamics.CLIENT_SECRET),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(now=lambda: NOW) as running:
        running.crms.follow(World(seed=3, deals=30, ends_at=NOW, days=60))
        yield running


class Person(webbrowser.BaseBrowser):
    """Somebody at a browser, who decides on the page that is opened, and goes where it leads."""

    def __init__(self) -> None:
        super().__init__("person")
        self.decision = "allow"
        self.before_deciding: Callable[[str], None] = lambda _: None

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        Thread(target=self.decide, args=[url]).start()
        return True

    def decide(self, url: str) -> None:
        assert requests.get(url, timeout=60).ok
        self.before_deciding(url)
        requests.post(url.split("?")[0], asked(url) | {"decision": self.decision}, timeout=60)


def asked(url: str) -> dict[str, str]:
    """Return what was asked of the page, which is what its form sends."""
    return dict(parse_qsl(urlsplit(url).query))


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    somebody = Person()
    monkeypatch.setattr(auth, "_PATIENCE_S", 60.0)
    monkeypatch.setattr(webbrowser, "_tryorder", ["person"])
    monkeypatch.setitem(webbrowser._browsers, "person", [None, somebody])  # type: ignore[attr-defined]
    return somebody


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setattr("os.environ", {"CONVSYNC_SECRETS_DIR": str(folder)})
    monkeypatch.chdir(tmp_path)
    return folder


def run(*arguments: str, typed: str = "") -> Result:
    """Run a command; its errors are raised."""
    result = CliRunner().invoke(app, [*arguments], input=typed, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def addresses(vendor: str, sandbox: Sandbox) -> list[str]:
    """Return what a sandbox's vendor answers to the questions that are no secrets."""
    url = f"{sandbox.http_url}/{vendor}"
    client_id, client_secret = CRMS[vendor]
    said = {"url": url, "login_url": url, "client_id": client_id, "client_secret": client_secret}
    if vendor == "dynamics":
        said["tenant_id"] = dynamics.TENANT
    if vendor in ("hubspot", "salesforce"):
        said.pop("login_url")
    return [part for key, value in said.items() for part in ("--set", f"{key}={value}")]


@pytest.mark.parametrize("vendor", CRMS)
def test_a_newcomer_signs_in_and_init_goes_on_from_there(
    vendor: str, sandbox: Sandbox, person: Person, secrets: Path
) -> None:
    said = run("auth", vendor, *addresses(vendor, sandbox), "--port", "0").output
    assert "stages of deals can be read" in said
    token = (secrets / "CONVSYNC_DEALS__CRM__REFRESH_TOKEN").read_text()
    assert token not in said
    assert CRMS[vendor][1] not in said
    for file in secrets.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file

    run("init", "--crm", vendor, *addresses(vendor, sandbox), "--output", "convsync.toml")
    table = load_settings(Path("convsync.toml")).deals["crm"]
    assert table.refresh_token.get_secret_value() == token  # type: ignore[union-attr]
    assert token not in Path("convsync.toml").read_text()


def test_somebody_signs_in_to_linkedin_and_is_told_the_end(
    sandbox: Sandbox, person: Person, secrets: Path
) -> None:
    Path("convsync.toml").write_text(
        f'[destinations.ads]\nkind = "linkedin"\nlogin_url = "{sandbox.http_url}"\n'
    )
    client_id, client_secret = sign_in.CLIENT
    pairs = (f"client_id={client_id}", f"client_secret={client_secret}")
    said = run(
        "auth", "linkedin", *(part for pair in pairs for part in ("--set", pair)), "--port", "0"
    )
    assert "LinkedIn gave an access token, until 2027-" in said.output
    token = (secrets / "CONVSYNC_DESTINATIONS__ADS__REFRESH_TOKEN").read_text()
    assert token not in said.output


def test_a_newcomer_to_the_sandbox_is_told_its_apps_and_what_is_left_to_do(
    sandbox: Sandbox, person: Person, secrets: Path
) -> None:
    page = Path(located("docs/signing-in.md")).read_text("utf-8")
    for client in CRMS.values():
        assert " | ".join(f"`{part}`" for part in client) in page
    config = Path("convsync.toml")
    config.write_text(config_for("hubspot", sandbox.addresses), "utf-8")
    said = run("auth", "hubspot", *addresses("hubspot", sandbox), "--port", "0").output
    left = "Now take token out of [deals.crm] (or unset CONVSYNC_DEALS__CRM__TOKEN)"
    assert left in said
    with pytest.raises(OperatorError, match="only one of these"):
        load_settings(config)
    lines = config.read_text("utf-8").splitlines()
    without = [line for line in lines if not line.startswith("token = ")]
    config.write_text("\n".join(without), "utf-8")
    assert load_settings(config).deals["crm"].kind == "hubspot"
    assert left not in run("auth", "hubspot", *addresses("hubspot", sandbox), "--port", "0").output


def test_where_nobody_has_signed_in_the_list_says_so(secrets: Path) -> None:
    assert run("auth", "list").output.startswith("No sign-in is kept in ")
    assert run("auth", "list", "--format", "json").output == "[]\n"


@pytest.mark.long
@pytest.mark.parametrize("vendor", CRMS)
def test_a_sign_in_is_listed_until_it_is_given_back(
    vendor: str, sandbox: Sandbox, person: Person, secrets: Path
) -> None:
    run("auth", vendor, *addresses(vendor, sandbox), "--port", "0")
    listed = run("auth", "list", "--format", "csv").output
    assert listed.splitlines()[1].startswith("deals.crm,")
    token = (secrets / "CONVSYNC_DEALS__CRM__REFRESH_TOKEN").read_text()
    desk = sandbox.crms[vendor].server.desk  # type: ignore[attr-defined]
    assert token in desk.refresh_tokens

    run("init", "--crm", vendor, *addresses(vendor, sandbox), "--output", "convsync.toml")
    said = run("auth", "revoke", "deals.crm").output
    is_taken_back = token not in desk.refresh_tokens
    assert is_taken_back == ("has taken the token" in said)
    assert is_taken_back == (vendor not in ("hubspot", "dynamics")), "they have no way back"
    assert [file.name for file in secrets.iterdir()] == ["sign-ins.json"]
    assert run("auth", "list", "--format", "json").output.strip() == "[]"


GOOGLE = """
[deals.crm]
kind = "csv"
path = "deals.csv"
columns = {{ deal_id = "ID" }}
milestones = {{ won = "Won" }}
[rules.won]
milestone = "won"
action_id = 1
destination = "google"
[destinations.google]
kind = "data_manager"
operating_account = "1234567890"
credentials = "refresh_token"
token_url = "{url}/token"
[destinations.ads]
kind = "google_ads"
customer_id = "1234567890"
credentials = "refresh_token"
token_url = "{url}/token"
"""
APP = [
    *("--set", f"client_id={tokens.CLIENT[0]}"),
    *("--set", f"client_secret={tokens.CLIENT[1]}"),
]


@pytest.mark.long
def test_google_is_signed_in_to_once_for_both_apis_and_each_destination(
    sandbox: Sandbox, person: Person, secrets: Path
) -> None:
    config = Path("convsync.toml")
    config.write_text(GOOGLE.format(url=sandbox.http_url))
    said = run("auth", "google", *APP, "--port", "0").output
    assert all(scope in said for scope in consent.SCOPES)
    assert "an access token for each of the scopes" in said
    google, ads = load_settings(config).destinations.values()
    assert isinstance(google, DataManagerTable)
    assert isinstance(ads, GoogleAdsTable)
    assert google.refresh_token == ads.refresh_token is not None
    assert ads.client_id == tokens.CLIENT[0]


def test_a_scope_that_was_left_out_on_the_page_is_named_and_nothing_is_kept(
    sandbox: Sandbox, person: Person, secrets: Path
) -> None:
    Path("convsync.toml").write_text(GOOGLE.format(url=sandbox.http_url))
    desk = sandbox.platform.tokens.desk
    desk.left_out = frozenset({ADS_SCOPE})
    try:
        with pytest.raises(
            OperatorError, match=r"left out https://www.googleapis.com/auth/adwords"
        ):
            run("auth", "google", *APP, "--port", "0")
    finally:
        desk.left_out = frozenset()
    assert not [*secrets.iterdir()]


def test_a_no_on_the_page_is_a_no(sandbox: Sandbox, person: Person, secrets: Path) -> None:
    person.decision = "deny"
    with pytest.raises(OperatorError, match="access was denied on its page"):
        run("auth", "zoho", *addresses("zoho", sandbox), "--port", "0")
    assert not [*secrets.iterdir()]


def test_somebody_else_who_knows_the_port_does_not_end_the_wait(
    sandbox: Sandbox, person: Person, secrets: Path
) -> None:
    answers: list[int] = []

    def intrude(url: str) -> None:
        back = asked(url)["redirect_uri"]
        others = (f"{back}?code=stolen&state=guessed", f"{back}?error=x", f"{back}/else")
        answers.extend(requests.get(other, timeout=60).status_code for other in others)

    person.before_deciding = intrude
    run("auth", "hubspot", *addresses("hubspot", sandbox), "--port", "0")
    assert answers == [404, 404, 404]


def test_a_wrong_secret_is_told_with_what_to_check(
    sandbox: Sandbox, person: Person, secrets: Path
) -> None:
    wrong = [*addresses("zoho", sandbox), "--set", "client_secret=wrong"]
    with pytest.raises(OperatorError, match=r"invalid_client_secret.*Check the client ID"):
        run("auth", "zoho", *wrong, "--port", "0")
    assert not [*secrets.iterdir()]


def way_of(vendor: str, sandbox: Sandbox) -> Way:
    pairs = (pair.partition("=") for pair in addresses(vendor, sandbox)[1::2])
    entrance = entrances.entrance_to(vendor, Path("nowhere.toml"), None)
    return entrance.way({key: value for key, _, value in pairs})


def test_without_a_browser_here_the_address_it_ended_at_elsewhere_is_enough(
    sandbox: Sandbox,
) -> None:
    agreement = Agreement(
        way_of("salesforce", sandbox),
        App(client_id=salesforce.CLIENT_ID, client_secret=salesforce.CLIENT_SECRET),
        redirect_uri(8478),
    )
    page = agreement.url()
    decided = asked(page) | {"decision": "allow"}
    answer = requests.post(page.split("?")[0], decided, allow_redirects=False, timeout=60)
    granted = agreement.exchange(answer.headers["Location"])
    assert granted.refresh_token in sandbox.crms["salesforce"].server.desk.refresh_tokens  # type: ignore[attr-defined]
    with pytest.raises(OperatorError, match="invalid_grant"):
        agreement.exchange(answer.headers["Location"])


def test_an_address_that_answers_another_question_is_refused(
    sandbox: Sandbox, secrets: Path
) -> None:
    pasted = "http://localhost:8478/callback?code=stolen&state=guessed\n"
    with pytest.raises(OperatorError, match="mismatching_state"):
        run(
            *("auth", "salesforce", *addresses("salesforce", sandbox), "--no-browser"),
            typed=pasted,
        )


def test_a_code_for_another_machine_is_waited_for_until_it_is_typed(sandbox: Sandbox) -> None:
    shown: list[str] = []
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            requests.post(shown[0], {"user_code": shown[1]}, timeout=60).raise_for_status()

    agreement = Agreement(
        way_of("dynamics", sandbox), App(client_id=dynamics.CLIENT_ID), redirect_uri(8478)
    )
    granted = agreement.by_device(lambda address, code: shown.extend((address, code)), wait)
    assert granted.refresh_token in sandbox.crms["dynamics"].server.desk.refresh_tokens  # type: ignore[attr-defined]
    assert waits == [5.0, 5.0]


def test_a_vendor_without_device_codes_says_what_to_do_instead(
    sandbox: Sandbox, secrets: Path
) -> None:
    with pytest.raises(OperatorError, match="Use --no-browser"):
        run("auth", "hubspot", *addresses("hubspot", sandbox), "--device")


def test_nobody_is_waited_for_longer_than_said() -> None:
    clock = iter([0.0, 0.0, 301.0])
    with Callback(0, ticks=lambda: next(clock)) as callback:
        callback._server.handle_request = lambda: None  # type: ignore[method-assign]
        with pytest.raises(OperatorError, match="Nobody agreed within 5 minutes"):
            callback.wait("state", 300.0)


def test_a_port_that_is_taken_is_named_with_the_way_out() -> None:
    with Callback(0) as taken, pytest.raises(OperatorError, match="Name another with --port"):
        Callback(int(taken.redirect_uri.split(":")[2].split("/")[0]))


MICROSOFT = """
[deals.crm]
kind = "csv"
path = "deals.csv"
columns = {{ deal_id = "ID" }}
milestones = {{ won = "Won" }}
[rules.won]
milestone = "won"
action_id = "Sale"
[destinations.microsoft]
kind = "microsoft"
account_id = 1
customer_id = 2
login_url = "{url}"
"""


def test_microsoft_advertising_is_signed_in_to_on_its_page_and_proved_by_a_token(
    sandbox: Sandbox, person: Person, secrets: Path
) -> None:
    config = Path("convsync.toml")
    config.write_text(MICROSOFT.format(url=sandbox.http_url))
    app = [f"--set={key}={value}" for key, value in zip(_APP_KEYS, MICROSOFTS_APP, strict=True)]
    said = run("auth", "microsoft", *app, "--port", "0").output
    assert "https://ads.microsoft.com/msads.manage" in said
    assert "Microsoft gave an access token" in said
    (table,) = load_settings(config).destinations.values()
    assert isinstance(table, MicrosoftTable)
    assert table.refresh_token is not None
    assert table.client_id == MICROSOFTS_APP[0]


_APP_KEYS = ("client_id", "client_secret")


def test_every_vendor_one_can_sign_in_to_has_its_command() -> None:
    assert set(VENDORS) == set(entrances.vendors())


def test_without_a_secrets_folder_one_beside_the_config_is_created_and_named(
    sandbox: Sandbox, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {})
    config = str(tmp_path / "convsync.toml")
    said = run("auth", "hubspot", *addresses("hubspot", sandbox), "--port", "0", "-c", config)
    folder = tmp_path / "secrets"
    assert f"export CONVSYNC_SECRETS_DIR={folder}" in said.stderr
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "CONVSYNC_DEALS__CRM__REFRESH_TOKEN" in Folder(folder).read()
