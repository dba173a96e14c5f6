"""The playground in a real browser: what is typed is what is sent, charged once, shown, and written as code.

Always: nothing on a page asks another host for anything, and the browser's console stays empty.

HUB is the hub's URL, HUB_KEY a key of an account with money (scopes call and money). HUB_ROWS and HUB_TENSORS are models of
somebody else's at a price per call: fixtures `passengers.onnx` with its task (columns age, fare, port; labels no, yes), and
`houses.onnx` without one.
"""

import base64
import json
import os
import re
import subprocess
import tempfile
import unittest
import urllib.parse

from playwright.sync_api import expect, sync_playwright

HUB = os.environ["HUB"].rstrip("/")
KEY = os.environ["HUB_KEY"]
ROWS = os.environ.get("HUB_ROWS", "alice/passengers")
TENSORS = os.environ.get("HUB_TENSORS", "alice/houses")


class Playground(unittest.TestCase):
    """One browser for all; each test has a session of its own."""

    @classmethod
    def setUpClass(cls):
        cls.playwright = sync_playwright().start()
        cls.addClassCleanup(cls.playwright.stop)
        cls.browser = cls.playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.context = self.browser.new_context(viewport={"width": 1280, "height": 900})
        self.addCleanup(self.context.close)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request))

    def tearDown(self):
        # A refusal of the hub's is told there, too, and is no fault of the page.
        faults = [text for text in self.said if not re.search(r"status of 4\d\d", text)]
        self.assertEqual(faults, [])
        hosts = {request.url.split("/")[2] for request in self.asked if request.url.startswith("http")}
        self.assertLessEqual(hosts, {HUB.split("/")[2]})

    def sign_in(self):
        self.page.goto(f"{HUB}/login")
        self.page.get_by_label("A key of the account").fill(KEY)
        self.page.get_by_role("button", name="Sign in with a key").click()
        self.page.wait_for_url(lambda url: "/login" not in url)

    def runs(self):
        return [request for request in self.asked if request.method == "POST" and re.search(r"/api/v1/run/|/infer$", request.url)]

    def test_a_row_is_run_and_charged_and_its_receipt_is_there(self):
        self.sign_in()
        self.page.goto(f"{HUB}/{ROWS}")
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
        self.page.goto(f"{HUB}/{ROWS}")
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
        self.page.goto(f"{HUB}/{ROWS}")
        self.page.route("**/api/v1/run/**", lambda route: route.abort(), times=1)
        button = self.page.get_by_role("button", name="Run", exact=True)
        button.click()
        expect(self.page.get_by_role("alert")).to_contain_text("charged once")
        button.click()
        expect(self.page.get_by_role("status").filter(has_text="Answered.")).to_be_visible()
        first, second = self.runs()
        self.assertEqual(first.headers["idempotency-key"], second.headers["idempotency-key"])
        self.said = [text for text in self.said if "ERR_FAILED" not in text]

    def test_what_cannot_be_sent_is_said_beside_and_stays(self):
        self.sign_in()
        self.page.goto(f"{HUB}/{ROWS}")
        self.page.get_by_label("age", exact=True).fill("thirty")
        self.page.get_by_role("button", name="Run", exact=True).click()
        expect(self.page.get_by_role("alert")).to_contain_text("age takes a number")
        expect(self.page.get_by_label("age", exact=True)).to_have_value("thirty")
        expect(self.page.get_by_label("age", exact=True)).to_be_focused()
        self.assertEqual(self.runs(), [])

    def test_a_stranger_signs_in_and_finds_what_was_typed(self):
        self.page.goto(f"{HUB}/{ROWS}")
        self.page.get_by_label("age", exact=True).fill("41")
        self.page.get_by_role("link", name="Sign in to run").click()
        self.page.get_by_label("A key of the account").fill(KEY)
        self.page.get_by_role("button", name="Sign in with a key").click()
        self.page.wait_for_url(f"{HUB}/{ROWS}")
        expect(self.page.get_by_label("age", exact=True)).to_have_value("41")
        expect(self.page.get_by_role("button", name="Run", exact=True)).to_be_enabled()

    def test_code_follows_the_form_and_runs_as_it_is_pasted(self):
        self.page.goto(f"{HUB}/{ROWS}")
        self.page.get_by_label("age", exact=True).fill("37")
        environment = os.environ | {"MODELHUB_KEY": KEY, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
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
        self.page.goto(f"{HUB}/{TENSORS}")
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
        self.page.goto(f"{HUB}/{TENSORS}")
        area = self.page.locator("textarea")
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
        self.page.goto(f"{HUB}/{TENSORS}#input={text.decode().rstrip('=')}")
        expect(self.page.locator("textarea")).to_have_value("[[7, 8, 9]]")
        self.assertEqual(self.runs(), [])
        self.page.goto("about:blank")
        self.page.goto(f"{HUB}/{TENSORS}#input=eyJub25lIjoxfQ")
        expect(self.page.get_by_role("status").first).to_contain_text("does not fit")

    def test_two_models_answer_the_same_input(self):
        self.sign_in()
        query = urllib.parse.urlencode({"a": TENSORS, "b": TENSORS})
        self.page.goto(f"{HUB}/compare?{query}")
        self.page.get_by_role("button", name="Run both").click()
        expect(self.page.get_by_role("status").filter(has_text="Answered.")).to_be_visible()
        self.assertEqual(len(self.runs()), 2)
        self.assertEqual(self.page.get_by_role("link", name="receipt").count(), 2)

    def test_nothing_is_wider_than_a_small_screen(self):
        self.page.set_viewport_size({"width": 360, "height": 800})
        for path in [ROWS, TENSORS, f"compare?a={ROWS}&b={ROWS}"]:
            self.page.goto(f"{HUB}/{path}")
            width = self.page.evaluate("document.documentElement.scrollWidth")
            self.assertLessEqual(width, 360, path)


if __name__ == "__main__":
    unittest.main()
