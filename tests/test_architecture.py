# SPDX-License-Identifier: Apache-2.0
"""Who may import whom: the table of docs/architecture.md, held against every file's imports."""

import ast
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Row(NamedTuple):
    """What some modules may import besides Python itself; names are relative to depthsplat_ros.

    `x.*` means the package x and all in it.
    """

    modules: str
    ours: str
    libraries: str


FOUNDATION = (
    "__init__ errors settings compilation camera frame calibration rectification transform_tree "
    "pixel_layout threads pixel_values compressed_image voxel_grid fusion visualisation gaussians "
    "scene_files.*"
)
NETWORK = "geometry model.*"
MESSAGES = "builtin_interfaces diagnostic_msgs geometry_msgs rcl_interfaces sensor_msgs std_msgs"

# A module answers to the first row that names it.
TABLE = [
    Row("__init__", "", ""),
    Row("compilation", "", "numba"),
    Row("visualisation", FOUNDATION, "cv2 jaxtyping matplotlib numpy"),
    Row(FOUNDATION, FOUNDATION, "cv2 jaxtyping numpy"),
    # Files are read and fetched in these three alone; the rest of the network is pure.
    Row("model.zoo", "errors model.config model.traits", "huggingface_hub"),
    Row("model.checkpoint model.loading", f"errors {NETWORK}", "safetensors torch"),
    # Kernels are optional: who wants them asks model.acceleration, which imports them by name.
    Row("model.fused.*", f"errors {NETWORK}", "einops jaxtyping torch triton"),
    Row(NETWORK, f"errors settings compilation {NETWORK}", "einops jaxtyping numpy timm torch"),
    Row(
        "plane_sweep.*",
        f"plane_sweep.* {FOUNDATION} {NETWORK}",
        "einops jaxtyping numpy torch",
    ),
    Row(
        "rendering.*",
        f"rendering.* {FOUNDATION} {NETWORK}",
        "gsplat jaxtyping numba numpy torch",
    ),
    Row("recordings.*", f"recordings.* {FOUNDATION}", "cv2 jaxtyping numpy rosbags"),
    Row(
        "simulation.*",
        f"simulation.* recordings.* {FOUNDATION} geometry",
        "cv2 jaxtyping numpy rosbags torch",
    ),
    Row(
        "streaming.*",
        f"streaming.* rendering.* plane_sweep.* {FOUNDATION} {NETWORK}",
        "cv2 einops jaxtyping numpy torch",
    ),
    Row("input_checks.*", f"input_checks.* {FOUNDATION}", "cv2 jaxtyping numpy"),
    Row(
        "evaluation.* offline.*",
        "evaluation.* offline.* input_checks.* recordings.* rendering.* simulation.* streaming.* "
        f"{FOUNDATION} {NETWORK}",
        "cv2 jaxtyping jinja2 matplotlib numpy plyfile rich scipy torch torchmetrics",
    ),
    Row(
        "cli *_options *_command",
        "*_options *_command evaluation.* offline.* recordings.* rendering.* simulation.* "
        f"streaming.* {FOUNDATION} model.zoo",
        "rich typer",
    ),
    # Numpy enters `streaming` and numpy leaves it, so nothing in `ros` needs torch.
    Row("ros.messages", FOUNDATION, f"jaxtyping numpy {MESSAGES}"),
    Row(
        "ros.simulated_robot ros.bag_player",
        f"ros.* recordings.* simulation.* {FOUNDATION}",
        f"cv2 jaxtyping numpy rclpy rosbags rosgraph_msgs tf2_msgs tf2_ros {MESSAGES}",
    ),
    Row(
        "ros.live_evaluation",
        f"ros.* msg evaluation.live recordings.* {FOUNDATION}",
        f"numpy rclpy {MESSAGES}",
    ),
    Row(
        "ros.*",
        "ros.* msg streaming.reconstructor streaming.factory streaming.config streaming.scene "
        f"streaming.scene_config rendering input_checks.* {FOUNDATION}",
        "ament_index_python cv_bridge jaxtyping lifecycle_msgs message_filters numpy rclpy "
        f"std_srvs tf2_msgs tf2_ros {MESSAGES}",
    ),
]


