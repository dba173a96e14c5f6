"""What keeps a run of Schemathesis deep and alive.

Deep: places in paths and fields of bodies hold things that are there, most of the time; requests carry a key that may do
what they ask; what has to be signed or hashed is.
Alive: nothing takes away the key, the account, the model or the rates that the rest of the run needs. Each of these
guards stands in `GUARDED` or `bounded` with its reason; what they keep from happening is tested in Rust.
Polite: nothing is sent to an address outside of this machine, and nobody waits for events.
"""

import base64
import collections
import hashlib
import hmac
import json
import os
import time

import schemathesis

# What is there: by the name of a place in a path, and the keys.
THERE = json.loads(os.environ["SCHEMA_THERE"])
# One in so many requests keeps the places, the fields or the missing credential that were made up.
MADE_UP, NO_KEY = 4, 16
# Methods and paths that would end the run, and what stands in the place of their path instead.
GUARDED = {
    # Own keys and members: a spare one.
    ("DELETE", "/api/v1/keys/{key}"): {"key": "spare_key"},
    ("POST", "/api/v1/keys/{key}/rotate"): {"key": "spare_key"},
    ("DELETE", "/api/v1/organisations/{organisation}/members/{handle}"): {"handle": "spare_account"},
    ("PUT", "/api/v1/organisations/{organisation}/members/{handle}"): {"handle": "spare_account"},
    # A model that is yanked, hidden, taken down or dear is called no more.
    ("POST", "/api/v1/models/{owner}/{name}/releases/{release}/yank"): {"name": "spare_model"},
    ("DELETE", "/api/v1/models/{owner}/{name}/releases/{release}/yank"): {"name": "spare_model"},
    ("PUT", "/api/v1/models/{owner}/{name}/releases/{release}/price"): {"name": "spare_model"},
    ("POST", "/api/v1/admin/models/{owner}/{name}/hide"): {"name": "spare_model"},
    ("POST", "/api/v1/admin/models/{owner}/{name}/take-down"): {"name": "spare_model"},
    ("POST", "/api/v1/admin/models/{owner}/{name}/restore"): {"name": "spare_model"},
    # An account that may keep nothing hands in nothing.
    ("PUT", "/api/v1/admin/quotas/{owner}"): {"owner": "spare_account"},
}
# What is there under paths that begin so, where it is another thing than elsewhere.
ELSEWHERE = {
    "/api/v1/organisations/{organisation}/keys/": {"key": "organisation_key"},
    "/api/v1/models/{owner}/{name}/access": {"name": "gated_model"},
    "/api/v1/run/": {"name": "rows_model"},
}
# Fields of bodies that name something, by the end of the path.
FIELDS = {
    "/admin/grants": {"handle": "handle", "amount": "amount"},
    "/admin/deposits": {"handle": "handle", "amount": "amount"},
    "/admin/payouts": {"handle": "handle", "amount": "amount", "id": None, "hold": None},
    "/admin/holds": {"handle": "handle", "amount": "amount"},
    "/api/v1/refunds": {"call": "call", "amount": None},
    "/infer": {"inputs": "tensors", "outputs": None, "parameters": None},
    "/v1/embeddings": {"model": "model"},
}
COUNTS = collections.Counter()


def every(case, what, number):
    """Whether it is the first of so many requests of an operation: the same one in every run."""
    COUNTS[case.method, case.operation.path, what] += 1
    return COUNTS[case.method, case.operation.path, what] % number == 1


def bounded(value, limit):
    """The same body, whose texts are bounds that nobody reaches: money or rates of the rest of the run."""
    if isinstance(value, dict):
        return {name: bounded(one, limit) for name, one in value.items()}
    return limit if isinstance(value, str) else value


def signed(headers, body):
    """As the operator's tools sign, by Standard Webhooks."""
    identity, now = headers.get("webhook-id", "message"), str(int(time.time()))
    secret = base64.b64decode(THERE["deposit_secret"].removeprefix("whsec_"))
    told = b".".join([identity.encode("latin-1", "replace"), now.encode(), body])
    signature = base64.b64encode(hmac.new(secret, told, hashlib.sha256).digest()).decode()
    headers.update({"webhook-id": identity, "webhook-timestamp": now, "webhook-signature": f"v1,{signature}"})


@schemathesis.hook
def before_call(context, case, kwargs):
    method, path = case.method.upper(), case.operation.path
    places, body, headers = case.path_parameters or {}, case.body, case.headers
    real = not every(case, "place", MADE_UP)
    there = dict(THERE)
    for start, names in ELSEWHERE.items():
        if path.startswith(start):
            there |= {name: THERE[other] for name, other in names.items()}
    guarded = GUARDED.get((method, path), {})
    for name in list(places):
        if name in guarded:
            places[name] = THERE[guarded[name]]
        elif real and name in there:
            places[name] = there[name]
    if isinstance(body, dict):
        for end, names in FIELDS.items():
            if real and path.endswith(end):
                for name, other in names.items():
                    if other is not None:
                        body[name] = THERE[other]
                    else:
                        body.pop(name, None)
        if real and path.startswith("/api/v1/run/"):
            case.body = {"input": THERE["row"]}
        if isinstance(body.get("url"), str) and "://" in body["url"]:
            body["url"] = "https://hooks.invalid/messages"
        if (method, path) == ("PUT", "/api/v1/limits"):
            case.body = bounded(body, "1000000")
        if (method, path) == ("PUT", "/api/v1/admin/request-rates"):
            case.body = bounded(body, "1000000/s")
    if method == "PUT" and "sha256" in places and real and isinstance(body, bytes | str):
        case.body = body if isinstance(body, bytes) else body.encode()
        places["sha256"] = hashlib.sha256(case.body).hexdigest()
        (headers or {}).pop("Content-Range", None)
    if headers is not None and "Authorization" not in headers and not every(case, "key", NO_KEY):
        admin = "/admin/" in path or path == "/metrics"
        # Nobody asks for weights of their own.
        asks = (method, path) == ("POST", "/api/v1/models/{owner}/{name}/access")
        headers["Authorization"] = f"Bearer {THERE['operator' if admin else 'asker' if asks else 'caller']}"
    if headers is not None and real and path == "/api/v1/deposits" and isinstance(body, dict):
        case.body = json.dumps(body).encode()
        signed(headers, case.body)
    if case.query and "wait" in case.query:
        case.query["wait"] = 0
