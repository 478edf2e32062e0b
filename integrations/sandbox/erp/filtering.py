"""Reads $filter: comparisons, and, or, not, brackets, startswith, endswith, substringof."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integrations.formats.odata import read_literal
from integrations.sandbox.erp.model import EntitySet, Property
from integrations.sandbox.erp.refusal import Refusal, refuse
from integrations.sandbox.erp.values import Comparable, Row, comparable

TOKEN = re.compile(
    r"\s*(?:(?P<literal>(?:datetimeoffset|datetime|guid|time)?'(?:[^']|'')*'|-?\d+(?:\.\d+)?[mMdDlLfF]?)"
    r"|(?P<word>[A-Za-z_]\w*)|(?P<sign>[(),]))",
    re.ASCII,
)
Test = Callable[[Row], bool]
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "substringof": lambda part, whole: part in whole,
}
MAX_DEPTH = 100


def wrong(text: str) -> Refusal:
    """A filter the ERP does not understand."""
    return refuse("/IWBEP/CM_MGW_RT/022", f"Invalid filter: {text}")


def read_filter(text: str, entity_set: EntitySet) -> Test:
    """The test a filter describes; raises Refusal naming what is wrong."""
    parser = _Parser(_tokens(text), entity_set)
    test = parser.either()
    if parser.place < len(parser.tokens):
        raise wrong(f"unexpected {parser.tokens[parser.place]!r}")
    return test


def _tokens(text: str) -> list[str]:
    tokens, place = [], 0
    text = text.rstrip()
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None:
            raise wrong(f"unexpected {text[place : place + 20]!r}")
        tokens.append(match[0].strip())
        place = match.end()
    return tokens


@dataclass
class _Parser:
    tokens: list[str]
    entity_set: EntitySet
    place: int = 0
    depth: int = 0

    def either(self) -> Test:
        tests = [self._both()]
        while self._accept("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._single()]
        while self._accept("and"):
            tests.append(self._single())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _single(self) -> Test:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise wrong(f"more than {MAX_DEPTH} conditions or brackets")
        if self._accept("not"):
            inner = self._single()
            return lambda row: not inner(row)
        if self._accept("("):
            test = self.either()
            self._expect(")")
            return test
        word = self._next()
        return self._call(word) if word in FUNCTIONS else self._comparison(word)

    def _comparison(self, name: str) -> Test:
        one = self._property(name)
        sign = self._next()
        if sign not in COMPARISONS:
            raise wrong(f"unknown operator {sign!r}")
        value = self._value(one)
        compare = COMPARISONS[sign]
        if sign in {"eq", "ne"}:
            return lambda row: compare(comparable(one, row[one.name]), value)
        return lambda row: row[one.name] is not None and compare(comparable(one, row[one.name]), value)

    def _call(self, name: str) -> Test:
        self._expect("(")
        first = self._next()
        self._expect(",")
        second = self._next()
        self._expect(")")
        if self._accept("eq"):
            self._expect("true")
        test = FUNCTIONS[name]
        arguments = [self._argument(first), self._argument(second)]
        return lambda row: test(*(read(row) for read in arguments))

    def _argument(self, token: str) -> Callable[[Row], str]:
        if token.startswith("'"):
            text = _literal(token)
            return lambda _row: str(text)
        name = self._property(token).name
        return lambda row: str(row[name] or "")

    def _value(self, one: Property) -> Comparable:
        word = self._next()
        value = None if word == "null" else _literal(word)
        sample = comparable(one, _sample(one))
        if value is not None and type(value) is not type(sample):
            raise wrong(f"{one.name} is {one.type}, {word} is not")
        return value

    def _property(self, name: str) -> Property:
        one = self.entity_set.properties.get(name)
        if one is None:
            raise wrong(f"property {name!r} not found in type {self.entity_set.type_name!r}")
        return one

    def _next(self) -> str:
        if self.place >= len(self.tokens):
            raise wrong("it ends too early")
        self.place += 1
        return self.tokens[self.place - 1]

    def _accept(self, token: str) -> bool:
        found = self.place < len(self.tokens) and self.tokens[self.place] == token
        self.place += found
        return found

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise wrong(f"{token!r} is missing")


def _literal(token: str) -> Comparable:
    try:
        return read_literal(token)
    except ValueError as error:
        raise wrong(str(error)) from error


def _sample(one: Property) -> object:
    samples = {"Edm.Decimal": "0", "Edm.DateTime": "/Date(0)/", "Edm.DateTimeOffset": "/Date(0)/"}
    return samples.get(one.type, False if one.type == "Edm.Boolean" else "")
