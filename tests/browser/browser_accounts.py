"""From stranger to first call, and from file to first income, in a real browser."""

import re
import subprocess
import unittest

from site_ import Site


class Accounts(Site):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.alice = cls.hub.account("alice")
        cls.hub.publish(cls.alice, "alice/iris", "scaler.onnx", "0.002 OPG")

    def test_a_stranger_gets_a_passkey_a_key_and_an_answer(self):
        page = self.joined("ada")
        self.assertIn("ada", page.get_by_role("heading", level=1).inner_text())
        page.get_by_role("link", name="Keys").click()
        page.get_by_label("Name").fill("laptop")
        page.get_by_label("A call", exact=True).fill("0.01")
        page.get_by_role("button", name="Make key").click()
        key = re.search(r"mh_[0-9a-f]{64}", page.get_by_role("status").inner_text()).group()
        answer = self.hub.call(
            key,
            "alice/iris",
            {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}]},
        )
        self.assertEqual(answer.status, 200)
        page.goto("/account/calls")
        row = page.get_by_role("row").filter(has_text="alice/iris")
        self.assertIn("0.002", row.inner_text())
        row.get_by_role("link", name="receipt").click()
        page.wait_for_url("**/receipts/call_*")
        self.assertIn("holds", page.locator("main").inner_text())
        # The secret is shown once.
        page.goto("/account/keys")
        self.assertNotIn(key, page.content())
        page.get_by_role("button", name="Revoke laptop").click()
        page.wait_for_url("**/account/keys")
        self.assertEqual(self.hub.call(key, "alice/iris", {"inputs": []}).status, 401)

    def test_one_comes_back_with_the_passkey_and_leaves(self):
        page = self.joined("bea")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{self.root}/")
        page.goto("/account")
        page.wait_for_url("**/login?next=%2Faccount")
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url("**/account")
        self.assertIn("bea", page.get_by_role("heading", level=1).inner_text())

    def test_a_wallet_makes_an_account_and_signs_in_to_it(self):
        page = self.visitor()
        address = self.wallet(page, 7)
        page.goto("/login/join")
        page.get_by_label("Handle").fill("wanda")
        page.get_by_role("button", name="Make it with a wallet").click()
        page.wait_for_url("**/account")
        page.goto("/account/signin")
        self.assertIn(address, page.locator("main").inner_text())
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{self.root}/")
        page.goto("/login")
        page.get_by_role("button", name="Sign in with a wallet").click()
        page.wait_for_url("**/account")
        # The only way in stays.
        page.expected = {409}
        page.goto("/account/signin")
        page.get_by_role("button", name=f"Remove {address}").click()
        self.assertIn("last way", page.get_by_role("alert").inner_text())

    def test_what_is_wrong_is_said_beside_the_form_and_what_was_typed_stays(self):
        page = self.visitor()
        self.passkeys(page)
        page.expected = {401, 409, 400}
        page.goto("/login/join")
        page.get_by_label("Handle").fill("alice")
        page.get_by_role("button", name="Make it with a passkey").click()
        page.get_by_text("taken").wait_for()
        self.assertEqual(page.get_by_label("Handle").input_value(), "alice")
        page.goto("/login")
        page.get_by_label("A key of the account").fill("mh_wrong")
        page.get_by_role("button", name="Sign in with a key").click()
        self.assertIn("not known", page.get_by_role("alert").inner_text())
        page = self.joined("carl")
        page.expected = {400}
        page.goto("/account/keys")
        page.get_by_label("Name").fill("typed")
        page.get_by_label("A day", exact=True).fill("much")
        page.get_by_role("button", name="Make key").click()
        self.assertIn("much", page.get_by_role("alert").inner_text())
        self.assertEqual(page.get_by_label("Name").input_value(), "typed")

    def test_an_uploader_sees_what_came_in(self):
        page = self.visitor()
        page.goto("/login")
        page.get_by_label("A key of the account").fill(self.alice)
        page.get_by_role("button", name="Sign in with a key").click()
        page.wait_for_url("**/account")
        self.assertIn("alice/iris", page.locator("main").inner_text())
        payer = self.hub.account("payer")
        body = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
        self.hub.publish(self.alice, "alice/earner", "scaler.onnx", "0.002 OPG")
        self.assertEqual(self.hub.call(payer, "alice/earner", body).status, 200)
        page.goto("/account/earnings?by=release")
        row = page.get_by_role("row").filter(has_text="alice/earner")
        # Whoever comes to a hub with --dev pays with play money first: no income, and never shown as such.
        self.assertIn("trial", row.inner_text())
        self.assertIn("0.0018", row.inner_text())
        page.goto("/account/money")
        self.assertIn("alice/earner", page.locator("main").inner_text())

    def test_a_program_is_let_in_on_a_page(self):
        page = self.joined("dora")
        environment = self.hub._environment
        program = subprocess.Popen(
            [self.hub._binary, "login", self.root, "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        link = re.search(r"http\S+/login/device\?code=\S+", program.stderr.readline() + program.stderr.readline()).group()
        page.goto(link.replace(self.hub.url, self.root))
        page.get_by_role("button", name="Let it in").click()
        self.assertIn("Done", page.get_by_role("status").inner_text())
        out, err = program.communicate(timeout=30)
        self.assertEqual(program.returncode, 0, err)
        self.assertIn('"dora"', out)

    def test_by_keyboard_alone(self):
        page = self.visitor()
        self.passkeys(page)
        page.goto("/")

        def to(name):
            for _ in range(60):
                page.keyboard.press("Tab")
                focused = page.evaluate("document.activeElement.innerText || document.activeElement.name || ''").strip()
                if focused == name:
                    return
            self.fail(f"no Tab leads to {name}")

        to("Sign in")
        page.keyboard.press("Enter")
        page.wait_for_url("**/login")
        to("Make one")
        page.keyboard.press("Enter")
        page.wait_for_url("**/login/join")
        to("handle")
        page.keyboard.type("keys")
        to("Make it with a passkey")
        page.keyboard.press("Enter")
        page.wait_for_url("**/account")
        to("Keys")
        page.keyboard.press("Enter")
        page.wait_for_url("**/account/keys")
        to("Make key")
        page.keyboard.press("Enter")
        page.get_by_role("status").wait_for()
        self.assertRegex(page.get_by_role("status").inner_text(), r"mh_[0-9a-f]{64}")

    def test_another_sites_page_does_nothing_with_the_session(self):
        page = self.joined("eva")
        cookie = next(c for c in page.context.cookies() if c["name"] == "modelhub_session")
        self.assertTrue(cookie["httpOnly"])
        self.assertEqual(cookie["sameSite"], "Lax")
        for headers in [
            {"Origin": "https://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {},
        ]:
            answer = self.hub.post(
                "/api/v1/keys",
                '{"name": "stolen", "scopes": ["call"]}',
                {"Cookie": f"modelhub_session={cookie['value']}", "Content-Type": "application/json", **headers},
            )
            self.assertEqual((answer.status, answer.json["error"]["code"]), (403, "cross_origin"), headers)


if __name__ == "__main__":
    unittest.main()
