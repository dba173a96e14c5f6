"""Changing models with `huggingface_hub` as it is: made, filled, named, moved, removed, and published by what they say.

`cargo xtask test` runs this once with each version that tests/huggingface lists, and says which in HUGGINGFACE.
"""

import collections
import io
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import unittest

import hub

if "HUGGINGFACE" not in os.environ:
    raise unittest.SkipTest("for the environments of tests/huggingface")

MIB = 1024 * 1024
CARD = """---
license: mit
modelhub:
  price: { per_call: "0.002 OPG" }
---
# Iris
"""


def setUpModule():
    """A hub, and a client that was told nothing but where it is: it reads that once, when it is imported."""
    global HUB, CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, VERSION
    global HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
    HUB = hub.Hub()
    unittest.addModuleCleanup(HUB.stop)
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING_FACE"))]:
        del os.environ[name]
    os.environ |= {"HF_ENDPOINT": HUB.url, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    os.environ["NO_PROXY"] = "127.0.0.1"
    import huggingface_hub
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
    from huggingface_hub.utils import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    assert huggingface_hub.__version__ == os.environ["HUGGINGFACE"]
    VERSION = tuple(int(part) for part in huggingface_hub.__version__.split(".")[:2])


def status(raised):
    return raised.exception.response.status_code


class Writing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub = HUB
        cls.keys = {name: cls.hub.account(name, "10") for name in ["alice", "bob"]}
        cls.alice = HfApi(token=cls.keys["alice"])
        cls.bob = HfApi(token=cls.keys["bob"])
        cls.folder = tempfile.TemporaryDirectory(prefix="modelhub-hf-")
        cls.addClassCleanup(cls.folder.cleanup)

    def files(self, repo, **more):
        return sorted(self.alice.list_repo_files(repo, **more))

    def read(self, repo, path, api=None, **more):
        api = api or self.alice
        with tempfile.TemporaryDirectory() as cache:
            return pathlib.Path(api.hf_hub_download(repo, path, cache_dir=cache, **more)).read_bytes()

    def test_a_model_is_made_once_and_removed_by_its_owner(self):
        url = self.alice.create_repo("made")
        self.assertEqual(str(url), f"{self.hub.url}/alice/made")
        with self.assertRaises(HfHubHTTPError) as raised:
            self.alice.create_repo("alice/MADE")
        self.assertEqual(status(raised), 409)
        self.assertEqual(self.alice.create_repo("made", exist_ok=True).repo_id, "alice/made")
        with self.assertRaises(HfHubHTTPError) as raised:
            self.bob.create_repo("alice/other")
        self.assertEqual(status(raised), 403)
        with self.assertRaises(HfHubHTTPError) as raised:
            self.bob.delete_repo("alice/made")
        self.assertEqual(status(raised), 403)
        self.alice.delete_repo("alice/made")
        self.assertFalse(self.alice.repo_exists("alice/made"))
        with self.assertRaises(RepositoryNotFoundError):
            self.alice.delete_repo("alice/made")
        self.alice.delete_repo("alice/made", missing_ok=True)

    def test_files_come_go_and_come_back_as_they_were(self):
        repo = "alice/files"
        self.alice.create_repo(repo)
        first = self.alice.upload_file(path_or_fileobj=b"hello", path_in_repo="a/b c.txt", repo_id=repo)
        self.assertEqual(first.oid, self.alice.model_info(repo).sha)
        again = self.alice.upload_file(path_or_fileobj=b"hello", path_in_repo="a/b c.txt", repo_id=repo)
        self.assertEqual(again.oid, first.oid, "nothing changed, nothing is committed")
        folder = pathlib.Path(self.folder.name) / "model"
        (folder / "data").mkdir(parents=True)
        (folder / "README.md").write_text("# Files\n")
        (folder / "data" / "ü.bin").write_bytes(os.urandom(3 * MIB))
        (folder / "empty").write_bytes(b"")
        self.alice.upload_folder(repo_id=repo, folder_path=folder, commit_message="All of it")
        self.assertEqual(self.files(repo), ["README.md", "a/b c.txt", "data/ü.bin", "empty"])
        self.assertEqual(self.read(repo, "data/ü.bin"), (folder / "data" / "ü.bin").read_bytes())
        self.assertEqual(self.read(repo, "empty"), b"")
        self.alice.create_commit(
            repo_id=repo,
            operations=[
                CommitOperationDelete("a/", is_folder=True),
                CommitOperationAdd("README.md", b"# Two\n"),
                CommitOperationCopy("data/ü.bin", "copy.bin"),
            ],
            commit_message="Less and more",
            commit_description="In one step.",
        )
        self.assertEqual(self.files(repo), ["README.md", "copy.bin", "data/ü.bin", "empty"])
        self.alice.delete_file("empty", repo)
        self.alice.delete_folder("data", repo)
        self.assertEqual(self.files(repo), ["README.md", "copy.bin"])
        titles = [commit.title for commit in self.alice.list_repo_commits(repo)]
        self.assertIn("Less and more", titles)
        self.assertEqual(self.read(repo, "a/b c.txt", revision=first.oid), b"hello")
        with self.assertRaises(HfHubHTTPError):
            self.alice.delete_file("nothing", repo)

    def test_a_large_file_comes_whole_by_either_way(self):
        repo = "alice/large"
        self.alice.create_repo(repo)
        content = os.urandom(12 * MIB + 1)
        path = pathlib.Path(self.folder.name) / "large.bin"
        path.write_bytes(content)
        self.alice.upload_file(path_or_fileobj=path, path_in_repo="from-disk.bin", repo_id=repo)
        self.alice.upload_file(path_or_fileobj=io.BytesIO(content[1:]), path_in_repo="in-memory.bin", repo_id=repo)
        self.assertEqual(self.read(repo, "from-disk.bin"), content)
        self.assertEqual(self.read(repo, "in-memory.bin"), content[1:])
        [info] = self.alice.get_paths_info(repo, ["from-disk.bin"])
        self.assertEqual((info.size, info.lfs.size), (len(content), len(content)))
        before = self.alice.model_info(repo).sha
        self.alice.upload_file(path_or_fileobj=path, path_in_repo="from-disk.bin", repo_id=repo)
        self.assertEqual(self.alice.model_info(repo).sha, before)
        with self.assertRaises(HfHubHTTPError) as raised:
            self.read(repo, "from-disk.bin", self.bob)
        self.assertEqual(status(raised), 403, "sealed until its owner says otherwise")

    def test_branches_and_tags_name_commits(self):
        repo = "alice/named"
        self.alice.create_repo(repo)
        first = self.alice.upload_file(path_or_fileobj=b"1", path_in_repo="n", repo_id=repo).oid
        self.alice.create_branch(repo, branch="feat/x")
        self.alice.create_tag(repo, tag="v1", revision=first)
        self.alice.upload_file(path_or_fileobj=b"2", path_in_repo="n", repo_id=repo, revision="feat/x")
        self.assertEqual(self.read(repo, "n"), b"1")
        self.assertEqual(self.read(repo, "n", revision="feat/x"), b"2")
        self.assertEqual(self.read(repo, "n", revision="v1"), b"1")
        refs = self.alice.list_repo_refs(repo)
        self.assertEqual(sorted(branch.name for branch in refs.branches), ["feat/x", "main"])
        self.assertEqual([(tag.name, tag.target_commit) for tag in refs.tags], [("v1", first)])
        with self.assertRaises(HfHubHTTPError) as raised:
            self.alice.create_branch(repo, branch="feat/x")
        self.assertEqual(status(raised), 409)
        self.alice.create_branch(repo, branch="feat/x", exist_ok=True)
        self.alice.create_tag(repo, tag="v1", exist_ok=True)
        with self.assertRaises(RevisionNotFoundError):
            self.alice.create_branch(repo, branch="other", revision="nowhere")
        with self.assertRaises(HfHubHTTPError) as raised:
            self.alice.delete_branch(repo, branch="main")
        self.assertIn(status(raised), [403, 409])
        self.alice.delete_branch(repo, branch="feat/x")
        self.alice.delete_tag(repo, tag="v1")
        with self.assertRaises(RevisionNotFoundError):
            self.alice.delete_tag(repo, tag="v1")
        with self.assertRaises(RevisionNotFoundError):
            self.alice.upload_file(path_or_fileobj=b"3", path_in_repo="n", repo_id=repo, revision="feat/x")

    def test_a_commit_from_an_old_head_is_refused(self):
        repo = "alice/raced"
        self.alice.create_repo(repo)
        first = self.alice.upload_file(path_or_fileobj=b"1", path_in_repo="n", repo_id=repo).oid
        self.alice.upload_file(path_or_fileobj=b"2", path_in_repo="n", repo_id=repo, parent_commit=first)
        with self.assertRaises(HfHubHTTPError) as raised:
            self.alice.upload_file(path_or_fileobj=b"3", path_in_repo="n", repo_id=repo, parent_commit=first)
        self.assertEqual(status(raised), 412)
        self.assertEqual(self.read(repo, "n"), b"2")

    def test_a_private_model_is_not_there_for_others(self):
        repo = "alice/private"
        self.alice.create_repo(repo, private=True)
        self.alice.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=repo)
        self.assertTrue(self.alice.model_info(repo).private)
        for api in [self.bob, HfApi(token=False)]:
            with self.assertRaises(RepositoryNotFoundError):
                api.model_info(repo)
            with self.assertRaises(RepositoryNotFoundError):
                api.list_repo_files(repo)
        self.assertIn(repo, [model.id for model in self.alice.list_models(author="alice")])
        self.assertNotIn(repo, [model.id for model in self.bob.list_models(author="alice")])
        self.alice.update_repo_settings(repo, private=False)
        self.assertFalse(self.bob.model_info(repo).private)
        self.assertEqual(self.read(repo, "x.txt", self.bob), b"x")

    def test_a_moved_model_is_found_under_its_old_name(self):
        self.alice.create_repo("alice/before")
        self.alice.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id="alice/before")
        self.alice.move_repo("alice/before", "alice/after")
        self.assertEqual(self.read("alice/after", "x.txt"), b"x")
        self.assertEqual(self.read("alice/before", "x.txt"), b"x")
        with self.assertRaises(HfHubHTTPError) as raised:
            self.alice.move_repo("alice/after", "bob/after")
        self.assertEqual(status(raised), 403)

    def test_paths_that_leave_the_model_are_refused_and_nothing_is_committed(self):
        repo = "alice/hostile"
        self.alice.create_repo(repo)
        self.alice.upload_file(path_or_fileobj=b"x", path_in_repo="data/x", repo_id=repo)
        before = self.alice.model_info(repo).sha
        lines = [
            '{"key": "header", "value": {"summary": "s"}}',
            '{"key": "file", "value": {"content": "eA==", "path": "good", "encoding": "base64"}}',
        ]
        for path in ["../x", "/etc/passwd", "a/../../b", "a\\u0000b", "DATA/y", "data", ".git/config", "a" * 4096]:
            last = '{"key": "file", "value": {"content": "eA==", "path": "%s", "encoding": "base64"}}' % path
            answer = self.hub.post(
                f"/api/models/{repo}/commit/main",
                "\n".join([*lines, last]),
                {"Authorization": f"Bearer {self.keys['alice']}", "Content-Type": "application/x-ndjson"},
            )
            self.assertEqual(answer.status, 400, path)
            self.assertIn("error", answer.json)
        self.assertEqual(self.alice.model_info(repo).sha, before)

    def test_bytes_of_others_cannot_be_named(self):
        self.alice.create_repo("alice/secret")
        self.bob.create_repo("bob/thief")
        content = os.urandom(11 * MIB)
        self.alice.upload_file(path_or_fileobj=content, path_in_repo="w.bin", repo_id="alice/secret")
        [info] = self.bob.get_paths_info("alice/secret", ["w.bin"])
        line = '{"key": "lfsFile", "value": {"path": "w.bin", "algo": "sha256", "oid": "%s", "size": %d}}'
        answer = self.hub.post(
            "/api/models/bob/thief/commit/main",
            '{"key": "header", "value": {"summary": "s"}}\n' + line % (info.lfs.sha256, len(content)),
            {"Authorization": f"Bearer {self.keys['bob']}", "Content-Type": "application/x-ndjson"},
        )
        self.assertIn(answer.status, [400, 422])
        self.assertEqual(self.bob.list_repo_files("bob/thief"), [])

    def test_a_push_whose_card_names_a_price_is_a_release_that_earns(self):
        repo = "alice/echo"
        self.alice.create_repo(repo)
        self.alice.upload_file(
            path_or_fileobj=hub.FIXTURES / "echo.onnx", path_in_repo="model.onnx", repo_id=repo
        )
        self.alice.upload_file(path_or_fileobj=CARD.encode(), path_in_repo="README.md", repo_id=repo)
        self.assertEqual(self.hub.cli(self.keys["alice"], "release", repo, "--dry-run")["release"], "1.00")
        released = self.hub.cli(self.keys["alice"], "release", repo)
        self.assertEqual((released["release"], released["sealed"]), ("1.00", True))
        self.assertEqual(released["commit"], self.alice.model_info(repo).sha)
        self.assertIn("README.md", self.files(repo, revision="1.00"))
        with self.assertRaises(HfHubHTTPError) as raised:
            self.alice.delete_repo(repo)
        self.assertEqual(status(raised), 409)

    def test_a_card_that_cannot_be_read_is_named_before_it_is_committed(self):
        repo = "alice/badly"
        self.alice.create_repo(repo)
        bad = b"---\nmodelhub:\n  price: { per_call: cheap }\n---\n"
        with self.assertRaises((HfHubHTTPError, ValueError)) as raised:
            self.alice.upload_file(path_or_fileobj=bad, path_in_repo="README.md", repo_id=repo)
        self.assertIn("cheap", str(raised.exception))
        self.assertEqual(self.files(repo), [])

    def test_what_was_found_in_files_is_told_and_pickles_by_what_they_import(self):
        repo = "alice/scanned"
        self.alice.create_repo(repo)
        adds = [
            CommitOperationAdd("old.pkl", b"cos\nsystem\n(S'id'\ntR."),
            CommitOperationAdd("weights.pkl", pickle.dumps(collections.OrderedDict(a=1))),
            CommitOperationAdd("notes.txt", b"words"),
        ]
        self.alice.create_commit(repo_id=repo, operations=adds, commit_message="Three")

        def status():
            return self.alice.model_info(repo, securityStatus=True).security_repo_status

        hub.until("the files were looked at", lambda: status()["scansDone"])
        levels = {file["path"]: file["level"] for file in status()["filesWithIssues"]}
        self.assertEqual(levels, {"old.pkl": "unsafe", "weights.pkl": "caution"})
        files = {file.path: file.security for file in self.alice.list_repo_tree(repo, expand=True)}
        self.assertEqual({path: security.safe for path, security in files.items()}, {"old.pkl": False, "weights.pkl": False, "notes.txt": True})
        imports = files["weights.pkl"].pickle_import_scan["pickleImports"]
        self.assertEqual(imports, [{"module": "collections", "name": "OrderedDict", "safety": "innocuous"}])
        self.assertIsNone(files["old.pkl"].av_scan)
        self.assertIsNone(self.alice.model_info(repo).security_repo_status)

    def test_the_command_line_uploads(self):
        repo = "alice/by-command"
        folder = pathlib.Path(self.folder.name) / "command"
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        program = pathlib.Path(sys.executable).with_name("hf" if VERSION >= (0, 34) else "huggingface-cli")
        environment = os.environ | {"HF_TOKEN": self.keys["alice"], "HF_HOME": self.folder.name}
        done = subprocess.run([program, "upload", repo, folder], env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.files(repo), ["config.json"])


if __name__ == "__main__":
    unittest.main()
