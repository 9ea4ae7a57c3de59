# SPDX-License-Identifier: Apache-2.0
"""The package for pip, without ROS: the library and the command. colcon uses CMakeLists.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


def requirements(name: str) -> list[str]:
    """The requirements of one file, without its comments."""
    lines = (HERE / "requirements" / name).read_text(encoding="utf-8").splitlines()
    return [line for line in (line.partition("#")[0].strip() for line in lines) if line]


setup(
    name="depthsplat_ros",
    version=VERSION.search((HERE / "depthsplat_ros" / "__init__.py").read_text()).group(1),
    description="Scale-consistent depth and Gaussians from one moving camera with known poses",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["depthsplat_ros", "depthsplat_ros.*"]),
    package_data={
        "depthsplat_ros": ["weights/*"],
        "depthsplat_ros.evaluation.page": ["*.css", "*.js", "*.j2"],
    },
    install_requires=requirements("core.txt"),
    extras_require={"test": requirements("test.txt")},
    entry_points={"console_scripts": ["depthsplat = depthsplat_ros.cli:main"]},
)
