"""The link that the first start prints: whoever opens it chooses the first administrator's password.

It is good once, and for as long as the password that was made up has neither been used nor changed. Only its hash is
kept, with the account and the version of its credentials that it is for.
"""

import hmac

from auth.secrets import generate_session_secret, hash_secret
from storage.metadata import facts, users
from storage.metadata.database import Transaction
from storage.metadata.users import UserRecord

_FACT = "setup_link"


def offer(tx: Transaction, user: UserRecord) -> str:
    """The secret of the link for an account, in place of any before it."""
    secret = generate_session_secret()
    facts.set_value(tx, _FACT, f"{user.id} {user.credential_version} {hash_secret(secret)}")
    return secret


def find(tx: Transaction, secret: str) -> UserRecord | None:
    """Whose password may be chosen with it; None where the link is not good, or not any more."""
    user_id, version, secret_hash = (facts.find(tx, _FACT) or "0 0 -").split(" ")
    user = users.find_by_id(tx, int(user_id))
    if user is None or user.is_disabled or user.credential_version != int(version):
        return None
    return user if hmac.compare_digest(hash_secret(secret), secret_hash) else None


def is_offered(tx: Transaction) -> bool:
    return facts.find(tx, _FACT) is not None


def withdraw(tx: Transaction) -> None:
    facts.remove(tx, _FACT)
