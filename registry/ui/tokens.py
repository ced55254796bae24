"""Personal access tokens, as their owners make them."""

from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from auth.permits import Permit
from registry.core.access_tokens import USUAL_DAYS, AccessTokens, Wish
from registry.errors import BadQuery, Conflict
from registry.ui.grants import Grants, Summary, choices, sent_days, sent_grants, summary_of
from registry.ui.languages import marked
from registry.ui.pages import Pages, own_account
from registry.ui.secrets import told
from registry.ui.texts import reason
from registry.web import PAGES, Call
from storage.metadata.access_tokens import AccessTokenRecord

ACCOUNT = f"{PAGES}/account"


@dataclass(frozen=True, slots=True)
class ShownToken:
    """Without a `summary` it may do all that its account may."""

    record: AccessTokenRecord
    summary: Summary | None


def shown_token(token: AccessTokenRecord) -> ShownToken:
    bounds = None if token.permissions is None else msgspec.json.decode(token.permissions, type=list[Permit])
    return ShownToken(token, None if bounds is None else summary_of(bounds))


class TokenScreens:
    def __init__(self, pages: Pages, tokens: AccessTokens) -> None:
        self._pages = pages
        self._tokens = tokens

    def new(self, call: Call) -> Response:
        return self._form(call, Grants())

    def create(self, call: Call) -> Response:
        user, name, grants = own_account(call), call.form("name"), sent_grants(call)
        try:
            bounds = None if call.form("bounds") == "all" else grants.permits()
            days = sent_days(call) or USUAL_DAYS
            _, secret = self._tokens.create(call.actor, user.id, Wish(name, days, bounds))
        except Conflict as error:
            return self._form(call, grants, marked("The token was not made:"), error.message)
        except BadQuery as error:
            return self._form(call, grants, marked("The token was not made:"), reason(error))
        shown = told(user.name, secret, self._pages.host(call.request))
        return self._pages.show(call, "secret.html", secret=shown, back=ACCOUNT)

    def revoke(self, call: Call) -> Response:
        self._tokens.revoke(call.actor, own_account(call).id, call.number("token_id"))
        return self._pages.go(call, ACCOUNT, marked("The token was revoked."))

    def _form(self, call: Call, grants: Grants, error: str = "", detail: str = "") -> Response:
        values = {
            **choices(),
            "system": {},
            "grants": grants,
            "name": call.form("name"),
            "days": call.form("days") or str(USUAL_DAYS),
            "is_bounded": call.form("bounds") == "chosen",
            "error": error,
            "detail": detail,
        }
        return self._pages.show(call, "new_token.html", 422 if error else 200, **values)
