# SPDX-License-Identifier: Apache-2.0
"""ExecuteProcess: starts a process, shows what it prints, ends it when the launch ends."""

import asyncio
import itertools
import logging
import os
import pty
import shlex
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from launch.action import Action, SomeEntitiesType
from launch.conditions import Condition, evaluate_condition_expression
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited, ProcessStarted
from launch.launch_context import LaunchContext
from launch.logging import get_logger, get_output_loggers
from launch.substitution import (
    SomeSubstitutionsType,
    Substitution,
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)
from launch.substitutions import LaunchConfiguration

_GRACE_S = "5"
# A grandchild may hold the output open long after the process has ended; its lines are not ours.
_LAST_LINES_TIMEOUT_S = 1.0
_READ_SIZE = 1 << 16
_process_numbers = itertools.count(1)

_EnvironmentChanges = list[tuple[list[Substitution], list[Substitution]]]


@dataclass(frozen=True, kw_only=True)
class _Command:
    """A process to start, with nothing left to substitute."""

    name: str
    cmd: list[str]
    cwd: str | None
    env: dict[str, str]
    output: str
    emulate_tty: bool
    sigterm_timeout: str
    sigkill_timeout: str


class ExecuteProcess(Action):
    """Runs a process while the launch runs."""

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutionsType],
        name: SomeSubstitutionsType | None = None,
        prefix: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        additional_env: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        output: SomeSubstitutionsType = "log",
        emulate_tty: bool = False,
        respawn: bool | SomeSubstitutionsType = False,
        respawn_delay: float | None = None,
        on_exit: SomeEntitiesType | None = None,
        sigterm_timeout: SomeSubstitutionsType | None = None,
        sigkill_timeout: SomeSubstitutionsType | None = None,
        condition: Condition | None = None,
    ) -> None:
        """Hold what to run.

        Args:
            cmd: the executable and its arguments.
            name: label of the process; the executable's name if None.
            prefix: command to put before (a debugger); the configuration `launch-prefix` if None.
            cwd: folder to run in.
            env: the whole environment; that of the launch if None.
            additional_env: changes to the environment.
            output: where its output goes: "screen", "log" or "both".
            emulate_tty: let it believe that it prints to a terminal.
            respawn: start it again when it ends by itself.
            respawn_delay: seconds to wait before.
            on_exit: entities to visit when it has ended.
            sigterm_timeout: seconds from SIGINT to SIGTERM.
            sigkill_timeout: seconds from SIGTERM to SIGKILL.
            condition: whether to run it at all.
        """
        super().__init__(condition=condition)
        self.cmd = [normalize_to_list_of_substitutions(part) for part in cmd]
        self._name = _normalize_or_none(name)
        self._prefix = normalize_to_list_of_substitutions(
            LaunchConfiguration("launch-prefix", default="") if prefix is None else prefix
        )
        self._cwd = _normalize_or_none(cwd)
        self._env = None if env is None else _normalize_pairs(env)
        self._additional_env = _normalize_pairs(additional_env or {})
        self._output = normalize_to_list_of_substitutions(
            os.environ.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT", output)
        )
        self._emulate_tty = emulate_tty
        self._respawn = normalize_to_list_of_substitutions(
            str(respawn) if isinstance(respawn, bool) else respawn
        )
        self._respawn_delay_s = respawn_delay or 0.0
        self._on_exit = on_exit
        self._sigterm_timeout = _normalize_timeout(sigterm_timeout, "sigterm_timeout")
        self._sigkill_timeout = _normalize_timeout(sigkill_timeout, "sigkill_timeout")
        self._is_executed = False

    def describe(self) -> str:
        """The command."""
        cmd = ", ".join(describe_substitutions(part) for part in self.cmd)
        cwd = None if self._cwd is None else f"'{describe_substitutions(self._cwd)}'"
        pairs = [map(describe_substitutions, pair) for pair in self._env or ()]
        env = None if self._env is None else "{" + ", ".join(map(": ".join, pairs)) + "}"
        return f"ExecuteProcess(cmd=[{cmd}], cwd={cwd}, env={env}, shell=False)"

    def execute(self, context: LaunchContext) -> None:
        """Start the process; it runs on while other entities are visited."""
        command = self._prepare(context)
        respawns = evaluate_condition_expression(context, self._respawn)
        if self._is_executed:
            raise RuntimeError(
                f"ExecuteLocal action '{command.name}': executed more than once: {self.describe()}"
            )
        self._is_executed = True
        if context.is_shutdown:
            return
        if self._on_exit is not None:
            context.register_event_handler(
                OnProcessExit(target_action=self, on_exit=self._on_exit)
            )
        context.start_task(self._run(context, command, respawns))

    def build_command(self, context: LaunchContext) -> list[str]:
        """The executable and its arguments."""
        return [perform_substitutions(context, part) for part in self.cmd]

    def _prepare(self, context: LaunchContext) -> _Command:
        cmd = shlex.split(perform_substitutions(context, self._prefix))
        cmd += self.build_command(context)
        if self._name is None:
            name = os.path.basename(cmd[0])
        else:
            name = perform_substitutions(context, self._name)
        env = dict(context.environment) if self._env is None else {}
        for key, value in [*(self._env or []), *self._additional_env]:
            env[perform_substitutions(context, key)] = perform_substitutions(context, value)
        return _Command(
            name=f"{name}-{next(_process_numbers)}",
            cmd=cmd,
            cwd=None if self._cwd is None else perform_substitutions(context, self._cwd),
            env=env,
            output=perform_substitutions(context, self._output),
            emulate_tty=evaluate_condition_expression(
                context, [LaunchConfiguration("emulate_tty", default=str(self._emulate_tty))]
            ),
            sigterm_timeout=perform_substitutions(context, self._sigterm_timeout),
            sigkill_timeout=perform_substitutions(context, self._sigkill_timeout),
        )

    async def _run(self, context: LaunchContext, command: _Command, respawns: bool) -> None:
        """Run the process once, or again and again until the launch ends."""
        shutdown = asyncio.ensure_future(context.wait_for_shutdown())
        try:
            await self._run_once(context, command, shutdown)
            while respawns and not context.is_shutdown:
                await asyncio.wait({shutdown}, timeout=self._respawn_delay_s)
                if not context.is_shutdown:
                    await self._run_once(context, command, shutdown)
        finally:
            shutdown.cancel()

    async def _run_once(
        self, context: LaunchContext, command: _Command, shutdown: asyncio.Future
    ) -> None:
        logger = get_logger(command.name)
        loggers = get_output_loggers(command.name, command.output)
        channels = [_open_channel(command.emulate_tty) for _ in loggers]
        pumps = [
            asyncio.ensure_future(_pump(reading_end, line_logger, command.name))
            for (reading_end, _), line_logger in zip(channels, loggers, strict=True)
        ]
        process = None
        try:
            process = await asyncio.create_subprocess_exec(
                *command.cmd,
                stdin=None,
                stdout=channels[0][1],
                stderr=channels[1][1],
                cwd=command.cwd,
                env=command.env,
            )
        except OSError:
            logger.exception("exception occurred while executing process:")
            return
        finally:
            for _, writing_end in channels:
                os.close(writing_end)
            if process is None:
                await asyncio.wait(pumps)
        logger.info("process started with pid [%d]", process.pid)
        facts = {
            "action": self,
            "process_name": command.name,
            "cmd": command.cmd,
            "cwd": command.cwd,
            "env": command.env,
            "pid": process.pid,
        }
        context.emit_event_sync(ProcessStarted(**facts))
        ending = asyncio.ensure_future(process.wait())
        await asyncio.wait({ending, shutdown}, return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            is_signalled = context.shutdown_event.due_to_sigint and not context.noninteractive
            await _end(process, ending, command, send_sigint=not is_signalled)
        await asyncio.wait(pumps, timeout=_LAST_LINES_TIMEOUT_S)
        for pump in pumps:
            pump.cancel()
        _log_end(logger, process.pid, await ending, command.cmd)
        context.emit_event_sync(ProcessExited(returncode=await ending, **facts))


def _normalize_or_none(subs: SomeSubstitutionsType | None) -> list[Substitution] | None:
    return None if subs is None else normalize_to_list_of_substitutions(subs)


def _normalize_pairs(
    pairs: Mapping[SomeSubstitutionsType, SomeSubstitutionsType],
) -> _EnvironmentChanges:
    return [
        (normalize_to_list_of_substitutions(key), normalize_to_list_of_substitutions(value))
        for key, value in pairs.items()
    ]


def _normalize_timeout(
    timeout: SomeSubstitutionsType | None, configuration: str
) -> list[Substitution]:
    return normalize_to_list_of_substitutions(
        LaunchConfiguration(configuration, default=_GRACE_S) if timeout is None else timeout
    )


def _open_channel(emulate_tty: bool) -> tuple[int, int]:
    """File descriptors of the reading and the writing end of a pipe or a pseudo terminal."""
    return pty.openpty() if emulate_tty else os.pipe()


async def _pump(reading_end: int, logger: logging.Logger, process_name: str) -> None:
    """Log the lines that arrive, until the last writing end is closed."""
    loop = asyncio.get_running_loop()
    is_closed = loop.create_future()
    rest = b""

    def read() -> None:
        nonlocal rest
        try:
            chunk = os.read(reading_end, _READ_SIZE)
        except OSError:  # how a pseudo terminal says that its other end is closed
            chunk = b""
        if not chunk:
            loop.remove_reader(reading_end)
            is_closed.set_result(None)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            _log_line(logger, process_name, line)

    loop.add_reader(reading_end, read)
    try:
        await is_closed
    finally:
        loop.remove_reader(reading_end)
        os.close(reading_end)
        if rest:
            _log_line(logger, process_name, rest)


def _log_line(logger: logging.Logger, process_name: str, line: bytes) -> None:
    text = line.removesuffix(b"\r").decode(errors="replace")
    logger.info("[%s] %s", process_name, text)


async def _end(
    process: asyncio.subprocess.Process,
    ending: asyncio.Future,
    command: _Command,
    *,
    send_sigint: bool,
) -> None:
    """Return once the process has ended: asked with SIGINT, then SIGTERM, at last killed."""
    logger = get_logger(command.name)
    if send_sigint:
        _send(process, signal.SIGINT, command.name, logger)
    grace_s = float(command.sigterm_timeout), float(command.sigkill_timeout)
    told = ("SIGINT", command.sigterm_timeout), ("SIGTERM", str(sum(grace_s)))
    for timeout_s, (sent, after), next_signal in zip(
        grace_s, told, (signal.SIGTERM, signal.SIGKILL), strict=True
    ):
        done, _ = await asyncio.wait({ending}, timeout=timeout_s)
        if done:
            return
        logger.error(
            "process[%s] failed to terminate '%s' seconds after receiving '%s', "
            "escalating to '%s'",
            command.name,
            after,
            sent,
            next_signal.name,
        )
        _send(process, next_signal, command.name, logger)
    await ending


def _send(
    process: asyncio.subprocess.Process,
    number: signal.Signals,
    process_name: str,
    logger: logging.Logger,
) -> None:
    logger.info("sending signal '%s' to process[%s]", number.name, process_name)
    try:
        process.send_signal(number)
    except ProcessLookupError:
        logger.debug("process[%s] has ended already", process_name)


def _log_end(logger: logging.Logger, pid: int, returncode: int, cmd: list[str]) -> None:
    if returncode == 0:
        logger.info("process has finished cleanly [pid %d]", pid)
    else:
        logger.error(
            "process has died [pid %d, exit code %d, cmd '%s'].",
            pid,
            returncode,
            " ".join(part for part in cmd if part.strip()),
        )
