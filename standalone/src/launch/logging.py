# SPDX-License-Identifier: Apache-2.0
"""What a launch tells: on the screen and in `launch.log`.

The log lies in a folder of its own for each run, below $ROS_LOG_DIR, or $ROS_HOME/log, or
~/.ros/log.
"""

import datetime
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_OUTPUTS = {
    # name: (where stdout goes, where stderr goes)
    "screen": ({"screen"}, {"screen"}),
    "log": ({"log"}, {"screen", "log"}),
    "both": ({"screen", "log"}, {"screen", "log"}),
}


class _Screen(logging.StreamHandler):
    """Writes to what is the standard output at that time."""

    def __init__(self, text: str) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter(text, style="{"))

    @property
    def stream(self) -> TextIO:
        return sys.stdout


class _Log(logging.Handler):
    """Writes to this run's `launch.log`, where there is one."""

    file: logging.FileHandler | None = None

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("{created:.7f} " + text, style="{"))

    def emit(self, record: logging.LogRecord) -> None:
        if _Log.file is not None:
            _Log.file.setFormatter(self.formatter)
            _Log.file.handle(record)


_MESSAGE = "[{levelname}] [{name}]: {message}"
_LINE = "{message}"
_MESSAGE_HANDLERS = [_Screen(_MESSAGE), _Log(_MESSAGE)]
_LINE_HANDLERS = {"screen": _Screen(_LINE), "log": _Log(_LINE)}


def get_logger(name: str = "launch") -> logging.Logger:
    """A logger whose messages go to the screen and to the log."""
    return _with_handlers(name, _MESSAGE_HANDLERS)


def get_output_loggers(process_name: str, output: str) -> tuple[logging.Logger, logging.Logger]:
    """Loggers for the lines of a process's stdout and stderr.

    Args:
        process_name: name of the process.
        output: "screen" (both to the screen), "log" (both to the log, stderr to the screen as
            well) or "both" (both to both).

    Raises:
        ValueError: if `output` is something else.
    """
    if output not in _OUTPUTS:
        raise ValueError(
            f'{output} is not a valid standard output config i.e. "screen", "log" or "both"'
        )
    stdout, stderr = (
        _with_handlers(f"{process_name}-{source}", [_LINE_HANDLERS[name] for name in targets])
        for source, targets in zip(("stdout", "stderr"), _OUTPUTS[output], strict=True)
    )
    return stdout, stderr


def set_level(level: int) -> None:
    """Leave out messages below a level of the standard library's logging."""
    for handler in _MESSAGE_HANDLERS:
        handler.setLevel(level)


@contextmanager
def open_log() -> Iterator[None]:
    """Keep a `launch.log` of this run; go on without it where no file can be written."""
    logger = get_logger("launch")
    name = f"{datetime.datetime.now():%Y-%m-%d-%H-%M-%S-%f}-{socket.gethostname()}-{os.getpid()}"
    folder = _find_log_root() / name
    try:
        folder.mkdir(parents=True)
        _Log.file = logging.FileHandler(folder / "launch.log", encoding="utf-8")
        logger.info("All log files can be found below %s", folder)
    except OSError as error:
        logger.warning(
            "no launch.log: cannot write below %s (%s); set ROS_LOG_DIR to a folder that can be "
            "written",
            folder.parent,
            error,
        )
    try:
        yield
    finally:
        if _Log.file is not None:
            _Log.file.close()
            _Log.file = None


def _find_log_root() -> Path:
    if os.environ.get("ROS_LOG_DIR"):
        return Path(os.environ["ROS_LOG_DIR"]).expanduser()
    return Path(os.environ.get("ROS_HOME") or "~/.ros").expanduser() / "log"


def _with_handlers(name: str, handlers: list[logging.Handler]) -> logging.Logger:
    logger = logging.getLogger(name)
    logger.handlers = handlers
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    return logger
