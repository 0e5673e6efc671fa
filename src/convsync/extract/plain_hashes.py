"""Hashes of e-mails and phones as others make them: keys to what was hashed before it came here.

Google's rule drops the dots of a Gmail mailbox and what follows its +, and keeps the + of a phone.
Most systems hash an address in lower case as it stands, and of a phone the digits alone. Where a
source of the company holds such hashes, the others have these keys beside their own, so that both
join. Where a platform of the company finds people by such hashes, they are kept beside Google's, in
pairs, and sent to that platform alone.
"""

from collections.abc import Iterable, Iterator

from msgspec import structs

from convsync.extract.mapping import CellFormat
from convsync.extract.several import phones_in
from convsync.model.identifiers import (
    Identifiers,
    hashed,
    hashes_in,
    normalised_email,
    normalised_phone,
)
from convsync.model.key import Key, KeyKind

_AROUND = "<>,;|\"'()"

Pair = tuple[str, str]
"""The hash of an address or a number by Google's rule, and its plain one."""


class PlainHashes:
    """Makes the plain hashes of one source's people.

    They `are_joined` where something of the company was hashed elsewhere, and `are_kept` where a
    platform of the company finds people by them.
    """

    def __init__(self, form: CellFormat) -> None:
        self.are_joined = form.joins_plain_hashes
        self.are_kept = form.keeps_plain_hashes
        self._separator = form.value_separator

    def of_emails(self, text: str) -> Iterator[Pair]:
        """Yield a pair for each address in a text that Google's rule would change."""
        for sign in _AROUND:
            text = text.replace(sign, " ")
        for address in text.lower().split(self._separator):
            plain = address.strip()
            if (by_google := normalised_email(plain)) and by_google != plain:
                yield hashed(by_google), hashed(plain)

    def of_phones(self, text: str, region: str | None) -> Iterator[Pair]:
        """Yield a pair for each phone number in a text."""
        for part in () if hashes_in(text) else phones_in(text, self._separator):
            if number := normalised_phone(part, region):
                yield hashed(number), hashed(number.removeprefix("+"))

    def beside(
        self, who: Identifiers, emails: Iterable[str], phones: Iterable[str], region: str | None
    ) -> Identifiers:
        """Return people with their plain hashes beside Google's; the texts are those of `who`."""
        if not who:
            return who
        pairs = [pair for text in emails if text for pair in self.of_emails(text)]
        pairs += [pair for text in phones if text for pair in self.of_phones(text, region)]
        known = {*who.emails, *who.phones}
        first = {by_google: plain for by_google, plain in reversed(pairs) if by_google in known}
        return structs.replace(who, plain=tuple(first.items()))

    def keys(self, emails: Iterable[str], phones: Iterable[str], region: str | None) -> list[Key]:
        """Return the keys of whoever has these e-mails and phones."""
        return [
            *(
                Key(KeyKind.EMAIL, one)
                for text in emails
                if text
                for _, one in self.of_emails(text)
            ),
            *(
                Key(KeyKind.PHONE, one)
                for text in phones
                if text
                for _, one in self.of_phones(text, region)
            ),
        ]
