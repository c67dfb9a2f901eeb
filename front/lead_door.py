"""`headwater leads`, whole: the commands on the database, and those on files."""

from __future__ import annotations

from front.backtest import command
from db.lead_commands import leads_app

leads_app.command("backtest")(command.backtest)

__all__ = ["leads_app"]
