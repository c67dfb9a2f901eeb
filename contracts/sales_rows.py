"""A row of a file as an order line, a SKU or a sample. Pure.

An order that names a SKU twice needs the column `line`: without it a line is known by what was bought, and the later one
replaces the earlier. Times without an offset are UTC. A negative discount or one above 1 is refused: it is a share, 0.05 for 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from contracts.providers import FoundCompany

SalesKind = Literal["skus", "orders", "samples"]
_SKU = "sku, product, product code, product id, item, item code, article, code, sku code"
SKU_FIELDS: Mapping[str, str] = {
    "sku": _SKU,
    "sku_name": "sku name, name, product name, description, item name, title",
    "on_hand": "on hand, stock, units in stock, quantity on hand, inventory, available",
    "lead_days": "lead days, lead time, lead time days",
    "review_days": "review days, review period",
    "active": "active, live, enabled",
}
ORDER_FIELDS: Mapping[str, str] = {
    "order_id": "order id, order, order number, order no",
    "line": "line, line no, line number, position",
    "sku": _SKU,
    "quantity": "quantity, qty, units, amount",
    "unit_price": "unit price, price",
    "discount": "discount",
    "ordered_at": "ordered at, order date, ordered, date",
    "delivered_at": "delivered at, delivery date, delivered, shipped date, shipped at, shipped",
}
SAMPLE_FIELDS: Mapping[str, str] = {
    "sample_id": "sample id, sample, sample number, sample no",
    "sku": _SKU,
    "rep": "rep, sales rep, representative, given by",
    "given_at": "given at, date, sample date, given",
}
#: What must be there, each by one of these.
NEEDED: Mapping[SalesKind, tuple[str, ...]] = {
    "skus": ("sku",),
    "orders": ("order_id", "sku", "quantity", "ordered_at", "name"),
    "samples": ("sample_id", "sku", "given_at", "name"),
}
LONGEST: Mapping[str, int] = {
    "sku": 100, "sku_name": 300, "on_hand": 40, "lead_days": 40, "review_days": 40, "active": 10, "order_id": 200, "line": 100,
    "quantity": 40, "unit_price": 40, "discount": 40, "ordered_at": 40, "delivered_at": 40, "sample_id": 200, "rep": 200,
    "given_at": 40,
}  # fmt: skip
_MOST = 1e12
_YES, _NO = ("1", "true", "yes", "y", "t"), ("0", "false", "no", "n", "f")
_EMPTY = ("", "null", "none", "n/a")


class BadValue(Exception):
    """A cell that keeps its row out."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = field, code, message


@dataclass(frozen=True, slots=True)
class SkuRow:
    """None: the file does not say, so what stands stays."""

    code: str
    name: str | None
    on_hand: float | None
    lead_days: float | None
    review_days: float | None
    active: bool | None


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One line of an order; the price is after the discount."""

    company: FoundCompany
    order: str
    line: str
    sku: str
    quantity: float
    unit_price: float
    ordered_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class SampleRow:
    company: FoundCompany
    sample: str
    sku: str
    rep: str
    given_at: datetime


SalesRow = SkuRow | OrderRow | SampleRow


def sku_of(row: Mapping[str, str]) -> SkuRow:
    """Raises: BadValue."""
    return SkuRow(
        _text(row, "sku"), row.get("sku_name") or None, _number(row, "on_hand"), _number(row, "lead_days", most=3660),
        _number(row, "review_days", most=3660), _flag(row, "active"),
    )  # fmt: skip


def order_of(row: Mapping[str, str], company: FoundCompany) -> OrderRow:
    """Raises: BadValue."""
    sku, ordered = _text(row, "sku"), _moment(row, "ordered_at")
    quantity = _number(row, "quantity")
    if not quantity:
        raise BadValue("quantity", "missing", "is empty or nought: give how many were ordered")
    if ordered is None:
        raise BadValue("ordered_at", "missing", "is empty: give the day of the order")
    price, discount = _number(row, "unit_price") or 0.0, _number(row, "discount", most=1) or 0.0
    return OrderRow(
        company, _text(row, "order_id"), row.get("line") or sku, sku, quantity, price * (1 - discount), ordered,
        _moment(row, "delivered_at"),
    )  # fmt: skip


def sample_of(row: Mapping[str, str], company: FoundCompany) -> SampleRow:
    """Raises: BadValue."""
    given = _moment(row, "given_at")
    if given is None:
        raise BadValue("given_at", "missing", "is empty: give the day it was given")
    return SampleRow(company, _text(row, "sample_id"), _text(row, "sku"), row.get("rep", ""), given)


def _text(row: Mapping[str, str], field: str) -> str:
    value = row.get(field, "")
    if not value:
        raise BadValue(field, "missing", "is empty: it names the row")
    return value


def _number(row: Mapping[str, str], field: str, most: float = _MOST) -> float | None:
    value = row.get(field, "")
    if value.casefold() in _EMPTY:
        return None
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= most:
        raise BadValue(field, "bad_number", f"is no number from 0 to {most:g}: write it like 12 or 12.5")
    return number


def _flag(row: Mapping[str, str], field: str) -> bool | None:
    value = row.get(field, "").casefold()
    if value in _EMPTY:
        return None
    if value not in _YES + _NO:
        raise BadValue(field, "bad_flag", "is neither yes nor no: write one of them")
    return value in _YES


def _moment(row: Mapping[str, str], field: str) -> datetime | None:
    value = row.get(field, "")
    if value.casefold() in _EMPTY:
        return None
    try:
        found = datetime.fromisoformat(value)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        if 1900 <= found.year < 2200:
            return found
    except ValueError:
        pass
    raise BadValue(field, "bad_date", "is no date of 1900 to 2199: write it like 2026-01-31 or 2026-01-31T09:30:00Z")
