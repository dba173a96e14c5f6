"""Agents: the library of those who made the Model Context Protocol, on `/mcp` and on `modelhub mcp`.

Both of the protocol's ways to begin are tried: the old handshake, and none.
"""

import asyncio
import contextlib
import decimal
import os
import unittest

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from hub import Hub

MODEL = "alice/scaler"
FEE = "0.002"
ROW = {"name": "features", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}
TOOLS = [
    "search_models",
    "describe_model",
    "price_call",
    "compare_models",
    "call_model",
    "show_receipt",
    "show_balance",
]


def setUpModule():
    """One hub with two models."""
    global HUB, BOB
    # What is asked is on this machine.
    os.environ["NO_PROXY"] = "127.0.0.1"
    HUB = Hub()
    unittest.addModuleCleanup(HUB.stop)
    alice, BOB = HUB.account("alice"), HUB.account("bob", "1")
    HUB.publish(alice, MODEL, "scaler.onnx", f"{FEE} OPG")
    HUB.publish(alice, "alice/dear", "scaler.onnx", "0.5 OPG")


@contextlib.asynccontextmanager
async def over_http(key=None, mode="auto"):
    """An agent's client on the hub itself."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=60) as web:
        async with Client(streamable_http_client(f"{HUB.url}/mcp", http_client=web), mode=mode) as client:
            yield client


@contextlib.asynccontextmanager
async def over_stdio(key=None, mode="auto"):
    """The same on a program that it starts."""
    environment = {"MODELHUB_URL": HUB.url, "HOME": "/nonexistent", "NO_PROXY": "127.0.0.1"}
    if key:
        environment["MODELHUB_KEY"] = key
    program = StdioServerParameters(command=os.environ["MODELHUB"], args=["mcp"], env=environment)
    async with Client(program, mode=mode) as client:
        yield client


def each(test):
    """Runs a test over both ways in, begun both ways."""

    def all_ways(self):
        for way in [over_http, over_stdio]:
            for mode in ["auto", "legacy"]:
                with self.subTest(way=way.__name__, mode=mode):
                    asyncio.run(test(self, lambda key=None, way=way, mode=mode: way(key, mode)))

    return all_ways


async def told(client, tool, **arguments):
    """What a tool says, which has to be good."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def refused(client, tool, **arguments):
    """The code and the words of a tool that refuses."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    return result.structured_content["error"]["code"], result.content[0].text


class Agents(unittest.TestCase):
    """What an agent can do, and cannot."""

    @each
    async def test_an_agent_finds_prices_calls_and_has_a_receipt(self, agent):
        async with agent(BOB) as client:
            self.assertEqual([tool.name for tool in (await client.list_tools()).tools], TOOLS)
            found = await told(client, "search_models", query="scaler", max_price="0.01")
            self.assertEqual([item["model"] for item in found["items"]], [MODEL])
            described = await told(client, "describe_model", model=MODEL)
            self.assertEqual(described["inputs"], [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}])
            price = await told(client, "price_call", model=MODEL)
            self.assertEqual(price["cost"], FEE)
            before = await told(client, "show_balance")
            called = await told(client, "call_model", model=MODEL, max_cost=FEE, tensors=[ROW])
            self.assertEqual((called["cost"], called["paid_from"]), (FEE, "cash"))
            self.assertTrue(called["outputs"])
            receipt = await told(client, "show_receipt", call=called["receipt"])
            self.assertIn(called["receipt"], str(receipt))
            after = await told(client, "show_balance")
            spent = decimal.Decimal(before["cash"]) - decimal.Decimal(after["cash"])
            self.assertEqual(spent, decimal.Decimal(FEE))
        [call] = HUB.cli(BOB, "calls", "--limit", "1")["items"]
        self.assertEqual((call["surface"], call["model"]), ("mcp", MODEL))

    @each
    async def test_what_costs_more_than_was_said_is_not_called(self, agent):
        async with agent(BOB) as client:
            code, words = await refused(client, "call_model", model="alice/dear", max_cost="0.1", tensors=[ROW])
            self.assertEqual(code, "cost_above_limit")
            self.assertIn("0.5", words)

    @each
    async def test_a_key_s_budget_holds_for_an_agent(self, agent):
        poor = HUB.cli(BOB, "key", "create", "--scope", "call", "--max-day", "0.001")["key"]
        async with agent(poor) as client:
            code, _ = await refused(client, "call_model", model=MODEL, max_cost="1", tensors=[ROW])
            self.assertEqual(code, "spending_limit")

    @each
    async def test_without_a_key_an_agent_finds_and_pays_nothing(self, agent):
        async with agent() as client:
            self.assertTrue((await told(client, "search_models"))["items"])
            code, words = await refused(client, "call_model", model=MODEL, max_cost="1", tensors=[ROW])
            self.assertEqual(code, "payment_required")
            self.assertIn(FEE, words)
            self.assertEqual((await refused(client, "show_balance"))[0], "no_key")

    @each
    async def test_the_same_call_again_is_paid_once(self, agent):
        async with agent(BOB) as client:
            arguments = {"model": MODEL, "max_cost": "1", "tensors": [ROW], "idempotency_key": f"once-{id(client)}"}
            first, again = [await told(client, "call_model", **arguments) for _ in range(2)]
            self.assertEqual((first["receipt"], first["outputs"]), (again["receipt"], again["outputs"]))
            self.assertEqual(again["replayed"], "true")

    @each
    async def test_models_are_compared_and_one_that_is_not_there_hides_no_other(self, agent):
        async with agent(BOB) as client:
            models = [MODEL, "alice/dear", "alice/nothing"]
            cheap, dear, nothing = (await told(client, "compare_models", models=models))["models"]
            self.assertEqual((cheap["cost"], dear["cost"]), (FEE, "0.5"))
            self.assertIn("alice/nothing", nothing["error"])

    @each
    async def test_bad_arguments_are_named(self, agent):
        async with agent(BOB) as client:
            for tool, arguments, named in [
                ("call_model", {"model": MODEL, "max_cost": "1"}, "tensors"),
                ("call_model", {"model": "../../etc", "max_cost": "1", "tensors": [ROW]}, "../../etc"),
                ("call_model", {"model": MODEL, "max_cost": "much", "tensors": [ROW]}, "much"),
                ("call_model", {"model": MODEL, "max_cost": "1", "tensors": [{**ROW, "shape": [3]}]}, "shape"),
                ("describe_model", {"model": MODEL, "relaese": "1.00"}, "relaese"),
                ("describe_model", {"model": MODEL, "release": "one"}, "one"),
                ("show_receipt", {"call": "call_1/../../account"}, "call_1/../../account"),
                ("search_models", {"limit": 1000}, "1000"),
                ("compare_models", {"models": [MODEL]}, "2 to 5"),
            ]:
                _, words = await refused(client, tool, **arguments)
                self.assertIn(named, words)


if __name__ == "__main__":
    unittest.main()