def test_every_import_follows_the_table():
    assert violations(ROOT / "depthsplat_ros") == []


def test_launch_files_import_no_module_of_the_package():
    launch = (ROOT / "launch").rglob("*.py")
    imported = {(path.name, name) for path in launch for name in imports(path, ROOT)}
    allowed = {"launch", "launch_ros", "ament_index_python"}
    assert {
        (path, name)
        for path, name in imported
        if not is_of_python(name) and name.partition(".")[0] not in allowed
    } == set()


def test_stand_ins_know_nothing_of_the_package():
    files = (ROOT / "standalone" / "src").rglob("*.py")
    assert [path for path in files if any(map(is_ours, imports(path, ROOT)))] == []


def test_torch_in_the_node_is_a_violation(tmp_path):
    write(tmp_path, "ros/node.py", "import rclpy\n\ndef late():\n    from torch import nn\n")
    assert violations(tmp_path / "depthsplat_ros") == ["ros.node imports torch"]


def test_a_forbidden_module_of_ours_is_a_violation_however_it_is_imported(tmp_path):
    write(tmp_path, "streaming/window.py", "")
    write(tmp_path, "ros/node.py", "from depthsplat_ros.streaming import window\n")
    write(tmp_path, "ros/poses.py", "import depthsplat_ros.streaming.window\n")
    write(tmp_path, "ros/qos.py", "from depthsplat_ros.streaming.window import Window\n")
    assert violations(tmp_path / "depthsplat_ros") == [
        f"ros.{name} imports depthsplat_ros.streaming.window" for name in ("node", "poses", "qos")
    ]


def test_relative_import_is_a_violation(tmp_path):
    write(tmp_path, "streaming/window.py", "from .keyframes import Keyframe\n")
    assert violations(tmp_path / "depthsplat_ros") == ["streaming.window imports .keyframes"]


def test_module_without_a_row_is_a_violation(tmp_path):
    write(tmp_path, "misc.py", "")
    assert violations(tmp_path / "depthsplat_ros") == ["misc has no row in the table"]


def test_what_the_table_allows_is_no_violation(tmp_path):
    write(tmp_path, "camera.py", "import math\nimport numpy as np\n")
    write(tmp_path, "ros/node.py", "from depthsplat_ros import camera\nimport rclpy.node\n")
    assert violations(tmp_path / "depthsplat_ros") == []


def violations(package):
    """One line for each import in a package that the table does not allow."""
    found = []
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package).with_suffix("").parts)
        if module != "__init__":
            module = module.removesuffix(".__init__")
        row = next((row for row in TABLE if is_named(module, row.modules)), None)
        if row is None:
            found.append(f"{module} has no row in the table")
            continue
        for name in sorted(imports(path, package.parent)):
            if not is_of_python(name) and not is_allowed(name, row):
                found.append(f"{module} imports {name}")
    return found


def is_allowed(name, row):
    if is_ours(name):
        return is_named(name.removeprefix("depthsplat_ros").lstrip(".") or "__init__", row.ours)
    return name.partition(".")[0] in row.libraries.split()


def is_named(module, patterns):
    """Whether one of some patterns fits a module; `x.*` fits x too."""
    return any(
        fnmatchcase(module, pattern) or module == pattern.removesuffix(".*")
        for pattern in patterns.split()
    )


def is_ours(name):
    return name.partition(".")[0] == "depthsplat_ros"


def is_of_python(name):
    return name.partition(".")[0] in sys.stdlib_module_names


def imports(path, root):
    """Names of the modules that a file imports: ours in full, libraries by their first part.

    root is the folder that holds the package, to tell a module from a name in one where it says
    `from depthsplat_ros.streaming import window`.
    """
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                inner = root.joinpath(*base.split("."), alias.name)
                is_module = inner.with_suffix(".py").is_file() or inner.is_dir()
                names.add(f"{base}.{alias.name}" if node.level == 0 and is_module else base)
    return {name if is_ours(name) or name[0] == "." else name.partition(".")[0] for name in names}


def write(folder, name, text):
    """A file of a synthetic depthsplat_ros."""
    path = folder / "depthsplat_ros" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
