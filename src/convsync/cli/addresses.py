"""People named by e-mail addresses, which are read from stdin and leave this module hashed."""

import sys

from convsync.errors import OperatorError


def digests_from_stdin() -> frozenset[bytes]:
    """Return the digests of the addresses on stdin, one a line, as keys.

    Raises OperatorError, which repeats none of them, where there is none or a line is no address.
    """
    from convsync.model.erased import digests_of_people
    from convsync.model.identifiers import Identifiers, hashed, normalised_email

    written = [line for line in sys.stdin.read().splitlines() if line.strip()]
    emails = [normalised_email(line) for line in written]
    if not emails or None in emails:
        number = emails.index(None) + 1 if None in emails else 1
        raise OperatorError(f"Line {number} of stdin is not an e-mail address. Nothing was done.")
    return frozenset(
        digests_of_people(Identifiers(emails=tuple(hashed(one) for one in emails if one)))
    )
