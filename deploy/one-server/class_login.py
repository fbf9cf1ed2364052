"""Log-in for a class without accounts on paper: a name, the class's pass phrase, an own password.

NativeAuthenticator keeps the passwords (as bcrypt hashes in the hub's database), refuses common
ones, counts failed attempts, and lets people change their password. What is added here is the
pass phrase: a name that the hub does not know yet gets the password that it came with, if the pass
phrase is right. From then on the name needs that password, and no pass phrase.
"""

from hmac import compare_digest

from nativeauthenticator import NativeAuthenticator
from nativeauthenticator.handlers import ChangePasswordAdminHandler, ChangePasswordHandler
from tornado.web import HTTPError
from traitlets import Bool, Unicode

LONGEST = 72  # bytes of a password: bcrypt takes no more
NAMES = (
    "A name has 2 to 20 characters: small letters from a to z, digits and hyphens. It begins with "
    "a letter."
)
PASSWORDS = (
    "This password is too short, too long or too common. Choose one with at least 8 characters "
    "that nobody guesses."
)
WRONG = (
    "Name and password do not match. Is this your first time here? Then somebody else has this "
    "name already: choose another one."
)
FIRST_TIME = (
    "The hub does not know this name yet. The first time, type the pass phrase of the class too, "
    "as your instructor shows it. If you have been here before, look at the spelling of your name."
)
WAIT = "Too many attempts. Wait a few minutes, then try again, or ask your instructor."


def plain(pass_phrase: str) -> bytes:
    """Return a pass phrase without what people type differently: capitals, spaces, hyphens."""
    return "".join(pass_phrase.casefold().replace("-", " ").split()).encode()


class ClassLogin(NativeAuthenticator):
    """NativeAuthenticator with one form, on which the first use needs a pass phrase."""

    open_signup = Bool(True, config=True, help="Who knows the pass phrase needs no approval.")
    class_pass_phrase = Unicode(config=True, help="What learners type the first time.")
    instructor = Unicode(config=True, help="The name that sees the hub's admin page.")
    instructor_pass_phrase = Unicode(
        config=True, help="What the instructor types the first time, in place of the class's."
    )

    def knows_pass_phrase(self, name, given):
        """Is this the pass phrase that a new name needs? The instructor's name has its own."""
        mine = name == self.instructor
        wanted = plain(self.instructor_pass_phrase if mine else self.class_pass_phrase)
        return bool(wanted) and compare_digest(plain(given), wanted)

    def is_password_strong(self, password):
        """Refuse what bcrypt refuses, too."""
        return len(password.encode()) <= LONGEST and super().is_password_strong(password)

    async def authenticate(self, handler, data):
        """Return the name of who may come in; otherwise say on the form what is wrong."""
        name = self.normalize_username(data.get("username", "").strip())
        password = data.get("password", "")
        # Somebody who tries out pass phrases would take another name each time
        address = f"address {handler.request.remote_ip}"
        if not self.validate_username(name):
            raise HTTPError(403, NAMES)
        if self.is_blocked(name):
            raise HTTPError(429, WAIT)
        if self.user_exists(name):
            known = len(password.encode()) <= LONGEST and await super().authenticate(
                handler, {"username": name, "password": password}
            )
            if not known:
                raise HTTPError(403, WRONG)
            return name
        if self.is_blocked(address):
            raise HTTPError(429, WAIT)
        if not self.knows_pass_phrase(name, data.get("pass_phrase", "")):
            self.add_login_attempt(address)
            raise HTTPError(403, FIRST_TIME)
        self.successful_login(address)
        if not self.create_user(name, password):
            raise HTTPError(403, PASSWORDS)
        return name

    def get_handlers(self, app):
        """Leave JupyterHub's log-in page as it is, and sign-up, approval and the like out."""
        return [
            (r"/change-password", ChangePasswordHandler),
            (r"/change-password/([^/]+)", ChangePasswordAdminHandler),
        ]
