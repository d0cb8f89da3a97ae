"""NativeAuthenticator as hubwright ships it."""

from __future__ import annotations

from typing import Any

from nativeauthenticator import NativeAuthenticator
from nativeauthenticator.handlers import LocalBase
from nativeauthenticator.handlers import LoginHandler as NativeLoginHandler
from tornado import web
from tornado.escape import url_escape


class LoginHandler(NativeLoginHandler):  # type: ignore[misc]
    """The login page.

    NativeAuthenticator 1.3's handler predates JupyterHub 6, whose handlers have no `statsd` and whose error pages
    pass further arguments to `_render`: on it every failed login would be an HTTP 500.
    """

    def _render(
        self, login_error: str | None = None, username: str | None = None, *, sync: bool = False, **_error: Any
    ) -> Any:
        # JupyterHub also renders its error pages for this form, with `sync` and arguments the form has no use for.
        return self.render_template(
            "native-login.html",
            sync=sync,
            next=url_escape(self.get_argument("next", default="")),
            username=username,
            login_error=login_error,
            login_url=self.settings["login_url"],
            enable_signup=self.authenticator.enable_signup,
            two_factor_auth=self.authenticator.allow_2fa,
        )

    async def post(self) -> None:
        """Log in, or show the form again with the reason."""
        data = {
            name: self.get_argument(name, strip=name == "username")
            for name in self.request.body_arguments
            if name != "_xsrf"
        }
        if "username" not in data or "password" not in data:
            raise web.HTTPError(400, "Enter a user name and a password.")
        user = await self.login_user(data)
        if user:
            self._jupyterhub_user = user
            self.redirect(self.get_next_url(user))
            return
        self.set_status(403)
        self.finish(await self._render(login_error=self._login_error(data), username=data["username"][:64]))

    def _login_error(self, data: dict[str, str]) -> str:
        known = self.authenticator.get_user(data["username"])
        # Only someone who has the password may learn that the account exists.
        if known and not known.is_authorized and known.is_valid_password(data["password"]):
            return "Your account waits for an administrator's approval."
        return "Invalid username or password."


class HubwrightAuthenticator(NativeAuthenticator):  # type: ignore[misc]
    """NativeAuthenticator with a login page that works on JupyterHub 5.5 and 6.1."""

    def get_handlers(self, app: Any) -> list[tuple[str, type[LocalBase]]]:
        """URL table: NativeAuthenticator's, with our login page."""
        handlers = dict(super().get_handlers(app))
        handlers[r"/login"] = LoginHandler
        return list(handlers.items())
