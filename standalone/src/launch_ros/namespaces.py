# SPDX-License-Identifier: Apache-2.0
"""Namespaces of nodes, put together."""

from launch.launch_context import LaunchContext
from rclpy.validate_namespace import validate_namespace

CONFIGURATION = "ros_namespace"


def resolve_namespace(context: LaunchContext, namespace: str | None) -> str | None:
    """The absolute namespace inside the one pushed so far; None where neither is given.

    Raises:
        InvalidNamespaceException: if ROS does not allow it.
    """
    base = context.launch_configurations.get(CONFIGURATION)
    if namespace is None and base is None:
        return None
    parts = [namespace] if namespace and namespace.startswith("/") else [base, namespace]
    resolved = "/" + "/".join(part.strip("/") for part in parts if part and part.strip("/"))
    validate_namespace(resolved)
    return resolved
