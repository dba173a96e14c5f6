"""Reading the hub with Hugging Face's clients as they are installed, with no change but HF_ENDPOINT.

`cargo xtask test` runs this once with each version that tests/huggingface lists, and says which in HUGGINGFACE.
"""

import hashlib
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from hub import FIXTURES, Hub

if "HUGGINGFACE" not in os.environ:
    raise unittest.SkipTest("for the environments of tests/huggingface")

CARD = """---
license: mit
library_name: onnx
pipeline_tag: text-classification
tags: [flowers]
modelhub:
  access: {access}
  price: {{ per_call: "0.001 OPG" }}
---
# A model
"""
TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "pre_tokenizer": {"type": "Whitespace"},
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "hello": 1, "world": 2}, "unk_token": "[UNK]"},
}
FILES = {
    "README.md": CARD.format(access="open").encode(),
    "config.json": b'{"model_type": "bert", "hidden_size": 32, "num_attention_heads": 2}',
    "tokenizer.json": json.dumps(TOKENIZER).encode(),
    "tokenizer_config.json": b'{"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"}',
    "model.onnx": (FIXTURES / "houses.onnx").read_bytes(),
    "data/big.bin": bytes(range(256)) * 45_000,
    "a b/\u00e9+%.txt": "names of all kinds\n".encode(),
    "empty.txt": b"",
}
BIG = FILES["data/big.bin"]


def setUpModule():
    """A hub with an open model and a sealed one, and a client that was told nothing but where the hub is."""
    global HUB, HOME, KEY, hf, API
    HUB = Hub()
    unittest.addModuleCleanup(HUB.stop)
    HOME = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory(prefix="modelhub-hf-")))
    KEY = HUB.account("alice")
    publish("alice/open", FILES)
    publish("alice/sealed", {**FILES, "README.md": CARD.format(access="sealed").encode()})
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING_FACE"))]:
        del os.environ[name]
    os.environ |= environment(KEY)
    # It reads the environment once, when it is imported.
    import huggingface_hub as hf

    assert hf.__version__ == os.environ["HUGGINGFACE"]
    API = hf.HfApi()


def environment(key, home="cache"):
    """What tells a client where the hub is; the rest keeps it quiet and out of this machine's own files."""
    return {
        "HF_ENDPOINT": HUB.url,
        "HF_TOKEN": key,
        "HF_HOME": str(HOME / home),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
    }


def publish(model, files):
    """Publishes these files as a model."""
    folder = HOME / model
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    HUB.cli(KEY, "publish", folder, model)


