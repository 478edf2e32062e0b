"""Forms: the base class, strict fields, and domain errors shown where they belong."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_wtf import FlaskForm
from wtforms import DateField, StringField
from wtforms.validators import ValidationError
from wtforms.widgets import NumberInput

from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.foundation.quantity import MAX_QUANTITY, plain

QUANTITY_TOO_MUCH = f"Enter at most {MAX_QUANTITY:,}."
HIGHEST_AMOUNT = Decimal("999999999.99")


class Form(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A form whose service may refuse: the sentence appears at the field, nothing typed is lost."""

    @contextmanager
    def accepting(self, *, writes: bool = True) -> Iterator[None]:
        """Runs a service; Invalid undoes its changes (if it `writes`) and becomes an error of the form."""
        try:
            with db.session.begin_nested() if writes else nullcontext():
                yield
        except Invalid as error:
            field = self._fields.get(error.field or "")
            if field is None:
                self.form_errors.append(str(error))
            else:
                field.errors = [*field.errors, str(error)]

    @property
    def is_refused(self) -> bool:
        """Whether anything is wrong with the form."""
        return bool(self.errors)


class QuantityField(StringField):  # type: ignore[misc]
    """A positive quantity up to `most`; `zero` allows none. `data` is a Decimal or None."""

    widget = NumberInput(min=0, step="any")

    most = MAX_QUANTITY
    too_much = QUANTITY_TOO_MUCH

    def __init__(self, label: str, *, zero: bool = False, whole: bool = False, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.zero = zero
        self.whole = whole

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return plain(self.data) if self.data is not None else ""

    @property
    def typed(self) -> str:
        """The text in the box, as it was typed."""
        return self._value()

    def process_formdata(self, valuelist: list[str]) -> None:
        """Reads one number; refuses what is not a quantity in a sentence."""
        self.data = None
        text = valuelist[0].strip() if valuelist else ""
        if text:
            quantity = parse_quantity(text, zero=self.zero, whole=self.whole, too_much=self.too_much)
            if quantity > self.most:
                raise ValidationError(self.too_much)
            self.data = quantity


def parse_quantity(
    text: str, *, zero: bool = False, whole: bool = False, too_much: str = QUANTITY_TOO_MUCH
) -> Decimal:
    """A quantity as typed; raises ValidationError saying what to type instead."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValidationError("Enter a number, for example 12.") from None
    if not value.is_finite() or value < 0 or (value == 0 and not zero):
        raise ValidationError("Enter a quantity above zero.")
    if value > MAX_QUANTITY:
        raise ValidationError(too_much)
    exponent = value.as_tuple().exponent
    if whole and value != value.to_integral_value():
        raise ValidationError("Enter a whole number.")
    if isinstance(exponent, int) and exponent < -3:
        raise ValidationError("Enter at most three decimals.")
    return value


class MoneyField(StringField):  # type: ignore[misc]
    """An amount of money from zero, as people type it; `data` is a Decimal or None."""

    def __init__(
        self, label: str, *, decimals: int = 2, highest: Decimal = HIGHEST_AMOUNT, **kwargs: Any
    ) -> None:
        super().__init__(label, **kwargs)
        self.decimals = decimals
        self.highest = highest

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return typed_amount(self.data) if self.data is not None else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Reads one amount; refuses what is none in a sentence."""
        self.data: Any = None  # for mypy: after InputRequired it is a Decimal
        text = valuelist[0].strip().removeprefix("$").replace(",", "") if valuelist else ""
        if text:
            self.data = parse_amount(text, self.decimals, self.highest)


def parse_amount(text: str, decimals: int, highest: Decimal) -> Decimal:
    """An amount as typed; raises ValidationError saying what to type instead."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValidationError("Enter an amount, for example 12.50.") from None
    if not amount.is_finite() or not 0 <= amount <= highest:
        raise ValidationError(f"Enter an amount from 0 to {int(highest):,}.")
    if amount != round(amount, decimals):
        raise ValidationError(f"Enter at most {decimals} decimals.")
    return amount


def typed_amount(amount: Decimal) -> str:
    """An amount as people type it: 7.25, 0.0825."""
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:.{decimals}f}"


class DayField(DateField):  # type: ignore[misc]
    """A calendar day; `data` is a date or None."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Reads one day; says what to type when it is none."""
        self.data: Any = None  # for mypy: after InputRequired it is a date
        text = valuelist[0].strip() if valuelist else ""
        if text:
            try:
                self.data = date.fromisoformat(text)
            except ValueError:
                raise ValidationError("Enter a date that exists, for example 2027-03-31.") from None
