# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from depthsplat_ros.offline.output import OutputError
from depthsplat_ros.offline.video import FRAMES_PER_SECOND, open_film


def picture(index, width_px=64, height_px=48):
    """Red first, then ever more blue."""
    colour = np.array([200 - 15 * index, 40, 20 + 20 * index], np.uint8)
    return np.broadcast_to(colour, (height_px, width_px, 3)).copy()


def write(path, count=8, **size):
    size = {"width_px": 64, "height_px": 48, **size}
    with open_film(path, **size) as film:
        for index in range(count):
            film.add(picture(index, **size))


def read(path):
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(FRAMES_PER_SECOND)
    pictures = []
    while (found := capture.read())[0]:
        pictures.append(found[1][..., ::-1])
    return pictures


@pytest.mark.parametrize("name", ["film.mp4", "film.webm"])
def test_a_film_holds_the_pictures(tmp_path, name):
    write(tmp_path / name)
    found = read(tmp_path / name)
    assert len(found) == 8
    for index, shown in enumerate(found):
        assert np.abs(shown.mean(axis=(0, 1)) - picture(index)[0, 0]).max() < 12
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_browsers_play_it(tmp_path):
    """VP9 in MP4; the sample description names the codec."""
    write(tmp_path / "film.mp4")
    assert b"vp09" in (tmp_path / "film.mp4").read_bytes()


def test_an_odd_size_loses_a_row_and_a_column(tmp_path):
    write(tmp_path / "film.mp4", width_px=65, height_px=49)
    assert read(tmp_path / "film.mp4")[0].shape == (48, 64, 3)


def test_without_a_suffix_it_is_a_folder_of_pictures(tmp_path):
    write(tmp_path / "frames", count=3)
    files = sorted((tmp_path / "frames").iterdir())
    assert [path.name for path in files] == ["000000.png", "000001.png", "000002.png"]
    np.testing.assert_array_equal(cv2.imread(str(files[2]))[..., ::-1], picture(2))


def test_another_kind_of_film_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"\.mp4 or \.webm"):
        write(tmp_path / "film.avi")


def test_a_film_that_is_not_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "film.mp4"
    write(path)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), open_film(path, width_px=64, height_px=48) as film:
        film.add(picture(0))
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        write(tmp_path / "file" / "film.mp4")
    with pytest.raises(OutputError, match="file"):
        write(tmp_path / "file" / "frames")
