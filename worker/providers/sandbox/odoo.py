"""A stand-in for Odoo, twice: version 19 with both doors at `/odoo`, and version 16 with the older one only at `/odoo16`.

It keeps what it is given until a reset. `load` imports as Odoo does: an external id that is known updates, all rows are saved or
none, and messages name the rows to blame. What makes a row bad: no name, an unknown parent, a country that is not one, a
priority beyond "3", an e-mail address without "@" (a constraint such as many databases have). The model `x.busy` is always being
changed by somebody else, `x.secret` is not for us. A key with `ordinary` in it may not read `ir.model.data`, whose `repoint` is
what Odoo's merging of records does to their names, and whose `uninstall` takes a model away.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from worker.providers.sandbox import odoo_records as records
from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.odoo_records import Database, Trouble
from worker.providers.sandbox.vendor import Asked, Offer

VERSIONS = {"odoo": "19.0", "odoo16": "16.0"}
_UID, _LOGIN = 2, "sandbox@example.com"
_API_MODEL = (
    "repoint",
    "uninstall",
    "load",
    "create",
    "fields_get",
    "search_read",
    "context_get",
    "check_access_rights",
)


def json2(asked: Asked) -> Answer:
    """`POST /json/2/<model>/<method>` with named arguments."""
    key = asked.headers.get("authorization", "")
    if not key.lower().startswith("bearer ") or "wrong" in key:
        return _error(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")
    model, method = asked.path_params["model"], asked.path_params["method"]
    try:
        body = json.loads(asked.body)
        named = {name: value for name, value in body.items() if name not in ("ids", "context")}
        _keep_names_from(key, model)
        return json_answer(200, _execute(_database(asked), model, method, body.get("ids") or [], named))
    except Trouble as trouble:
        return _error(trouble.status, trouble.name, str(trouble))
    except (ValueError, TypeError, AttributeError) as error:
        return _error(422, "werkzeug.exceptions.UnprocessableEntity", str(error))


def version(asked: Asked) -> Answer:
    """`GET /web/version`."""
    number = VERSIONS[_name(asked)]
    return json_answer(200, {"version_info": [int(number[:2]), 0, 0, "final", 0, ""], "version": number})


def jsonrpc(asked: Asked) -> Answer:
    """`POST /jsonrpc`: every answer is a 200."""
    body = json.loads(asked.body)
    head = {"jsonrpc": "2.0", "id": body.get("id")}
    try:
        asking = body["params"]
        result = _service(asked, asking["service"], asking["method"], asking["args"])
    except records.NoModel as missing:
        return json_answer(
            200, {**head, "error": _fault("odoo.exceptions.UserError", f"Object {missing.model} doesn't exist")}
        )
    except Trouble as trouble:
        return json_answer(200, {**head, "error": _fault(trouble.name, str(trouble))})
    return json_answer(200, {**head, "result": result})


def _fault(name: str, message: str) -> dict[str, Any]:
    debug = "Traceback (most recent call last): ..."
    data = {"name": name, "debug": debug, "message": message, "arguments": [message], "context": {}}
    return {"code": 200, "message": "Odoo Server Error", "data": data}


def _service(asked: Asked, service: str, method: str, args: list[Any]) -> Any:
    if (service, method) == ("common", "version"):
        number = VERSIONS[_name(asked)]
        return {"server_version": number, "server_serie": number, "protocol_version": 1}
    if args[0] != "sandbox":
        raise Trouble(
            f'connection to server failed: FATAL:  database "{args[0]}" does not exist', "psycopg2.OperationalError"
        )
    if (service, method) in (("common", "authenticate"), ("common", "login")):
        return _UID if args[1] == _LOGIN and "wrong" not in args[2] else False
    if args[1] != _UID or "wrong" in args[2]:
        raise Trouble("Access Denied", "odoo.exceptions.AccessDenied", 403)
    model, name, positional = args[3], args[4], list(args[5])
    _keep_names_from(args[2], model)
    ids = [] if name in _API_MODEL or not positional else positional.pop(0)
    named = {name: value for name, value in (args[6] if len(args) > 6 else {}).items() if name != "context"}
    return _execute(_database(asked), model, name, ids, named, *positional)


def _execute(kept: Database, model: str, method: str, ids: list[int], named: Mapping[str, Any], *args: Any) -> Any:
    if model == "res.users":
        if method == "context_get":
            return {"lang": "en_US", "tz": "Asia/Singapore", "uid": _UID}
        return [{"id": _UID, "login": _LOGIN}]
    if model == "x.busy":
        raise Trouble(
            "could not serialize access due to concurrent update", "psycopg2.errors.SerializationFailure", 500
        )
    if model == "x.secret":
        raise Trouble("You are not allowed to access 'Secret' (x.secret) records.", "odoo.exceptions.AccessError", 403)
    if model not in kept.fields:
        raise records.NoModel(model)
    if method in ("has_access", "check_access_rights"):
        return True
    methods: dict[str, Callable[..., Any]] = {
        "load": records.load,
        "create": records.create,
        "search_read": records.search_read,
        "fields_get": records.fields_get,
    }
    if (model, method) == (records.DATA, "repoint"):
        return records.repoint(kept, *args)
    if (model, method) == (records.DATA, "uninstall"):
        return records.uninstall(kept, *args)
    if model in (records.DATA, records.COUNTRY) and method not in ("search_read", "fields_get"):
        raise Trouble(f"You are not allowed to modify {model}.", "odoo.exceptions.AccessError", 403)
    if method == "write":
        return records.write(kept, model, ids, *args, **named)
    if method == "unlink":
        return records.unlink(kept, model, ids)
    if method not in methods:
        raise Trouble(f"the method '{model}.{method}' does not exist", "werkzeug.exceptions.NotFound", 404)
    return methods[method](kept, model, *args, **named)


def _keep_names_from(key: str, model: str) -> None:
    """What newer servers do: names are for administrators."""
    if "ordinary" in key and model == records.DATA:
        raise Trouble(
            f"You are not allowed to access 'Model Data' ({model}) records.", "odoo.exceptions.AccessError", 403
        )


def _database(asked: Asked) -> Database:
    name = _name(asked)
    kept = asked.state.get(name)
    if not isinstance(kept, Database):
        kept = asked.state[name] = Database(int(VERSIONS[name][:2]))
    return kept


def _name(asked: Asked) -> str:
    return asked.path.split("/")[1]


def _error(status: int, name: str, message: str) -> Answer:
    debug = "Traceback (most recent call last): ..."
    said = {"name": name, "message": message, "arguments": [message], "context": {}, "debug": debug}
    return json_answer(status, said)


def _throttled(_asked: Asked, wait_s: float) -> Answer:
    return Answer(429, "text/html", b"<h1>Too Many Requests</h1>", headers={"Retry-After": f"{max(1, round(wait_s))}"})


OFFERS = (
    Offer("odoo", "json2", "POST", "/odoo/json/2/{model}/{method}", json2, _throttled),
    Offer("odoo", "version", "GET", "/odoo/web/version", version, _throttled),
    Offer("odoo", "jsonrpc", "POST", "/odoo/jsonrpc", jsonrpc, _throttled),
    Offer("odoo", "jsonrpc", "POST", "/odoo16/jsonrpc", jsonrpc, _throttled),
)
