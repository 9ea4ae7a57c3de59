# SPDX-License-Identifier: Apache-2.0
import dataclasses
import hashlib

import pytest
from hub_server import serve_hub
from huggingface_hub import constants
from typer.testing import CliRunner

from depthsplat_ros.cli import app
from depthsplat_ros.model import zoo

CONTENT = b"weights" * 100


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command in an empty folder, without any cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv(zoo.DIRECTORY_VARIABLE, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return lambda *words: CliRunner().invoke(app, ["models", *map(str, words)])


@pytest.fixture
def published(monkeypatch):
    """A zoo of two small files, on a hub of our own."""
    entries = tuple(
        dataclasses.replace(
            zoo.PUBLISHED[index],
            file_name=f"{name}-{hashlib.sha256(content).hexdigest()[:8]}.pth",
        )
        for index, (name, content) in enumerate({"one": CONTENT, "two": CONTENT * 2}.items())
    )
    monkeypatch.setattr(zoo, "ZOO", entries)
    monkeypatch.setattr(zoo, "PUBLISHED", entries)
    files = {entries[0].file_name: CONTENT, entries[1].file_name: CONTENT * 2}
    with serve_hub(files) as (hub, endpoint):
        monkeypatch.setattr(
            zoo.huggingface_hub, "hf_hub_url", lambda _, name: f"{endpoint}/resolve/main/{name}"
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        hub.entries = entries
        yield hub


@pytest.mark.parametrize("words", [(), ("list",)])
@pytest.mark.parametrize("columns", [80, 120])
def test_all_are_listed_in_whole_words(run, monkeypatch, words, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    result = run(*words)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    for entry in zoo.ZOO:
        (line,) = [line for line in lines if line.split()[:1] == [entry.alias]]
        assert f"{entry.width_px} x {entry.height_px}" in line
        assert line.split()[1] == ("yes" if entry.is_bundled else "no")
    assert "…" not in result.stdout
    for note in (zoo.OUR_LICENCE_NOTE, zoo.LICENCE_NOTE):
        assert note.split(";")[0] in " ".join(result.stdout.split())


def test_what_is_here_is_listed_as_here(run, tmp_path):
    (tmp_path / "pretrained").mkdir()
    (tmp_path / "pretrained" / zoo.PUBLISHED[3].file_name).touch()
    here = [line.split()[0] for line in run().stdout.splitlines() if " yes  " in line[20:34]]
    assert here == ["tiny", zoo.PUBLISHED[3].alias]


@pytest.mark.parametrize("entry", zoo.PUBLISHED, ids=lambda entry: entry.alias)
def test_every_model_is_described_with_its_file_source_and_licence(run, entry):
    result = run("info", entry.alias)
    assert result.exit_code == 0
    for fact in (entry.file_name, entry.url, zoo.LICENCE_NOTE, f"{entry.far_m:g} (unit"):
        assert fact in result.stdout
    assert f"models download {entry.alias}" in result.stdout


def test_the_bundled_model_is_described_with_its_place_size_licence_and_card(run):
    result = run("info", "tiny")
    assert result.exit_code == 0
    path = zoo.require(zoo.BUNDLED)
    size = f"({path.stat().st_size / 1e6:.1f} MB)"
    for fact in (str(path), size, f"{zoo.BUNDLED.parameters_million:.1f} M", "Apache-2.0"):
        assert fact in result.stdout
    assert str(zoo.MODEL_CARD) in result.stdout
    assert "models download" not in result.stdout


def test_the_bundled_model_needs_no_download_and_leaves_nothing(
    run, tmp_path, published, monkeypatch
):
    monkeypatch.setattr(zoo, "ZOO", (zoo.BUNDLED, *published.entries))
    result = run("download", "tiny")
    assert result.exit_code == 0
    assert "needs no download" in result.stdout
    assert "verified" in result.stdout
    assert list(tmp_path.iterdir()) == []
    assert published.requests == []


def test_an_unknown_model_is_one_line_with_the_known_ones(run):
    for command in ("info", "download"):
        result = run(command, "gs-huge")
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
        assert "gs-base-448x768" in result.stderr


def test_a_download_goes_into_pretrained_and_is_verified(run, published, tmp_path):
    entry = published.entries[0]
    result = run("download", entry.alias)
    assert result.exit_code == 0, result.output
    assert f"{entry.alias}: pretrained/{entry.file_name} (0 MB, verified)" in result.stdout
    assert (tmp_path / "pretrained" / entry.file_name).read_bytes() == CONTENT
    assert run("verify").exit_code == 0


def test_a_download_goes_where_one_says(run, published, tmp_path, monkeypatch):
    entry = published.entries[0]
    monkeypatch.setenv(zoo.DIRECTORY_VARIABLE, str(tmp_path / "by_variable"))
    assert run("download", entry.alias).exit_code == 0
    assert run("download", entry.alias, "--directory", tmp_path / "by_option").exit_code == 0
    for folder in ("by_variable", "by_option"):
        assert (tmp_path / folder / entry.file_name).is_file()


def test_all_are_downloaded_at_once(run, published, tmp_path):
    assert run("download", "all").exit_code == 0
    assert {path.name for path in (tmp_path / "pretrained").iterdir()} == set(published.files)


def test_a_download_that_fails_is_one_line_that_says_what_to_do(run, published):
    published.files.clear()
    result = run("download", published.entries[0].alias)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert "by other means and put it into pretrained" in result.stderr


def test_verify_alone_is_about_all_that_are_here(run):
    result = run("verify")
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert line.startswith("ok ")
    assert zoo.BUNDLED.bundled_sha256 in line


def test_verify_without_any_file_fails_and_says_how_to_get_one(run, tmp_path):
    result = run("verify", tmp_path)
    assert result.exit_code == 1
    assert "depthsplat models download" in result.stdout


def test_verify_tells_good_files_from_bad_ones_in_a_folder(run, published, tmp_path):
    one, two = published.entries
    (tmp_path / one.file_name).write_bytes(CONTENT)
    (tmp_path / "own.safetensors").write_bytes(b"own")
    (tmp_path / "notes.txt").write_text("not a model")
    good = run("verify", tmp_path)
    assert good.exit_code == 0
    assert [line.split()[0] for line in good.stdout.splitlines()] == ["ok", "no"]
    assert hashlib.sha256(CONTENT).hexdigest() in good.stdout
    (tmp_path / two.file_name).write_bytes(b"something else")
    bad = run("verify", tmp_path)
    assert bad.exit_code == 1
    assert f"its name says {two.sha256_prefix}" in bad.stdout
    assert "ok  " in bad.stdout


def test_verify_names_a_file_that_is_not_there(run):
    result = run("verify", "nothing.pth")
    assert result.exit_code == 2
    assert "there is no file nothing.pth" in result.stderr


def test_verify_names_a_file_that_cannot_be_read(run, tmp_path, monkeypatch):
    (tmp_path / "own.pth").touch()

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    # Tests may run as root, who may read everything.
    monkeypatch.setattr(zoo, "verify", refuse)
    result = run("verify", "own.pth")
    assert result.exit_code == 2
    assert "own.pth cannot be read (Permission denied)" in result.stderr
