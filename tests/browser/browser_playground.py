"""The playground in a real browser: what is typed is what is sent, charged once, shown, and written as code.

Always: nothing on a page asks another host for anything, and the browser's console stays empty.
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import urllib.parse

from playwright.sync_api import expect
from site_ import Site

FIXTURES = pathlib.Path(__file__).parents[2] / "crates/testkit/fixtures"
ROWS, TENSORS = "alice/passengers", "alice/houses"
CARD = """---
modelhub:
  price: { per_call: "0.002 OPG" }
  labels: { probabilities: ["no", "yes"] }
  task:
    type: tabular-classification
    columns: { age: number, fare: number, port: [cork, dover, le havre] }
---
Who gets off where.
"""


class Playground(Site):
    """One browser for all; each test has a session of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        alice = cls.hub.account("alice")
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "model.onnx").write_bytes((FIXTURES / "passengers.onnx").read_bytes())
            (folder / "README.md").write_text(CARD)
            cls.hub.cli(alice, "publish", folder, ROWS)
        cls.hub.publish(alice, TENSORS, "houses.onnx", "0.002 OPG")
        cls.key = cls.hub.account("payer")

    def setUp(self):
        super().setUp()
        self.page = self.visitor(viewport={"width": 1280, "height": 900})
        self.asked = []
        self.page.on("request", lambda request: self.asked.append(request))

    def sign_in(self):
        self.page.goto("/login")
        self.page.get_by_label("A key of the account").fill(self.key)
        self.page.get_by_role("button", name="Sign in with a key").click()
        self.page.wait_for_url("**/account")

    def runs(self):
        return [request for request in self.asked if request.method == "POST" and re.search(r"/api/v1/run/|/infer$", request.url)]

    def test_a_row_is_run_and_charged_and_its_receipt_is_there(self):
        self.sign_in()
        self.page.goto(f"/{ROWS}")
        self.page.get_by_label("age", exact=True).fill("30")
        self.page.get_by_label("fare", exact=True).fill("200")
        self.page.get_by_role("button", name="Run", exact=True).click()
        expect(self.page.get_by_role("status").filter(has_text="Answered.")).to_be_visible()
        answer = self.page.get_by_role("tabpanel", name="Answer")
        expect(answer).to_contain_text(re.compile("yes|no"))
        [sent] = self.runs()
        self.assertEqual(sent.headers["x-modelhub-surface"], "web")
        self.assertEqual(json.loads(sent.post_data)["input"]["age"], 30)
        receipt = self.page.get_by_role("link", name="receipt")
        self.assertRegex(receipt.get_attribute("href"), r"^/receipts/call_")

    def test_two_presses_at_once_are_one_call_and_the_next_is_another(self):
        self.sign_in()
        self.page.goto(f"/{ROWS}")
        button = self.page.get_by_role("button", name="Run", exact=True)
        button.dblclick()
        expect(self.page.get_by_role("status").filter(has_text="Answered.")).to_be_visible()
        self.assertEqual(len(self.runs()), 1)
        with self.page.expect_response(re.compile("/api/v1/run/")):
            button.click()
        keys = {request.headers["idempotency-key"] for request in self.runs()}
        self.assertEqual(len(keys), 2)

    def test_a_press_whose_answer_was_lost_is_repeated_under_its_key(self):
        self.sign_in()
        self.page.goto(f"/{ROWS}")
        self.page.route("**/api/v1/run/**", lambda route: route.abort(), times=1)
        button = self.page.get_by_role("button", name="Run", exact=True)
        button.click()
        expect(self.page.get_by_role("alert")).to_contain_text("charged once")
        button.click()
        expect(self.page.get_by_role("status").filter(has_text="Answered.")).to_be_visible()
        first, second = self.runs()
        self.assertEqual(first.headers["idempotency-key"], second.headers["idempotency-key"])
        self.failures = [failure for failure in self.failures if "ERR_FAILED" not in failure]

    def test_what_cannot_be_sent_is_said_beside_and_stays(self):
        self.sign_in()
        self.page.goto(f"/{ROWS}")
        self.page.get_by_label("age", exact=True).fill("thirty")
        self.page.get_by_role("button", name="Run", exact=True).click()
        expect(self.page.get_by_role("alert")).to_contain_text("Age takes a number")
        expect(self.page.get_by_label("age", exact=True)).to_have_value("thirty")
        expect(self.page.get_by_label("age", exact=True)).to_be_focused()
        self.assertEqual(self.runs(), [])

    def test_a_stranger_signs_in_and_finds_what_was_typed(self):
        self.page.goto(f"/{ROWS}")
        self.page.get_by_label("age", exact=True).fill("41")
        self.page.get_by_role("link", name="Sign in to run").click()
        self.page.get_by_label("A key of the account").fill(self.key)
        self.page.get_by_role("button", name="Sign in with a key").click()
        self.page.wait_for_url(f"**/{ROWS}")
        expect(self.page.get_by_label("age", exact=True)).to_have_value("41")
        expect(self.page.get_by_role("button", name="Run", exact=True)).to_be_enabled()

    def test_code_follows_the_form_and_runs_as_it_is_pasted(self):
        self.page.goto(f"/{ROWS}")
        self.page.get_by_label("age", exact=True).fill("37")
        environment = os.environ | {"MODELHUB_KEY": self.key, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        runs = {
            "curl": lambda text: ["bash", "-c", text],
            "Python": lambda text: ["python3", "-c", text],
            "JavaScript": lambda text: ["node", "--input-type=module", "-e", text],
        }
        for language, command in runs.items():
            with self.subTest(language):
                self.page.get_by_role("tab", name=language).click()
                panel = self.page.get_by_role("tabpanel", name=language)
                expect(panel).to_contain_text("37")
                text = panel.locator("code").inner_text()
                done = subprocess.run(command(text), env=environment, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stdout, "yes|no")
        self.page.get_by_role("tab", name="Rust").click()
        expect(self.page.get_by_role("tabpanel", name="Rust")).to_contain_text("ureq::post")

    def test_tabs_are_walked_by_arrows(self):
        self.page.goto(f"/{TENSORS}")
        curl = self.page.get_by_role("tab", name="curl")
        curl.focus()
        self.page.keyboard.press("ArrowRight")
        expect(self.page.get_by_role("tab", name="Python")).to_be_focused()
        expect(self.page.get_by_role("tabpanel", name="Python")).to_be_visible()
        self.page.keyboard.press("End")
        expect(self.page.get_by_role("tab", name="Rust")).to_have_attribute("aria-selected", "true")
        expect(curl).to_have_attribute("tabindex", "-1")

    def test_tensors_go_as_json_and_as_an_array_with_the_same_answer(self):
        self.sign_in()
        self.page.goto(f"/{TENSORS}")
        area = self.page.locator("textarea[name='features']")
        area.fill("[[1, 2, 3]]")
        button = self.page.get_by_role("button", name="Run", exact=True)
        button.click()
        status = self.page.get_by_role("status").filter(has_text="Answered.")
        expect(status).to_be_visible()
        typed = self.page.get_by_role("tabpanel", name="Answer").inner_text()
        head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }".ljust(117) + b"\n"
        data = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + base64.b64decode("AACAPwAAAEAAAEBA")
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            file.write(data)
            file.flush()
            self.page.get_by_label("or a .npy file").set_input_files(file.name)
            expect(area).to_have_attribute("placeholder", re.compile("1 × 3"))
        with self.page.expect_response(re.compile("/infer$")):
            button.click()
        expect(status).to_be_visible()
        self.assertEqual(self.page.get_by_role("tabpanel", name="Answer").inner_text(), typed)
        self.assertIn("inference-header-content-length", self.runs()[1].headers)

    def test_a_link_brings_the_input_and_runs_nothing(self):
        text = base64.urlsafe_b64encode(json.dumps({"kind": "tensors", "tensors": {"features": "[[7, 8, 9]]"}}).encode())
        self.page.goto(f"/{TENSORS}#input={text.decode().rstrip('=')}")
        expect(self.page.locator("textarea[name='features']")).to_have_value("[[7, 8, 9]]")
        self.assertEqual(self.runs(), [])
        self.page.goto("about:blank")
        self.page.goto(f"/{TENSORS}#input=eyJub25lIjoxfQ")
        expect(self.page.get_by_role("status").first).to_contain_text("does not fit")

    def test_two_models_answer_the_same_input(self):
        self.sign_in()
        query = urllib.parse.urlencode({"a": TENSORS, "b": TENSORS})
        self.page.goto(f"/compare?{query}")
        self.page.get_by_role("button", name="Run both").click()
        expect(self.page.get_by_role("status").filter(has_text="Answered.")).to_be_visible()
        self.assertEqual(len(self.runs()), 2)
        self.assertEqual(self.page.get_by_role("link", name="receipt").count(), 2)

    def test_nothing_is_wider_than_a_small_screen(self):
        self.page.set_viewport_size({"width": 360, "height": 800})
        for path in [ROWS, TENSORS, f"compare?a={ROWS}&b={ROWS}"]:
            self.page.goto(f"/{path}")
            width = self.page.evaluate("document.documentElement.scrollWidth")
            self.assertLessEqual(width, 360, path)


if __name__ == "__main__":
    unittest.main()
