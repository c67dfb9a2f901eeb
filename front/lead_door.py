"""`headwater leads`, whole: the commands on the database, and those on files."""

from __future__ import annotations

from db.feedback_commands import lead_feedback
from db.lead_commands import leads_app
from db.run_replay_commands import replay_leads
from front.backtest.command import backtest

leads_app.command("replay")(replay_leads)
leads_app.command("feedback")(lead_feedback)
leads_app.command("backtest")(backtest)

__all__ = ["leads_app"]
