# SPDX-License-Identifier: Apache-2.0
"""Actions that launch nodes and set what nodes have in common."""

import atexit
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml
from launch.action import Action
from launch.actions import ExecuteProcess
from launch.conditions import Condition
from launch.launch_context import LaunchContext
from launch.logging import get_logger
from launch.substitution import (
    SomeSubstitutionsType,
    SubstitutionFailure,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)
from launch_ros.namespaces import CONFIGURATION, resolve_namespace
from launch_ros.parameter_descriptions import EvaluatedValue, ParameterFile, evaluate_parameter
from launch_ros.substitutions import ExecutableInPackage
from rclpy.exceptions import NameValidationException
from rclpy.validate_node_name import validate_node_name

__all__ = [
    "LifecycleNode",
    "Node",
    "PushROSNamespace",
    "PushRosNamespace",
    "SetParameter",
]

_GLOBAL_PARAMETERS = "global_params"
_ANY_NODE = "/**"

Parameters = Sequence[ParameterFile | Mapping | str | os.PathLike | SomeSubstitutionsType]


class Node(ExecuteProcess):
    """Runs a node."""

    def __init__(
        self,
        *,
        executable: SomeSubstitutionsType,
        package: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        namespace: SomeSubstitutionsType | None = None,
        exec_name: SomeSubstitutionsType | None = None,
        parameters: Parameters | None = None,
        remappings: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]] | None = None,
        ros_arguments: Iterable[SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
        **kwargs: object,
    ) -> None:
        """Hold what to run.

        Args:
            executable: the package's executable, or a path where `package` is None.
            package: the package.
            name: the node's name.
            namespace: its namespace, inside the one pushed so far if it is relative.
            exec_name: label of the process; the executable's name if None.
            parameters: files and dictionaries; later ones win.
            remappings: pairs of names, from and to.
            ros_arguments: arguments after --ros-args.
            arguments: arguments before --ros-args.
            **kwargs: as for ExecuteProcess.
        """
        if package is not None:
            executable = ExecutableInPackage(package=package, executable=executable)
        ros_arguments = [] if ros_arguments is None else ["--ros-args", *ros_arguments]
        super().__init__(
            cmd=[executable, *(arguments or ()), *ros_arguments, "--ros-args"],
            name=exec_name,
            **kwargs,
        )
        if parameters is not None and not isinstance(parameters, list | tuple):
            raise TypeError(f"Expecting list of parameters, got {parameters}")
        self._node_name = None if name is None else normalize_to_list_of_substitutions(name)
        self._namespace = (
            None if namespace is None else normalize_to_list_of_substitutions(namespace)
        )
        self._parameters = list(parameters or ())
        self._remappings = [
            tuple(normalize_to_list_of_substitutions(subs) for subs in pair)
            for pair in remappings or ()
        ]

    def build_command(self, context: LaunchContext) -> list[str]:
        """The executable, its arguments, and name, parameters and remappings as ROS arguments."""
        name = None if self._node_name is None else perform_substitutions(context, self._node_name)
        namespace = (
            None if self._namespace is None else perform_substitutions(context, self._namespace)
        )
        try:
            if name is not None:
                validate_node_name(name)
            namespace = resolve_namespace(context, namespace)
        except NameValidationException:
            get_logger("launch_ros.actions.node").error(
                "Error while expanding or validating node name or namespace for '%s':",
                self.describe(),
            )
            raise
        command = super().build_command(context)
        if name is not None:
            command += ["-r", f"__node:={name}"]
        if namespace is not None:
            command += ["-r", f"__ns:={namespace}"]
        for key, value in context.launch_configurations.get(_GLOBAL_PARAMETERS, ()):
            command += ["-p", f"{key}:={_as_yaml(value)}"]
        has_full_name = name is not None and namespace is not None
        full_name = f"{namespace.rstrip('/')}/{name}" if has_full_name else _ANY_NODE
        for path in self._find_parameter_files(context, full_name):
            command += ["--params-file", str(path)]
        for source, target in self._remappings:
            source, target = (perform_substitutions(context, subs) for subs in (source, target))
            command += ["-r", f"{source}:={target}"]
        return command

    def _find_parameter_files(self, context: LaunchContext, full_name: str) -> list[Path]:
        paths = []
        for parameters in self._parameters:
            if isinstance(parameters, Mapping):
                evaluated = _evaluate_parameters(context, parameters)
                paths.append(_write_parameters({full_name: {"ros__parameters": evaluated}}))
                continue
            if not isinstance(parameters, ParameterFile):
                parameters = ParameterFile(parameters)
            path = parameters.evaluate(context)
            if path.is_file():
                paths.append(path)
            else:
                get_logger("launch_ros.actions.node").warning(
                    "Parameter file path is not a file: %s", path
                )
        return paths


class LifecycleNode(Node):
    """Runs a lifecycle node; only its process is managed, its state is the node's own affair."""

    def __init__(
        self, *, name: SomeSubstitutionsType, namespace: SomeSubstitutionsType, **kwargs: object
    ) -> None:
        """As a Node; name and namespace are required."""
        super().__init__(name=name, namespace=namespace, **kwargs)


class PushROSNamespace(Action):
    """Puts the nodes that follow in the same scope inside a namespace."""

    def __init__(
        self, namespace: SomeSubstitutionsType, *, condition: Condition | None = None
    ) -> None:
        """Hold the namespace."""
        super().__init__(condition=condition)
        self.namespace = normalize_to_list_of_substitutions(namespace)

    def execute(self, context: LaunchContext) -> None:
        """Push it.

        Raises:
            SubstitutionFailure: if ROS does not allow it.
        """
        previous = context.launch_configurations.get(CONFIGURATION)
        pushed = perform_substitutions(context, self.namespace)
        try:
            context.launch_configurations[CONFIGURATION] = resolve_namespace(context, pushed)
        except NameValidationException as error:
            raise SubstitutionFailure(
                "The resulting namespace is invalid:"
                f" [previous_namespace='{previous}', pushed_namespace='{pushed}']"
            ) from error


PushRosNamespace = PushROSNamespace


class SetParameter(Action):
    """Sets a parameter of all nodes that follow in the same scope."""

    def __init__(
        self, name: SomeSubstitutionsType, value: object, *, condition: Condition | None = None
    ) -> None:
        """Hold its name and value."""
        super().__init__(condition=condition)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = value

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        name = perform_substitutions(context, self.name)
        value = evaluate_parameter(context, name, self.value)
        known = context.launch_configurations.get(_GLOBAL_PARAMETERS, ())
        context.launch_configurations[_GLOBAL_PARAMETERS] = (*known, (name, value))


def _evaluate_parameters(
    context: LaunchContext, parameters: Mapping, prefix: str = ""
) -> dict[str, EvaluatedValue]:
    """Parameters by name; those of nested dictionaries get dotted names."""
    evaluated = {}
    for key, value in parameters.items():
        name = prefix + perform_substitutions(context, normalize_to_list_of_substitutions(key))
        if isinstance(value, Mapping):
            evaluated.update(_evaluate_parameters(context, value, f"{name}."))
        else:
            evaluated[name] = evaluate_parameter(context, name, value)
    return evaluated


def _write_parameters(content: dict) -> Path:
    """A parameter file that lives as long as this process."""
    with tempfile.NamedTemporaryFile("w", prefix="launch_params_", delete=False) as file:
        yaml.safe_dump(content, file, default_flow_style=False)
    path = Path(file.name)
    atexit.register(path.unlink, missing_ok=True)
    return path


def _as_yaml(value: EvaluatedValue) -> str:
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n").removesuffix("\n...")
