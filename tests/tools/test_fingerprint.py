# SPDX-License-Identifier: Apache-2.0
import pytest


@pytest.fixture
def root(tmp_path):
    (tmp_path / "msg").mkdir()
    (tmp_path / "msg" / "A.msg").write_text("int32 a\n")
    (tmp_path / "CMakeLists.txt").write_text("project(a)\n")
    return tmp_path


def fingerprint_of(root, *words):
    from fingerprint import fingerprint

    return fingerprint(root, ["CMakeLists.txt", "msg"], *words)


def test_fingerprint_is_the_same_for_the_same_files(root):
    assert fingerprint_of(root) == fingerprint_of(root)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "msg" / "A.msg").write_text("int32 b\n"),
        lambda root: (root / "msg" / "A.msg").rename(root / "msg" / "B.msg"),
        lambda root: (root / "msg" / "B.msg").touch(),
        lambda root: (root / "CMakeLists.txt").unlink(),
    ],
    ids=["content", "name", "added", "removed"],
)
def test_fingerprint_changes_with_every_file(root, change):
    before = fingerprint_of(root)
    change(root)
    assert fingerprint_of(root) != before


def test_fingerprint_changes_with_words(root):
    assert fingerprint_of(root, "wheels") != fingerprint_of(root, "/opt/ros/jazzy")


def test_caches_of_python_do_not_count(root):
    before = fingerprint_of(root)
    (root / "msg" / "__pycache__").mkdir()
    (root / "msg" / "__pycache__" / "a.pyc").touch()
    assert fingerprint_of(root) == before
