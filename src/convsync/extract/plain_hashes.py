"""Hashes of e-mails and phones as others make them: keys to what was hashed before it came here.

Google's rule drops the dots of a Gmail mailbox and what follows its +, and keeps the + of a phone.
Most systems hash an address in lower case as it stands, and of a phone the digits alone. Where a
source of the company holds such hashes, the others have these keys beside their own, so that both
join. They are keys and nothing else: what is sent is hashed by Google's rule.
"""

from collections.abc import Iterable, Iterator

from convsync.extract.mapping import CellFormat
from convsync.extract.several import phones_in
from convsync.model.identifiers import hashed, hashes_in, normalised_email, normalised_phone
from convsync.model.key import Key, KeyKind

_AROUND = "<>,;|\"'()"


class PlainHashes:
    """Makes the keys of one source; none where nothing of the company was hashed elsewhere."""

    def __init__(self, form: CellFormat) -> None:
        self.are_joined = form.joins_plain_hashes
        self._separator = form.value_separator

    def of_emails(self, text: str) -> Iterator[str]:
        """Yield the plain hash of each address in a text that Google's rule would change."""
        for sign in _AROUND:
            text = text.replace(sign, " ")
        for address in text.lower().split(self._separator):
            plain = address.strip()
            if (by_google := normalised_email(plain)) and by_google != plain:
                yield hashed(plain)

    def of_phones(self, text: str, region: str | None) -> Iterator[str]:
        """Yield the hash of the digits of each phone number in a text."""
        for part in () if hashes_in(text) else phones_in(text, self._separator):
            if number := normalised_phone(part, region):
                yield hashed(number.removeprefix("+"))

    def keys(self, emails: Iterable[str], phones: Iterable[str], region: str | None) -> list[Key]:
        """Return the keys of whoever has these e-mails and phones."""
        return [
            *(Key(KeyKind.EMAIL, one) for text in emails if text for one in self.of_emails(text)),
            *(
                Key(KeyKind.PHONE, one)
                for text in phones
                if text
                for one in self.of_phones(text, region)
            ),
        ]
