"""What Go's encoding/json says of a text that begins with no whole JSON value. Asked of bad texts alone."""

import re
from typing import NoReturn

_BLANK = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')
_HEX = re.compile(rb"[0-9a-fA-F]{0,4}")
_DIGITS = re.compile(rb"[0-9]*")
_WORDS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}
_DEEPEST = 10_000
_MOST_PARTS = 50_000
"""So many members and elements are gone through, which takes a quarter of a second; a place beyond is not told."""
_CLOSED_BY = {ord("{"): ord("}"), ord("["): ord("]")}
_PLACES = {ord("{"): "after object key:value pair", ord("["): "after array element"}


class _SyntaxFault(Exception):  # noqa: N818 - never leaves this module
    pass


def problem(body: bytes) -> str | None:
    """The text of the error; None where the scanner goes through, however deeply the value is nested."""
    try:
        _Scan(body).run()
    except _SyntaxFault as fault:
        return str(fault)
    return None


class _Scan:
    """Walks over one value without making anything of it; no recursion, so that depth costs nothing."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0
        self.inside: list[int] = []
        """The brackets that are open."""

    def run(self) -> None:
        self._value()
        parts = 0
        while self.inside:
            parts += 1
            if parts > _MOST_PARTS:
                raise _SyntaxFault(f"invalid JSON after more than {_MOST_PARTS} values")
            bracket, byte = self.inside[-1], self._next()
            if byte == _CLOSED_BY[bracket]:
                self.at += 1
                self.inside.pop()
            elif byte == ord(","):
                self.at += 1
                self._key() if bracket == ord("{") else None
                self._value()
            else:
                self._bad(_PLACES[bracket])

    def _value(self) -> None:
        """A literal, an empty object or list, or the start of a full one down to its first literal."""
        while True:
            byte = self._next()
            if byte not in _CLOSED_BY:
                return self._literal(byte)
            self.at += 1
            if self._next() == _CLOSED_BY[byte]:
                self.at += 1
                return None
            self.inside.append(byte)
            if len(self.inside) > _DEEPEST:
                raise _SyntaxFault("exceeded max depth")
            if byte == ord("{"):
                self._key()

    def _key(self) -> None:
        if self._next() != ord('"'):
            self._bad("looking for beginning of object key string")
        self._string()
        if self._next() != ord(":"):
            self._bad("after object key")
        self.at += 1

    def _literal(self, byte: int) -> None:
        if byte == ord('"'):
            self._string()
        elif byte in _WORDS:
            self._word(_WORDS[byte])
        elif byte == ord("-") or (chr(byte).isdigit() and byte < 128):
            self._number()
        else:
            self._bad("looking for beginning of value")

    def _string(self) -> None:
        found = _STRING.match(self.body, self.at)
        self.at = found.end() if found else self.at
        byte = self._here()
        if byte == ord('"'):
            self.at += 1
        elif byte == ord("\\"):
            self.at += 1
            if self._here() != ord("u"):
                self._bad("in string escape code")
            self.at = hex_digits.end() if (hex_digits := _HEX.match(self.body, self.at + 1)) else self.at
            self._bad("in \\u hexadecimal character escape")
        else:
            self._bad("in string literal")

    def _word(self, word: bytes) -> None:
        for expected in word[1:]:
            self.at += 1
            if self._here() != expected:
                self._bad(f"in literal {word.decode()} (expecting {_quoted(expected)})")
        self.at += 1

    def _number(self) -> None:
        self.at += self._here() == ord("-")
        if self._here() == ord("0"):
            self.at += 1
        else:
            self._digits("in numeric literal")
        if self.body[self.at : self.at + 1] == b".":
            self.at += 1
            self._digits("after decimal point in numeric literal")
        if self.body[self.at : self.at + 1] in (b"e", b"E"):
            self.at += 1
            self.at += self._here() in b"+-"
            self._digits("in exponent of numeric literal")

    def _digits(self, place: str) -> None:
        found = _DIGITS.match(self.body, self.at)
        if found is None or found.end() == self.at:
            self._bad(place)
        self.at = found.end()

    def _next(self) -> int:
        """The next byte that is not blank."""
        found = _BLANK.match(self.body, self.at)
        self.at = found.end() if found else self.at
        return self._here()

    def _here(self) -> int:
        if self.at >= len(self.body):
            raise _SyntaxFault("unexpected EOF")
        return self.body[self.at]

    def _bad(self, place: str) -> NoReturn:
        raise _SyntaxFault(f"invalid character {_quoted(self._here())} {place}")


def _quoted(byte: int) -> str:
    """A byte as Go shows it: the character of that number, in single quotes."""
    char = chr(byte)
    short = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    if char in ("'", "\\"):
        return f"'\\{char}'"
    if char in short:
        return f"'{short[char]}'"
    if byte < 0x20 or byte == 0x7F:
        return f"'\\x{byte:02x}'"
    return f"'{char}'" if byte < 0x7F or (byte > 0xA0 and byte != 0xAD) else f"'\\u{byte:04x}'"
