# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from recorded_bags import (
    make_camera_info,
    make_compressed,
    make_image,
    make_transforms,
    write_bag,
)

from depthsplat_ros.recordings.bag import Bag, RecordingError
from depthsplat_ros.recordings.topics import RecordingOptions, choose_topics

COLOUR = np.zeros((4, 6, 3), np.uint8)
GREY = COLOUR[..., 0]
DEPTH = np.ones((4, 6), np.uint16)
TF = make_transforms((0.0, "odom", "camera", (0, 0, 0), (0, 0, 0, 1)))


def image(samples=COLOUR, encoding="rgb8", frame_id="camera"):
    return make_image(0.0, samples, encoding, frame_id)


def compressed(samples=COLOUR, format_text="jpeg", suffix=".jpg", frame_id="camera"):
    data = cv2.imencode(suffix, samples)[1].tobytes()
    if "compressedDepth" in format_text:
        data = bytes(12) + data
    return make_compressed(0.0, data, format_text, frame_id)


def info(frame_id="camera"):
    return make_camera_info(0.0, frame_id=frame_id)


def choose(tmp_path, topics, **options):
    """The choice from a bag with one message per topic, TF on /tf unless topics has its own."""
    if not any("tf" in name for name in topics):
        topics = {**topics, "/tf": TF}
    path = write_bag(tmp_path / "bag", [(0.0, name, message) for name, message in topics.items()])
    return choose_topics(Bag(path), RecordingOptions(**options))


def test_colour_is_preferred_over_grey_and_depth(tmp_path):
    topics = choose(
        tmp_path,
        {
            "/cam/infra1/image_rect_raw": image(GREY, "mono8"),
            "/cam/infra1/camera_info": info(),
            "/cam/depth/image_rect_raw": image(DEPTH, "16UC1", "depth_optical"),
            "/cam/depth/camera_info": info("depth_optical"),
            "/cam/color/image_raw": image(),
            "/cam/color/camera_info": info(),
        },
    )
    assert (topics.image, topics.camera_info) == ("/cam/color/image_raw", "/cam/color/camera_info")
    assert topics.depth == "/cam/depth/image_rect_raw"
    assert topics.depth_camera_info == "/cam/depth/camera_info"
    assert topics.image_frame == "camera"


def test_raw_is_preferred_over_compressed_of_the_same_camera(tmp_path):
    topics = {
        "/cam/image_raw/compressed": compressed(),
        "/cam/camera_info": info(),
    }
    assert choose(tmp_path / "one", topics).image == "/cam/image_raw/compressed"
    topics["/cam/image_raw"] = image()
    assert choose(tmp_path / "two", topics).image == "/cam/image_raw"


def test_rectified_is_preferred_over_raw_of_the_same_camera(tmp_path):
    topics = choose(
        tmp_path,
        {
            "/cam/image_raw": image(),
            "/cam/image_rect_color": image(),
            "/cam/image_rect": image(GREY, "mono8"),
            "/cam/camera_info": info(),
        },
    )
    assert topics.image == "/cam/image_rect_color"


def test_a_calibrated_grey_camera_is_preferred_over_an_uncalibrated_colour_one(tmp_path):
    topics = choose(
        tmp_path,
        {
            "/webcam/image_raw": image(frame_id="webcam"),
            "/cam/image_raw": image(GREY, "mono8"),
            "/cam/camera_info": info(),
        },
    )
    assert topics.image == "/cam/image_raw"


def test_a_depth_picture_in_colours_is_not_taken_for_the_camera(tmp_path):
    topics = choose(
        tmp_path,
        {
            "/cam/depth/image_color_mapped": image(),
            "/cam/depth/camera_info": info(),
            "/cam/rgb/image_raw": image(),
            "/cam/rgb/camera_info": info(),
        },
    )
    assert topics.image == "/cam/rgb/image_raw"


def test_several_cameras_need_a_choice_and_the_error_lists_them(tmp_path):
    topics = {
        "/stereo/left/image_raw": image(),
        "/stereo/left/camera_info": info(),
        "/stereo/right/image_raw": image(),
        "/stereo/right/camera_info": info(),
    }
    with pytest.raises(
        RecordingError,
        match=r"several cameras: give image_topic, one of /stereo/left/image_raw \(colour\), "
        r"/stereo/right/image_raw \(colour\)",
    ):
        choose(tmp_path / "auto", topics)
    chosen = choose(tmp_path / "told", topics, image_topic="/stereo/right/image_raw")
    assert chosen.camera_info == "/stereo/right/camera_info"


def test_several_pictures_of_one_camera_need_a_choice(tmp_path):
    topics = {"/cam/a_raw": image(), "/cam/b_raw": image(), "/cam/camera_info": info()}
    with pytest.raises(RecordingError, match="several images of one camera.*/cam/a_raw.*/cam/b_"):
        choose(tmp_path, topics)


def test_without_a_camera_the_error_shows_what_there_is(tmp_path):
    with pytest.raises(RecordingError, match=r"no camera image topic.*/d \(depth\), /odd \(other"):
        choose(tmp_path, {"/d": image(DEPTH, "16UC1"), "/odd": image(DEPTH, "16SC1")})


