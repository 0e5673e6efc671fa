"""What CRMs have in common on whose page a person lets an app in: page, answer, and token."""

from collections.abc import Mapping

from convsync.sandbox.consent import ConsentDesk, ConsentRefused
from convsync.sandbox.crm.server import CrmServer, Reply, Request

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class ConsentingServer(CrmServer):
    """A vendor with a page for it. Subclasses name its path, and set up `desk`."""

    desk: ConsentDesk

    def consent_page(self, request: Request) -> Reply:
        """Show what an app asks for."""
        try:
            page = self.desk.page(request.query)
        except ConsentRefused as refused:
            return Reply(status=400, body={"error": refused.error})
        return Reply(body=page, headers={"Content-Type": "text/html; charset=utf-8"})

    def consent_given(self, request: Request) -> Reply:
        """Send the browser back with a code, or with a no."""
        try:
            address = self.desk.decided(request.form(), self.now())
        except ConsentRefused as refused:
            return Reply(status=400, body={"error": refused.error})
        return Reply(status=302, headers={"Location": address})

    def revoke(self, request: Request) -> Reply:
        """Take a refresh token back."""
        token = {**request.query, **request.form()}.get("token", "")
        is_known = self.desk.revoke(token)
        return Reply(status=200 if is_known else 400, body={})

    def agreed(self, form: Mapping[str, str]) -> dict[str, str] | None:
        """Return what an answer holds beside the access token, for a code or a refresh token.

        None: there is no such token, or the grant is another. Raises ConsentRefused for a code.
        """
        match form.get("grant_type"):
            case "authorization_code":
                token, scope = self.desk.redeem(form, self.now())
                return {"refresh_token": token, "scope": scope}
            case grant if grant == DEVICE_CODE:
                token, scope = self.desk.redeem_device(form, self.now())
                return {"refresh_token": token, "scope": scope}
            case "refresh_token" if form.get("refresh_token") in self.desk.refresh_tokens:
                return {"refresh_token": form["refresh_token"]}
        return None
