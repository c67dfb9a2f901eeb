"""A real shop's books, brought in as files and worked out: Northwind, moved to today."""

from __future__ import annotations

import csv
import io
import tarfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from contracts.imports import ImportDone, ImportKind
from db import imports
from db.imports import Asked
from tests.accounts.shop import Shop

DATA = Path(__file__).parent.parent / "data" / "northwind.tar.gz"
LAST_DAY = date(1998, 5, 6)


def _read(name: str) -> list[dict[str, str]]:
    with tarfile.open(DATA) as packed:
        file = packed.extractfile(f"{name}.csv")
        assert file is not None
        return list(csv.DictReader(io.StringIO(file.read().decode("utf-8-sig"))))


def _file(rows: list[dict[str, Any]]) -> io.BytesIO:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(text.getvalue().encode())


def _orders(moved: timedelta) -> list[dict[str, Any]]:
    """Every line with its order and customer. What was ordered counts as delivered that day."""
    customers, heads = {c["customer_id"]: c for c in _read("customers")}, {o["order_id"]: o for o in _read("orders")}
    rows: list[dict[str, Any]] = []
    for line in _read("order_details"):
        head = heads[line["order_id"]]
        customer, day = customers[head["customer_id"]], str(date.fromisoformat(head["order_date"][:10]) + moved)
        rows.append(
            {
                "Order ID": line["order_id"], "Customer": customer["company_name"], "City": customer["city"],
                "Country": customer["country"], "Order Date": day, "Delivered": day, "Product": line["product_id"],
                "Quantity": line["quantity"], "Unit Price": line["unit_price"], "Discount": line["discount"],
            }
        )  # fmt: skip
    return rows


async def bring(shop: Shop, kind: ImportKind, rows: list[dict[str, Any]], *, dry_run: bool = False) -> ImportDone:
    return await imports.load_file(shop.pool, shop.tenant, _file(rows), Asked(kind, "t.csv", "tests", dry_run))


def counts(done: ImportDone) -> tuple[int, int, int, int, int]:
    return done.rows, done.created, done.merged, done.bad, done.companies_created


async def test_northwinds_books_give_what_was_measured(shop: Shop) -> None:
    # S4.01 S4.09: 24 of 67 live SKUs last less than 14 days
    today = await shop.conn.fetchval("SELECT (app.now() AT TIME ZONE 'UTC')::date")
    stock = [
        {"SKU": p["product_id"], "Product name": p["product_name"], "Units in stock": p["units_in_stock"],
         "Active": "no" if p["discontinued"] == "1" else "yes"}
        for p in _read("products")
    ]  # fmt: skip
    assert counts(await bring(shop, "skus", stock)) == (77, 77, 0, 0, 0)
    orders = _orders(today - LAST_DAY)
    rehearsed = await bring(shop, "orders", orders, dry_run=True)
    assert await shop.conn.fetchval("SELECT count(*) FROM app.orders") == 0
    done = await bring(shop, "orders", orders)
    assert counts(done) == counts(rehearsed) == (2155, 2155, 0, 0, 89)
    again = await bring(shop, "orders", orders)
    assert (again.again, await shop.conn.fetchval("SELECT count(*) FROM app.order_lines")) == (True, 2155)
    total = await shop.conn.fetchval("SELECT sum(value) FROM app.orders")
    assert round(total) == 1_265_793, "Northwind's revenue after discounts"

    stats = await shop.run("accounts.burn_rates")
    assert (stats["processed"], stats["errorCount"], stats["low"], stats["alertsOpened"]) == (77, 0, 24, 24)
    assert await shop.conn.fetchval("SELECT count(*) FROM app.skus WHERE active") == 67
    stats = await shop.run("accounts.update_types")
    assert (stats["processed"], sum(stats["types"].values())) == (89, 89)
    assert await shop.conn.fetchval("SELECT count(*) FROM app.orders WHERE is_first_order") == 89
    keys = await shop.conn.fetch(
        "SELECT c.name FROM app.accounts a JOIN app.companies c ON c.id = a.company_id WHERE a.account_type = 'KEY'"
        " ORDER BY a.value_12m DESC LIMIT 3"
    )
    assert {"Save-a-lot Markets", "Ernst Handel", "QUICK-Stop"} == {row["name"] for row in keys}


async def test_rows_that_are_wrong_are_named_and_the_others_come_in(shop: Shop) -> None:
    # S4.02
    good = {
        "order_id": "1", "customer": "Karoo", "domain": "karoo.co.za", "ordered_at": "2026-01-05", "delivered_at": "",
        "sku": "tea", "quantity": "2", "unit_price": "10", "discount": "0.1",
    }  # fmt: skip
    wrong = [
        {"ordered_at": "yesterday"}, {"quantity": "-1"}, {"quantity": "nan"}, {"sku": ""}, {"domain": ""}, {"discount": "50"},
    ]  # fmt: skip
    done = await bring(shop, "orders", [good, *({**good, "order_id": str(n), **w} for n, w in enumerate(wrong, 2))])
    assert counts(done) == (7, 1, 0, 6, 1)
    assert [(e.row, e.column, e.code) for e in done.first_errors] == [
        (3, "ordered_at", "bad_date"), (4, "quantity", "bad_number"), (5, "quantity", "bad_number"), (6, "sku", "missing"),
        (7, None, "no_key"), (8, "discount", "bad_number"),
    ]  # fmt: skip
    row = await shop.conn.fetchrow(
        "SELECT o.value, l.unit_price, s.on_hand FROM app.orders o JOIN app.order_lines l ON l.order_id = o.id"
        " JOIN app.skus s ON s.id = l.sku_id"
    )
    assert row is not None
    assert tuple(row) == (18.0, 9.0, None), "a SKU that only an order names has not been counted"


async def test_samples_come_in_and_corrections_replace_what_stood(shop: Shop) -> None:
    sample = {
        "sample_id": "1",
        "company": "Karoo",
        "domain": "karoo.co.za",
        "sku": "tea",
        "rep": "Ada",
        "given_at": "2026-01-05",
    }
    assert counts(await bring(shop, "samples", [sample])) == (1, 1, 0, 0, 1)
    assert counts(await bring(shop, "samples", [{**sample, "rep": "Bo"}])) == (1, 0, 1, 0, 0)
    assert await shop.conn.fetchval("SELECT rep FROM app.samples") == "Bo"
    assert counts(await bring(shop, "skus", [{"sku": "tea", "on_hand": "7"}])) == (1, 0, 1, 0, 0)
    assert await shop.conn.fetchval("SELECT on_hand FROM app.skus") == 7