def test_a_wrong_name_is_answered_with_the_candidates(tmp_path):
    topics = {"/cam/image_raw": image(), "/cam/camera_info": info()}
    for options, complaint in (
        ({"image_topic": "/nope"}, r"image_topic '/nope' .*one of /cam/image_raw \(colour\)"),
        (
            {"camera_info_topic": "/nope"},
            "under the name '/nope': give .*, one of /cam/camera_inf",
        ),
        ({"depth_topic": "/nope"}, "depth_topic '/nope' .*one of none at all"),
        ({"depth_camera_info_topic": "/nope"}, "'/nope' is not in .*one of /cam/camera_info"),
        ({"tf_topics": ("/nope",)}, "no TF topic /nope: give tf_topics out of /tf"),
    ):
        with pytest.raises(RecordingError, match=complaint):
            choose(tmp_path / next(iter(options)), topics, **options)


@pytest.mark.parametrize(
    "name", ["/cam/camera_info", "/cam/image/camera_info", "/elsewhere/calibration"]
)
def test_camera_info_is_the_sibling_or_below_or_the_one_of_the_same_frame(tmp_path, name):
    topics = choose(tmp_path, {"/cam/image": image(), name: info(), "/x/camera_info": info("x")})
    assert topics.camera_info == name


def test_a_missing_camera_info_is_named_with_the_candidates(tmp_path):
    with pytest.raises(RecordingError, match="no camera_info for image topic '/cam/image'.*/x/ca"):
        choose(tmp_path, {"/cam/image": image(), "/x/camera_info": info("x")})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/cam/depth/image", image(DEPTH, "16UC1")),
        ("/cam/depth/image", image(DEPTH.astype(np.float32), "32FC1")),
        ("/cam/depth/image", image(DEPTH, "mono16")),
        ("/cam/range", image(DEPTH, "16UC1")),
        ("/cam/depth/compressedDepth", compressed(DEPTH, "16UC1; compressedDepth png", ".png")),
        ("/cam/depth/compressed", compressed(DEPTH, "16UC1; png compressed ", ".png")),
        ("/cam/depth/compressed", compressed(DEPTH, "png", ".png")),
    ],
)
def test_depth_is_recognised_by_what_it_holds(tmp_path, name, message):
    camera = {"/cam/image": image(), "/cam/camera_info": info()}
    assert choose(tmp_path, {**camera, name: message}).depth == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/cam/confidence", image(DEPTH.astype(np.float32), "32FC1")),
        ("/cam/disparity/image", image(DEPTH.astype(np.float32), "32FC1")),
        ("/cam/thermal", image(DEPTH, "mono16")),
    ],
)
def test_other_numbers_are_not_taken_for_depth(tmp_path, name, message):
    camera = {"/cam/image": image(), "/cam/camera_info": info()}
    assert choose(tmp_path, {**camera, name: message}).depth is None


def test_depth_registered_to_the_camera_is_preferred(tmp_path):
    camera = {"/cam/color/image": image(), "/cam/color/camera_info": info()}
    depths = {
        "/cam/depth/image": image(DEPTH, "16UC1", "depth_optical"),
        "/cam/aligned_depth/image": image(DEPTH, "16UC1"),
        "/cam/aligned_depth/image/compressedDepth": compressed(
            DEPTH, "16UC1; compressedDepth png", ".png"
        ),
        "/other/depth/image": image(DEPTH, "16UC1"),
    }
    topics = choose(tmp_path, {**camera, **depths})
    assert topics.depth == "/cam/aligned_depth/image"
    # The only camera_info of the depth's frame is the camera's own.
    assert topics.depth_camera_info == "/cam/color/camera_info"


def test_depths_that_fit_alike_need_a_choice(tmp_path):
    camera = {"/cam/image": image(), "/cam/camera_info": info()}
    depths = {f"/cam/{name}_depth": image(DEPTH, "16UC1") for name in ("near", "far")}
    with pytest.raises(RecordingError, match="several depth topics.*far_depth.*near_depth.*empty"):
        choose(tmp_path / "auto", {**camera, **depths})
    told = choose(tmp_path / "told", {**camera, **depths}, depth_topic="/cam/far_depth")
    assert told.depth == "/cam/far_depth"


def test_tf_around_the_camera_is_used_and_strange_tf_needs_a_choice(tmp_path):
    camera = {"/r1/cam/image": image(), "/r1/cam/camera_info": info()}
    around = {"/tf": TF, "/tf_static": TF, "/r1/tf": TF, "/r2/tf": TF}
    assert choose(tmp_path / "around", {**camera, **around}).transforms == (
        *("/r1/tf", "/tf", "/tf_static"),
    )
    assert choose(tmp_path / "one", {**camera, "/r2/tf": TF}).transforms == ("/r2/tf",)
    with pytest.raises(RecordingError, match="several namespaces and none around '/r1/cam/image'"):
        choose(tmp_path / "two", {**camera, "/r2/tf": TF, "/r3/tf": TF})
    told = choose(tmp_path / "told", {**camera, "/r2/tf": TF, "/r3/tf": TF}, tf_topics=("/r3/tf",))
    assert told.transforms == ("/r3/tf",)


def test_a_recording_without_tf_has_no_poses(tmp_path):
    camera = {"/cam/image": image(), "/cam/camera_info": info()}
    path = write_bag(tmp_path / "bag", [(0.0, name, message) for name, message in camera.items()])
    with pytest.raises(RecordingError, match="no poses: record /tf and /tf_static"):
        choose_topics(Bag(path), RecordingOptions())


def test_a_broken_first_picture_does_not_hide_its_topic(tmp_path):
    broken = make_compressed(0.0, b"\xff\xd8broken")
    topics = choose(tmp_path, {"/cam/image/compressed": broken, "/cam/camera_info": info()})
    assert topics.image == "/cam/image/compressed"
