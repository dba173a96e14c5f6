"""Organisations and gated weights with `huggingface_hub` as it is.

`cargo xtask test` runs this once with each version that tests/huggingface lists, and says which in HUGGINGFACE.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from hub import FIXTURES, WEB, Hub

if "HUGGINGFACE" not in os.environ:
    raise unittest.SkipTest("for the environments of tests/huggingface")

CARD = b"""---
license: mit
modelhub:
  access: gated
  price: { per_call: "0.001 OPG" }
---
# A net
"""
WEIGHTS = (FIXTURES / "houses.onnx").read_bytes()
PEOPLE = ["ada", "walt", "rita", "bob", "carol", "dave"]


def setUpModule():
    """ada's organisation acme, where walt writes and rita reads, and a client that was told nothing but the address."""
    global HUB, HOME, KEYS, hf
    HUB = Hub()
    unittest.addModuleCleanup(HUB.stop)
    HOME = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory(prefix="modelhub-hf-")))
    KEYS = {name: HUB.account(name) for name in PEOPLE}
    HUB.cli(KEYS["ada"], "organisation", "create", "acme")
    for name, role in [("walt", "writer"), ("rita", "reader")]:
        HUB.cli(KEYS["ada"], "organisation", "add", "acme", name, "--role", role)
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING_FACE"))]:
        del os.environ[name]
    os.environ |= {
        "HF_ENDPOINT": HUB.url,
        "HF_HOME": str(HOME / "cache"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
    }
    # It reads the environment once, when it is imported.
    import huggingface_hub as hf

    assert hf.__version__ == os.environ["HUGGINGFACE"]


def as_(name):
    """Somebody's client."""
    return hf.HfApi(token=KEYS[name])


def download(name, model, **wanted):
    """The weights as somebody reads them, with nothing that was read before."""
    key = KEYS[name] if name else False
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        landed = hf.hf_hub_download(model, "model.onnx", token=key, cache_dir=folder, **wanted)
        return pathlib.Path(landed).read_bytes()


class Organisation(unittest.TestCase):
    """What a member may do."""

    def refused(self, status, do, *args, **kwargs):
        with self.assertRaises(hf.errors.HfHubHTTPError) as raised:
            do(*args, **kwargs)
        self.assertEqual(raised.exception.response.status_code, status)
        return str(raised.exception)

    def test_whoami_says_who_belongs_where(self):
        for name, role in [("ada", "admin"), ("walt", "write"), ("rita", "read")]:
            [org] = as_(name).whoami()["orgs"]
            self.assertEqual((org["name"], org["type"], org["roleInOrg"]), ("acme", "org", role))
        self.assertEqual(as_("bob").whoami()["orgs"], [])
        hf_command = pathlib.Path(sys.executable).with_name("hf")
        command = [hf_command, "auth", "whoami"]
        said = subprocess.run(command, env=os.environ | {"HF_TOKEN": KEYS["walt"]}, capture_output=True, text=True)
        self.assertIn("acme", said.stdout, said.stderr)

    def test_writers_make_and_fill_models_and_admins_decide_about_them(self):
        for name in ["rita", "bob"]:
            self.refused(403, as_(name).create_repo, f"acme/{name}")
        self.assertIn("rita is a reader of acme", self.refused(403, as_("rita").create_repo, "acme/rita"))
        as_("walt").create_repo("acme/mine", private=True)
        as_("walt").upload_file(path_or_fileobj=b"# Mine", path_in_repo="README.md", repo_id="acme/mine")
        self.assertTrue(as_("rita").model_info("acme/mine").private)
        self.assertEqual({model.id for model in as_("rita").list_models(author="acme")} & {"acme/mine"}, {"acme/mine"})
        with self.assertRaises(hf.errors.RepositoryNotFoundError):
            as_("bob").model_info("acme/mine")
        upload = {"path_or_fileobj": b"x", "path_in_repo": "x.txt", "repo_id": "acme/mine"}
        self.refused(403, as_("rita").upload_file, **upload)
        self.refused(403, as_("walt").update_repo_settings, "acme/mine", private=False)
        self.refused(403, as_("walt").move_repo, "acme/mine", "walt/mine")
        self.refused(403, as_("walt").delete_repo, "acme/mine")
        as_("ada").move_repo("acme/mine", "acme/ours")
        as_("ada").delete_repo("acme/ours")

    def test_whoever_is_taken_out_is_out_at_once(self):
        HUB.cli(KEYS["ada"], "organisation", "add", "acme", "carol", "--role", "writer")
        carol = as_("carol")
        carol.create_repo("acme/carols", private=True)
        self.assertTrue(carol.model_info("acme/carols").private)
        HUB.cli(KEYS["ada"], "organisation", "remove", "acme", "carol")
        with self.assertRaises(hf.errors.RepositoryNotFoundError):
            carol.model_info("acme/carols")
        self.refused(403, carol.create_repo, "acme/more")
        self.assertEqual(carol.whoami()["orgs"], [])
        as_("ada").delete_repo("acme/carols")


class Gated(unittest.TestCase):
    """Who reads gated weights."""

    def setUp(self):
        # A model of its own for each test.
        self.model = f"acme/{self._testMethodName.replace('_', '-')[:60]}"
        folder = HOME / self.model
        folder.mkdir(parents=True)
        (folder / "README.md").write_bytes(CARD)
        (folder / "model.onnx").write_bytes(WEIGHTS)
        HUB.cli(KEYS["walt"], "publish", folder, self.model)

    def ask(self, name, text="message=for%20my%20thesis"):
        """What the page of a gated model would send."""
        request = urllib.request.Request(f"{HUB.url}/{self.model}/ask-access", text.encode(), method="POST")
        request.add_header("Authorization", f"Bearer {KEYS[name]}")
        with WEB.open(request) as answer:
            self.assertEqual(answer.status, 200)

    def names(self, of):
        return [request.username for request in of(self.model)]

    def test_weights_are_asked_for_and_let_out(self):
        self.assertEqual(as_("bob").model_info(self.model).gated, "manual")
        for name in [None, "bob", "rita"]:
            with self.assertRaises(hf.errors.GatedRepoError) as raised:
                download(name, self.model)
        self.assertIn("modelhub access request", str(raised.exception))
        self.assertEqual(download("walt", self.model), WEIGHTS)

        walt = as_("walt")
        self.ask("bob")
        self.ask("carol", "")
        with self.assertRaises(hf.errors.GatedRepoError) as raised:
            download("bob", self.model)
        self.assertIn("waits for its owner's answer", str(raised.exception))
        self.assertEqual(self.names(walt.list_pending_access_requests), ["carol", "bob"])
        [carol, bob] = walt.list_pending_access_requests(self.model)
        self.assertEqual((bob.status, bob.fields, carol.fields), ("pending", {"message": "for my thesis"}, None))

        walt.accept_access_request(self.model, "bob")
        self.assertEqual(download("bob", self.model), WEIGHTS)
        self.assertEqual(self.names(walt.list_accepted_access_requests), ["bob"])
        for name in [None, "carol"]:
            with self.assertRaises(hf.errors.GatedRepoError):
                download(name, self.model)
        walt.reject_access_request(self.model, "carol", rejection_reason="for universities alone")
        self.assertEqual(self.names(walt.list_rejected_access_requests), ["carol"])
        walt.cancel_access_request(self.model, "bob")
        with self.assertRaises(hf.errors.GatedRepoError):
            download("bob", self.model)
        walt.grant_access(self.model, "dave")
        self.assertEqual(download("dave", self.model), WEIGHTS)

    def test_what_cannot_be_decided_is_told_as_the_client_says_it(self):
        walt = as_("walt")
        for status, do in [
            (404, lambda: walt.accept_access_request(self.model, "bob")),
            (404, lambda: walt.grant_access(self.model, "nobody")),
            (403, lambda: as_("rita").grant_access(self.model, "bob")),
            (403, lambda: list(as_("bob").list_pending_access_requests(self.model))),
            (403, lambda: as_("bob").accept_access_request(self.model, "bob")),
        ]:
            with self.assertRaises(hf.errors.HfHubHTTPError) as raised:
                do()
            self.assertEqual(raised.exception.response.status_code, status)
        walt.grant_access(self.model, "bob")
        for status, do in [
            (400, lambda: walt.grant_access(self.model, "bob")),
            (404, lambda: walt.accept_access_request(self.model, "bob")),
        ]:
            with self.assertRaises(hf.errors.HfHubHTTPError) as raised:
                do()
            self.assertEqual(raised.exception.response.status_code, status)

    def test_settings_gate_and_close(self):
        ada = as_("ada")
        ada.update_repo_settings(self.model, gated="auto")
        self.assertEqual(ada.model_info(self.model).gated, "auto")
        with self.assertRaises(hf.errors.GatedRepoError):
            download("bob", self.model)
        self.ask("bob")
        self.assertEqual(download("bob", self.model), WEIGHTS)
        # Sealed weights are nobody's, whoever was let in.
        ada.update_repo_settings(self.model, gated=False)
        with self.assertRaises(hf.errors.GatedRepoError) as raised:
            download("bob", self.model)
        self.assertIn("called, not downloaded", str(raised.exception))
        with self.assertRaises(hf.errors.HfHubHTTPError) as raised:
            as_("walt").grant_access(self.model, "carol")
        self.assertEqual(raised.exception.response.status_code, 400)
        ada.update_repo_settings(self.model, gated="manual")
        self.assertEqual(download("bob", self.model), WEIGHTS)
