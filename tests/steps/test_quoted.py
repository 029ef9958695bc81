"""What programs print is quoted within a sentence: its end, without what makes it anything but a quotation."""

import pytest

from steps.text import quoted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KeyError: 'price'\n  at row 3", "KeyError: 'price' at row 3"),
        ('a "quoted" end" ; success', "a 'quoted' end' ; success"),
        ("thanks @acme/shop, fixes #7, see !8", "thanks acme/shop, fixes 7, see 8"),
        ("see https://evil.example/x or www.evil.example", "see https:/ evil.example/x or evil.example"),
        ("postgres://shop:p@ss@db:5432/shop refused", "postgres:/ db:5432/shop refused"),
        ("[a](b) <b> `c` ~d~ *e* |f| g\\h", "a (b) b c d e f g h"),
        ("\x1b[31mred\x00\u202e\u200b", "31mred"),
        ("pay\u200bpal \U000e0041dmin soft\u00adhyphen \ufeff1", "pay pal dmin soft hyphen 1"),
        ("größer als 3 €", "größer als 3"),
    ],
)
def test_nothing_in_it_is_a_mention_a_link_or_a_login(text: str, expected: str) -> None:
    assert quoted(text, 200) == f'"{expected}"'


def test_what_is_too_long_loses_its_beginning() -> None:
    assert quoted("x" * 50 + " the end", 12) == '"\u2026x the end"'
    assert len(quoted("word " * 1000, 100)) <= 100
    assert quoted("x" * 10, 12) == f'"{"x" * 10}"', "the control"


@pytest.mark.parametrize("text", ["", " \n", "@#"])
def test_nothing_is_no_quotation(text: str) -> None:
    assert quoted(text, 100) == ""


@pytest.mark.parametrize("room", [-5, 0, 2, 3])
def test_where_there_is_no_room_nothing_is_said(room: int) -> None:
    assert quoted("much more than that", room) == ""
