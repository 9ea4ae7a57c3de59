# SPDX-License-Identifier: Apache-2.0
"""Running a command in a test: waiting for what it prints, interrupting it, its end."""

import fcntl
import os
import pty
import queue
import re
import signal
import subprocess
import sys
import termios
import threading

DEADLINE_S = 60.0


class Command:
    """A process whose lines of output can be waited for; killed at the end of the `with`."""

    def __init__(self, *words, env=None, has_terminal=False):
        """Start it, by default without a terminal.

        `env` holds changes to the environment; None takes a variable out. With a terminal, the
        process has a session of its own in it, as in a user's window.
        """
        environment = {**os.environ, **(env or {})}
        self._terminal, slave = pty.openpty() if has_terminal else (None, None)
        self._process = subprocess.Popen(
            [str(word) for word in words],
            env={name: value for name, value in environment.items() if value is not None},
            stdin=slave if has_terminal else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: _prepare(has_terminal),
        )
        self.lines = []
        self._arriving = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(DEADLINE_S)

    @property
    def output(self):
        return "".join(self.lines)

    def wait_for(self, pattern):
        """The match of the first line, from the next one on, that the pattern is found in."""
        while (line := self._next_line()) is not None:
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"ended without {pattern!r}; it said:\n{self.output}")

    def send(self, number):
        """Signal the process alone, not those that it has started."""
        self._process.send_signal(number)

    def type_ctrl_c(self):
        """Press Ctrl-C in its terminal: all processes in the foreground get SIGINT."""
        os.write(self._terminal, b"\x03")

    def finish(self):
        """Its exit status, once it has ended by itself and all lines have been read."""
        while self._next_line() is not None:
            pass
        return self._process.wait(DEADLINE_S)

    def _read(self):
        for line in self._process.stdout:
            self._arriving.put(line)
        self._arriving.put(None)

    def _next_line(self):
        try:
            line = self._arriving.get(timeout=DEADLINE_S)
        except queue.Empty:
            raise AssertionError(f"silent for too long; it said:\n{self.output}") from None
        if line is not None:
            self.lines.append(line)
        return line


def write_program(path, text):
    """Write an executable Python program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


# A well-behaved node: says what it was started with, and ends when it is asked to.
def _prepare(has_terminal):
    """In the child: Ctrl-C works even where the tests themselves run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if has_terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


NODE_PROGRAM = """
import os, signal, sys
def end(number, frame):
    # print may be in use right now.
    os.write(1, f"got {signal.Signals(number).name}\\n".encode())
    sys.exit(0)
signal.signal(signal.SIGINT, end)
print("arguments", sys.argv[1:], flush=True)
for flag, path in zip(sys.argv, sys.argv[1:]):
    if flag == "--params-file":
        print("parameters", open(path).read().split(), flush=True)
print("profiles", os.environ.get("FASTDDS_DEFAULT_PROFILES_FILE"), flush=True)
print("ready", flush=True)
while True:
    signal.pause()
"""


def make_prefix(folder, package="my_robot", **programs):
    """An ament prefix with a package of the programs, to go to AMENT_PREFIX_PATH."""
    index = folder / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / package).touch()
    (folder / "share" / package).mkdir()
    for name, text in programs.items():
        write_program(folder / "lib" / package / name, text)
    return folder
