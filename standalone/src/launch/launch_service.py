# SPDX-License-Identifier: Apache-2.0
"""LaunchService: runs launch descriptions until nothing is left to do."""

import asyncio
import logging
import signal
from collections.abc import Iterable

from launch.action import visit_recursively
from launch.description import LaunchDescription
from launch.events import Event, Shutdown
from launch.launch_context import LaunchContext
from launch.logging import get_logger, open_log, set_level


class LaunchService:
    """Visits launch descriptions, handles events, and ends with the last process."""

    def __init__(
        self,
        *,
        argv: Iterable[str] | None = None,
        noninteractive: bool = False,
        debug: bool = False,
    ) -> None:
        """Set up.

        Args:
            argv: the launch arguments as given on the command line.
            noninteractive: there is no terminal that sends Ctrl-C to the processes as well.
            debug: tell more.
        """
        self.context = LaunchContext(argv=argv, noninteractive=noninteractive)
        self._level = logging.DEBUG if debug else logging.INFO
        self._descriptions: list[LaunchDescription] = []
        self._logger = get_logger("launch")
        self._return_code = 0

    def include_launch_description(self, launch_description: LaunchDescription) -> None:
        """Have a description launched."""
        self._descriptions.append(launch_description)

    def run(self) -> int:
        """Launch, and return once everything has ended: 0, or 1 if the launch itself failed."""
        set_level(self._level)
        with open_log():
            self._logger.info(
                "Default logging verbosity is set to %s", logging.getLevelName(self._level)
            )
            return asyncio.run(self._run())

    async def _run(self) -> int:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._on_sigint)
        for number in (signal.SIGTERM, signal.SIGQUIT):
            loop.add_signal_handler(number, self._on_termination, number)
        for description in self._descriptions:
            self._guard(visit_recursively, description, self.context)
        while True:
            while (event := self.context.take_event()) is not None:
                self._guard(self._handle, event)
            self._collect_tasks()
            if self.context.has_events:
                continue
            if self.context.tasks:
                await self.context.wait_for_news()
            elif self.context.is_shutdown:
                return self._return_code
            else:
                self.context.emit_event_sync(Shutdown(reason="idle"))

    def _handle(self, event: Event) -> None:
        if isinstance(event, Shutdown):
            if self.context.is_shutdown:
                return
            self.context.begin_shutdown(event)
        for handler in self.context.find_event_handlers(event):
            for entity in handler.handle(event, self.context):
                visit_recursively(entity, self.context)

    def _guard(self, function, *args: object) -> None:
        """Call a function of the launch file's making; if it fails, shut down."""
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - launch files may raise anything
            self._fail(error)

    def _collect_tasks(self) -> None:
        for task in [task for task in self.context.tasks if task.done()]:
            self.context.tasks.remove(task)
            if task.exception() is not None:
                self._fail(task.exception())

    def _fail(self, error: BaseException) -> None:
        text = f"Caught exception in launch (see debug for traceback): {error}"
        self._logger.debug("traceback", exc_info=error)
        self._logger.error(text)
        self._return_code = 1
        self.context.emit_event_sync(Shutdown(reason=text))

    def _on_sigint(self) -> None:
        text = "user interrupted with ctrl-c (SIGINT)"
        if self.context.is_shutdown:
            self._logger.warning("%s again, ignoring...", text)
            return
        self._logger.warning(text)
        self.context.emit_event_sync(Shutdown(reason="ctrl-c (SIGINT)", due_to_sigint=True))

    def _on_termination(self, number: signal.Signals) -> None:
        self._logger.error("user interrupted with ctrl-\\ (%s), terminating...", number.name)
        self._return_code = 1
        self.context.emit_event_sync(Shutdown(reason=number.name))