def git_oid(content):
    """What git calls these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Account(unittest.TestCase):
    """Who is asking."""

    def test_a_key_says_whose_it_is(self):
        told = API.whoami()
        self.assertEqual((told["name"], told["type"], told["orgs"]), ("alice", "user", []))
        self.assertEqual(told["auth"]["accessToken"]["role"], "write")

    def test_a_bad_key_is_told_from_a_missing_model(self):
        with self.assertRaises(hf.errors.HfHubHTTPError) as raised:
            hf.HfApi(token="hf_wrong").model_info("alice/open")
        self.assertEqual(raised.exception.response.status_code, 401)
        self.assertNotIsInstance(raised.exception, hf.errors.RepositoryNotFoundError)


class Information(unittest.TestCase):
    """What a model is, and which there are."""

    def test_a_model_is_told_with_its_card_and_files(self):
        info = API.model_info("alice/open", files_metadata=True)
        self.assertEqual((info.id, info.author, info.private, info.gated), ("alice/open", "alice", False, False))
        self.assertEqual((info.library_name, info.pipeline_tag), ("onnx", "text-classification"))
        self.assertEqual(info.card_data.license, "mit")
        self.assertLessEqual({"flowers", "license:mit", "onnx"}, set(info.tags))
        self.assertRegex(info.sha, "^[0-9a-f]{40}$")
        files = {file.rfilename: file for file in info.siblings}
        self.assertEqual({path: file.size for path, file in files.items()}, {p: len(c) for p, c in FILES.items()})
        for path, content in FILES.items():
            if path != "data/big.bin":
                self.assertEqual((files[path].blob_id, files[path].lfs), (git_oid(content), None))
        self.assertEqual(files["data/big.bin"].lfs["sha256"], hashlib.sha256(BIG).hexdigest())
        self.assertEqual(API.model_info("alice/sealed").gated, "manual")
        self.assertEqual(API.model_info("alice/open", expand=["sha"]).sha, info.sha)
        self.assertEqual(API.model_info("alice/open", revision="1.00").sha, info.sha)

    def test_models_are_found(self):
        def found(**wanted):
            return {model.id for model in API.list_models(**wanted)}

        self.assertLessEqual({"alice/open", "alice/sealed"}, found(author="alice"))
        self.assertEqual(found(search="SEAL"), {"alice/sealed"})
        self.assertEqual(found(filter=["flowers", "license:mit"]), {"alice/open", "alice/sealed"})
        self.assertEqual(found(filter="license:other"), set())
        self.assertEqual(found(pipeline_tag="text-classification", gated=False), {"alice/open"})
        self.assertEqual(len(list(API.list_models(limit=1, sort="created_at"))), 1)
        [model] = API.list_models(search="sealed", full=True, cardData=True)
        self.assertEqual({file.rfilename for file in model.siblings}, set(FILES))
        self.assertEqual(model.card_data.license, "mit")
        self.assertEqual(list(API.list_datasets(search="x")), [])

    def test_what_is_there_exists_and_what_is_not_does_not(self):
        self.assertTrue(API.repo_exists("alice/open"))
        self.assertFalse(API.repo_exists("alice/none"))
        self.assertTrue(API.revision_exists("alice/open", "1.00"))
        self.assertFalse(API.revision_exists("alice/open", "feat/none"))
        self.assertTrue(API.file_exists("alice/open", "a b/\u00e9+%.txt"))
        self.assertFalse(API.file_exists("alice/open", "none.txt"))
        self.assertFalse(API.file_exists("alice/none", "README.md"))

    def test_files_and_folders_are_listed(self):
        self.assertEqual(set(API.list_repo_files("alice/open")), set(FILES))
        tree = {entry.path: entry for entry in API.list_repo_tree("alice/open", recursive=True)}
        self.assertEqual(set(tree), {*FILES, "data", "a b"})
        self.assertEqual(tree["config.json"].blob_id, git_oid(FILES["config.json"]))
        self.assertEqual(tree["data/big.bin"].lfs.sha256, hashlib.sha256(BIG).hexdigest())
        [inside] = API.list_repo_tree("alice/open", path_in_repo="a b")
        self.assertEqual((inside.path, inside.size), ("a b/\u00e9+%.txt", 19))
        found = API.get_paths_info("alice/open", ["a b/\u00e9+%.txt", "data", "none"])
        self.assertEqual({entry.path for entry in found}, {"a b/\u00e9+%.txt", "data"})
        with self.assertRaises(hf.errors.EntryNotFoundError):
            list(API.list_repo_tree("alice/open", path_in_repo="none"))

    def test_history_is_told(self):
        [commit] = API.list_repo_commits("alice/open")
        self.assertEqual((commit.title, commit.authors), ("Release 1.00", ["alice"]))
        self.assertEqual(commit.commit_id, API.model_info("alice/open").sha)
        refs = API.list_repo_refs("alice/sealed", include_pull_requests=True)
        self.assertEqual([(branch.name, branch.ref) for branch in refs.branches], [("main", "refs/heads/main")])
        self.assertEqual([tag.name for tag in refs.tags], ["1.00"])

    def test_a_model_without_files_is_one(self):
        API.create_repo("alice/new")
        info = API.model_info("alice/new")
        self.assertEqual((info.siblings, len(info.sha)), ([], 40))
        self.assertEqual(list(API.list_repo_tree("alice/new", recursive=True)), [])
        folder = pathlib.Path(hf.snapshot_download("alice/new", local_dir=HOME / "new"))
        self.assertEqual([path for path in folder.glob("*") if path.name != ".cache"], [])

    def test_a_private_model_is_no_strangers(self):
        API.create_repo("alice/private", private=True)
        self.assertTrue(API.model_info("alice/private").private)
        bob = HUB.account("bob")
        for stranger in [hf.HfApi(token=False), hf.HfApi(token=bob)]:
            with self.assertRaises(hf.errors.RepositoryNotFoundError):
                stranger.model_info("alice/private")
            self.assertNotIn("alice/private", {model.id for model in stranger.list_models()})


class Download(unittest.TestCase):
    """Bytes."""

    def test_a_file_lands_in_the_cache_under_its_commit(self):
        sha = API.model_info("alice/open").sha
        for path, content in FILES.items():
            with self.subTest(path):
                landed = pathlib.Path(hf.hf_hub_download("alice/open", path))
                self.assertEqual(landed.read_bytes(), content)
                repo = HOME / "cache/hub/models--alice--open"
                self.assertEqual(landed, repo / "snapshots" / sha / path)
                large = path == "data/big.bin"
                blob = hashlib.sha256(content).hexdigest() if large else git_oid(content)
                self.assertEqual(landed.resolve(), (repo / "blobs" / blob).resolve())
        self.assertEqual((repo / "refs/main").read_text(), sha)

    def test_a_branch_with_a_slash_is_read(self):
        API.create_branch("alice/open", branch="feat/x")
        landed = hf.hf_hub_download("alice/open", "config.json", revision="feat/x")
        self.assertEqual(pathlib.Path(landed).read_bytes(), FILES["config.json"])
        self.assertIn("README.md", API.list_repo_files("alice/open", revision="refs/heads/feat/x"))
        self.assertTrue(API.revision_exists("alice/open", "feat/x"))
        API.delete_branch("alice/open", branch="feat/x")

    def test_an_open_model_is_downloaded_whole_by_anybody(self):
        folder = pathlib.Path(hf.snapshot_download("alice/open", local_dir=HOME / "whole", token=False))
        for path, content in FILES.items():
            self.assertEqual((folder / path).read_bytes(), content, path)

    def test_sealed_weights_stay_and_the_refusal_says_what_to_do(self):
        for path in ["model.onnx", "data/big.bin"]:
            with self.assertRaises(hf.errors.GatedRepoError) as raised:
                hf.hf_hub_download("alice/sealed", path, token=False)
            self.assertIn("called, not downloaded: POST /v2/models/alice/sealed/infer", str(raised.exception))
        with self.assertRaises(hf.errors.GatedRepoError):
            hf.snapshot_download("alice/sealed", token=False)
        readable = hf.snapshot_download("alice/sealed", token=False, allow_patterns=["*.md", "*.json"])
        self.assertTrue((pathlib.Path(readable) / "README.md").is_file())
        # Their owner reads them.
        self.assertEqual(pathlib.Path(hf.hf_hub_download("alice/sealed", "data/big.bin")).read_bytes(), BIG)

    def test_what_is_missing_is_told_apart(self):
        for error, model, path, revision in [
            (hf.errors.RepositoryNotFoundError, "alice/none", "README.md", None),
            (hf.errors.RepositoryNotFoundError, "gpt2", "README.md", None),
            (hf.errors.RevisionNotFoundError, "alice/open", "README.md", "none"),
            (hf.errors.EntryNotFoundError, "alice/open", "none", None),
        ]:
            for token in [None, False]:
                with self.assertRaises(error):
                    hf.hf_hub_download(model, path, revision=revision, token=token)
        sha = API.model_info("alice/open").sha
        # It remembers that this commit has no such file.
        self.assertTrue((HOME / "cache/hub/models--alice--open/.no_exist" / sha / "none").is_file())

    def test_a_file_system_reads_parts(self):
        files = hf.HfFileSystem()
        self.assertEqual({entry["name"] for entry in files.ls("alice/open/data")}, {"alice/open/data/big.bin"})
        self.assertEqual(files.info("alice/open/data/big.bin")["size"], len(BIG))
        with files.open("alice/open/data/big.bin", "rb") as opened:
            for start, length in [(11_519_990, 10), (1, 300), (5_000_000, 70_000)]:
                opened.seek(start)
                self.assertEqual(opened.read(length), BIG[start : start + length])
        self.assertEqual(files.cat_file("alice/open/a b/\u00e9+%.txt"), FILES["a b/\u00e9+%.txt"])
        self.assertEqual(len(files.glob("alice/open/*.json")), 3)
        self.assertTrue(files.exists("alice/open/config.json") and not files.exists("alice/open/none"))


class Command(unittest.TestCase):
    """The `hf` command."""

    def run_hf(self, *words):
        """What it prints."""
        hf_command = pathlib.Path(sys.executable).with_name("hf")
        environment_ = {**os.environ, **environment(KEY, "command")}
        done = subprocess.run([hf_command, *words], env=environment_, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def test_it_knows_whose_key_it_has(self):
        self.assertIn("alice", self.run_hf("auth", "whoami"))

    def test_it_downloads(self):
        folder = HOME / "downloaded"
        self.run_hf("download", "alice/open", "--local-dir", folder)
        for path, content in FILES.items():
            self.assertEqual((folder / path).read_bytes(), content, path)
        shutil.rmtree(folder)
        self.run_hf("download", "alice/open", "config.json", "--revision", "1.00", "--local-dir", folder)
        self.assertEqual((folder / "config.json").read_bytes(), FILES["config.json"])


@unittest.skipUnless(importlib.util.find_spec("transformers"), "without transformers")
class Transformers(unittest.TestCase):
    """What loads models by their names."""

    def test_configurations_and_tokenizers_are_loaded(self):
        import transformers

        config = transformers.AutoConfig.from_pretrained("alice/open")
        self.assertEqual((config.model_type, config.hidden_size), ("bert", 32))
        tokenizer = transformers.AutoTokenizer.from_pretrained("alice/open")
        self.assertEqual(tokenizer("hello new world")["input_ids"], [1, 0, 2])
