# SPDX-License-Identifier: Apache-2.0
import dataclasses
import hashlib
import os
import subprocess
import sys

import pytest
from hub_server import serve_hub
from huggingface_hub import constants

from depthsplat_ros.model import config as variants
from depthsplat_ros.model import zoo

CONTENT = bytes(range(256)) * 4096
CHUNK_BYTES = 1 << 18


def entry_of(content, name="test"):
    return dataclasses.replace(
        zoo.PUBLISHED[0],
        file_name=f"depthsplat-{name}-{hashlib.sha256(content).hexdigest()[:8]}.pth",
    )


ENTRY = entry_of(CONTENT)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A folder to work in where no checkpoint is, nor in any cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(zoo.DIRECTORY_VARIABLE, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def serve(monkeypatch):
    """Serves {file name: bytes} as the Hub would, to the real huggingface_hub in this process."""
    with serve_hub({}) as (hub, endpoint):
        monkeypatch.setattr(
            zoo.huggingface_hub,
            "hf_hub_url",
            lambda repository, name: f"{endpoint}/{repository}/resolve/main/{name}",
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", CHUNK_BYTES)
        # huggingface_hub waits before it tries again.
        monkeypatch.setattr("time.sleep", lambda _: None)

        def fill(files):
            hub.files = files
            return hub

        yield fill


def test_a_file_is_fetched_verified_and_put_in_place(nowhere, serve):
    serve({ENTRY.file_name: CONTENT})
    target = zoo.download(ENTRY, nowhere / "pretrained")
    assert target == nowhere / "pretrained" / ENTRY.file_name
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_a_good_file_in_place_is_not_fetched_again(nowhere, serve):
    hub = serve({})
    (nowhere / ENTRY.file_name).write_bytes(CONTENT)
    said = []
    zoo.download(ENTRY, nowhere, announce=said.append)
    assert "verified" in said[0]
    assert hub.requests == []


def test_a_tampered_file_never_takes_its_place_and_leaves_nothing_behind(nowhere, serve):
    serve({ENTRY.file_name: b"evil" + CONTENT})
    with pytest.raises(zoo.TamperedFileError):
        zoo.download(ENTRY, nowhere / "pretrained")
    assert not (nowhere / "pretrained" / ENTRY.file_name).exists()
    serve({ENTRY.file_name: CONTENT})
    assert zoo.download(ENTRY, nowhere / "pretrained").read_bytes() == CONTENT


def test_a_damaged_file_in_place_is_replaced_only_by_a_good_one(nowhere, serve):
    target = nowhere / ENTRY.file_name
    target.write_bytes(b"half")
    serve({})
    with pytest.raises(zoo.DownloadError):
        zoo.download(ENTRY, nowhere)
    assert target.read_bytes() == b"half"
    serve({ENTRY.file_name: b"evil"})
    with pytest.raises(zoo.TamperedFileError):
        zoo.download(ENTRY, nowhere)
    assert target.read_bytes() == b"half"
    serve({ENTRY.file_name: CONTENT})
    assert zoo.download(ENTRY, nowhere).read_bytes() == CONTENT


def wanted_ranges(hub):
    return [wanted for command, _, wanted in hub.requests if command == "GET"]


def test_a_connection_that_breaks_is_taken_up_where_it_broke(nowhere, serve):
    hub = serve({ENTRY.file_name: CONTENT})
    hub.cut_after_bytes = CHUNK_BYTES + 1000
    assert zoo.download(ENTRY, nowhere).read_bytes() == CONTENT
    assert wanted_ranges(hub) == [None, f"bytes={CHUNK_BYTES}-"]


def test_a_download_that_failed_is_taken_up_by_the_next_one(nowhere, serve):
    hub = serve({ENTRY.file_name: CONTENT})
    hub.cut_after_bytes, hub.ends_after_cut = 2 * CHUNK_BYTES + 1000, True
    with pytest.raises(zoo.DownloadError, match="try again, or fetch http"):
        zoo.download(ENTRY, nowhere)
    assert not (nowhere / ENTRY.file_name).exists()
    hub.cut_after_bytes, hub.requests[:] = None, []
    said = []
    assert zoo.download(ENTRY, nowhere, announce=said.append).read_bytes() == CONTENT
    assert wanted_ranges(hub) == [f"bytes={2 * CHUNK_BYTES}-"]
    assert said == [f"{ENTRY.file_name}: going on after 1 MB"]
    assert not (nowhere / ".download").exists()


@pytest.mark.parametrize(
    "left",
    [CONTENT, CONTENT + b"more", b"other" * 9],
    ids=["whole", "too long", "of another file"],
)
def test_whatever_an_earlier_download_has_left_ends_in_a_good_file(nowhere, serve, left):
    serve({ENTRY.file_name: CONTENT})
    (nowhere / ".download").mkdir()
    (nowhere / ".download" / ENTRY.file_name).write_bytes(left)
    try:
        zoo.download(ENTRY, nowhere)
    except zoo.TamperedFileError:
        assert not (nowhere / ENTRY.file_name).exists()
        zoo.download(ENTRY, nowhere)
    assert (nowhere / ENTRY.file_name).read_bytes() == CONTENT


def test_two_downloads_of_one_file_do_not_write_into_each_other(nowhere, serve):
    hub = serve({ENTRY.file_name: CONTENT})
    refused = []

    def meanwhile():
        with pytest.raises(zoo.DownloadError, match="another process") as error:
            zoo.download(ENTRY, nowhere)
        refused.append(error)

    hub.before_answer = meanwhile
    assert zoo.download(ENTRY, nowhere).read_bytes() == CONTENT
    assert refused


def test_what_another_download_has_left_is_kept(nowhere, serve):
    serve({ENTRY.file_name: CONTENT})
    (nowhere / ".download").mkdir()
    (nowhere / ".download" / "other.pth").write_bytes(b"half")
    zoo.download(ENTRY, nowhere)
    assert (nowhere / ".download" / "other.pth").read_bytes() == b"half"


def test_a_directory_that_cannot_be_made_is_named(nowhere, serve):
    serve({ENTRY.file_name: CONTENT})
    (nowhere / "file").write_text("in the way")
    with pytest.raises(zoo.DownloadError, match="file/pretrained"):
        zoo.download(ENTRY, nowhere / "file" / "pretrained")


ENVIRONMENT = """
import dataclasses, sys
from pathlib import Path
from depthsplat_ros.model import config as variants
from depthsplat_ros.model import zoo
entry = dataclasses.replace(zoo.PUBLISHED[0], file_name=sys.argv[1])
if sys.argv[2:]:
    print(zoo.download(entry, Path(sys.argv[2])))
print(zoo.require(entry))
print("torch" in sys.modules)
"""


def run_with(*arguments, **environment):
    """The real thing in a process that starts with these variables."""
    return subprocess.run(
        [sys.executable, "-c", ENVIRONMENT, *map(str, arguments)],
        env={**os.environ, "HF_HUB_DISABLE_XET": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_bundled_file_is_the_promised_one_and_small_enough(nowhere):
    path = zoo.find(zoo.BUNDLED)
    assert path.name == "tiny.safetensors"
    assert path.stat().st_size <= 16_000_000
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert zoo.BUNDLED.bundled_sha256 == digest, "new weights? then write this into model/zoo.py"
    assert zoo.verify(path) == digest
    assert zoo.MODEL_CARD.is_file()


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """An empty folder where the weights of this package should lie."""
    monkeypatch.setattr(zoo, "BUNDLED_DIRECTORY", tmp_path / "weights")
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def test_a_damaged_bundled_file_is_named_with_the_remedy(bundle):
    (bundle / zoo.BUNDLED.file_name).write_bytes(CONTENT)
    said = f"this package says {zoo.BUNDLED.sha256_prefix[:8]}.*install depthsplat_ros again"
    with pytest.raises(zoo.TamperedFileError, match=said):
        zoo.verify(zoo.require(zoo.BUNDLED))


def test_a_missing_bundled_file_is_named_with_the_remedy(bundle):
    assert zoo.find(zoo.BUNDLED) is None
    said = f"tiny.safetensors is missing .*{bundle}.*install depthsplat_ros again"
    with pytest.raises(zoo.ZooError, match=said):
        zoo.require(zoo.BUNDLED)


def test_only_the_file_in_this_package_is_held_against_its_hash(nowhere, bundle):
    for folder in (nowhere, bundle):
        (folder / zoo.BUNDLED.file_name).write_bytes(CONTENT)
    assert zoo.promised_hash(nowhere / zoo.BUNDLED.file_name) is None
    (nowhere / "link").symlink_to(bundle)
    roundabout = nowhere / "link" / zoo.BUNDLED.file_name
    assert zoo.promised_hash(roundabout) == zoo.BUNDLED.bundled_sha256


def test_the_bundled_file_is_never_fetched(nowhere, serve):
    hub = serve({})
    said = []
    assert zoo.download(zoo.BUNDLED, nowhere, announce=said.append) == zoo.find(zoo.BUNDLED)
    assert "needs no download" in said[0]
    assert hub.requests == []
    assert list(nowhere.iterdir()) == []


def test_the_variables_of_the_hub_are_honoured_and_torch_is_not_needed(nowhere):
    with serve_hub({ENTRY.file_name: CONTENT}) as (hub, endpoint):
        variables = {"HF_ENDPOINT": endpoint, "HF_HOME": str(nowhere / "home")}
        offline = run_with(ENTRY.file_name, nowhere, HF_HUB_OFFLINE="1", **variables)
        assert hub.requests == []
        online = run_with(ENTRY.file_name, nowhere, DEPTHSPLAT_PRETRAINED=".", **variables)
    said = offline.stderr.strip().splitlines()[-1]
    assert "DownloadError" in said
    assert "HF_HUB_OFFLINE is set" in said
    assert f"{endpoint}/haofeixu/depthsplat/resolve/main/{ENTRY.file_name}" in said
    assert str(nowhere) in said
    assert online.stdout.split() == [str(nowhere / ENTRY.file_name), ENTRY.file_name, "False"]


def cached(folder, entry, content):
    """Puts a file where huggingface_hub keeps it."""
    repository = folder / "cache" / f"models--{zoo.REPOSITORY.replace('/', '--')}"
    (repository / "snapshots" / "abc").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc" / entry.file_name).write_bytes(content)


def test_the_cache_of_the_hub_is_the_last_place_to_look(nowhere):
    cached(nowhere, ENTRY, CONTENT)
    assert zoo.find(ENTRY).parts[-3:] == ("snapshots", "abc", ENTRY.file_name)
    (nowhere / "pretrained").mkdir()
    (nowhere / "pretrained" / ENTRY.file_name).write_bytes(CONTENT)
    assert zoo.find(ENTRY).parent.name == "pretrained"


def test_what_is_in_the_cache_of_the_hub_is_not_fetched(nowhere, serve):
    hub = serve({})
    cached(nowhere, ENTRY, CONTENT)
    assert zoo.download(ENTRY, nowhere / "pretrained").read_bytes() == CONTENT
    assert hub.requests == []


def test_missing_weights_are_named_with_the_places_and_the_command(nowhere, monkeypatch):
    monkeypatch.setenv(zoo.DIRECTORY_VARIABLE, "/elsewhere")
    with pytest.raises(zoo.ZooError) as caught:
        zoo.require(zoo.entry_named("depth-small"))
    said = str(caught.value)
    assert "depthsplat-depth-small-352x640-randview2-8-e807bd82.pth" in said
    assert "/elsewhere, pretrained" in said
    assert str(nowhere / "cache") in said
    assert "depthsplat models download depth-small" in said


def test_files_are_found_in_the_named_directory_before_the_default_one(nowhere, monkeypatch):
    entry = zoo.PUBLISHED[0]
    (nowhere / "real").mkdir()
    (nowhere / "real" / entry.file_name).write_bytes(b"x")
    (nowhere / "pretrained").symlink_to(nowhere / "real")
    assert zoo.find(entry).parent.name == "pretrained"
    monkeypatch.setenv(zoo.DIRECTORY_VARIABLE, str(nowhere / "real"))
    assert zoo.find(entry).parent.name == "real"


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("gone")])
def test_a_directory_or_a_dangling_link_is_no_file(nowhere, make):
    (nowhere / "pretrained").mkdir()
    make(nowhere / "pretrained" / ENTRY.file_name)
    assert zoo.find(ENTRY) is None


@pytest.mark.parametrize(
    ("file_name", "alias"),
    [
        ("depthsplat-gs-base-re10kdl3dv-448x768-randview2-6.pth", "gs-base-448x768"),
        ("my-gs-base-448x768.pth", "gs-base-448x768"),
        ("gs-base-dl3dv-256x448-tuned.pth", "gs-base-dl3dv-256x448"),
        ("gs-base-256x448.pth", "gs-base-256x448"),
        ("depth-small.safetensors", "depth-small"),
    ],
)
def test_a_name_tells_the_variant(file_name, alias):
    assert zoo.entry_told_by(file_name, "0" * 64).alias == alias


@pytest.mark.parametrize("file_name", ["weights.pth", "depth-small-or-depth-base.pth"])
def test_a_name_that_tells_nothing_or_too_much_is_no_help(file_name):
    assert zoo.entry_told_by(file_name, "0" * 64) is None


@pytest.mark.parametrize("entry", zoo.ZOO, ids=zoo.ALIASES)
def test_a_file_is_known_by_its_content_whatever_its_name(entry):
    assert zoo.entry_told_by("weights.pth", f"{entry.sha256_prefix:0<64}") is entry


@pytest.mark.parametrize("entry", zoo.PUBLISHED, ids=lambda entry: entry.alias)
def test_a_sibling_of_a_published_file_is_known_by_its_name(entry):
    assert zoo.entry_told_by(entry.file_name, "0" * 64) is entry


def test_what_our_training_made_is_known_by_its_description_whatever_its_name():
    larger = dataclasses.replace(variants.TINY, fusion_channels=48)
    for config in (variants.TINY, larger):
        for name in ("run.safetensors", "my-gs-base-448x768.safetensors"):
            assert zoo.entry_told_by(name, "0" * 64, config) is zoo.BUNDLED
    told = zoo.entry_told_by("my-gs-base-448x768.safetensors", "0" * 64, variants.GS_BASE_448X768)
    assert told.alias == "gs-base-448x768"
    # A name alone is not enough: outside this package anything may be called so.
    assert zoo.entry_told_by("tiny.safetensors", "0" * 64) is None


def test_an_unknown_alias_lists_the_known_ones():
    with pytest.raises(zoo.ZooError, match="gs-base-448x768"):
        zoo.entry_named("gs-huge")


def test_the_nine_are_told_apart_by_alias_and_hash():
    assert len(zoo.PUBLISHED) == 9
    assert len(set(zoo.ALIASES)) == 10
    assert len({entry.sha256_prefix for entry in zoo.PUBLISHED}) == 9
    for entry in zoo.PUBLISHED:
        assert f"{entry.height_px}x{entry.width_px}" in entry.file_name
        assert entry.height_px % entry.config.size_multiple == 0
        assert entry.width_px % entry.config.size_multiple == 0


def test_traits_are_what_the_file_names_say():
    for entry in zoo.PUBLISHED:
        traits = zoo.traits_of(entry)
        assert traits.minimum_views <= traits.preferred_views <= traits.maximum_views
        stated = entry.file_name.split("view")[1].split("-")[:-1]
        assert [traits.minimum_views, traits.maximum_views] == [int(stated[0]), int(stated[-1])]
