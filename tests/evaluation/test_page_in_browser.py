# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser: Debian's package chromium, or Google Chrome, without a window."""

import json
import queue
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import example_evaluation
import pytest

from depthsplat_ros.evaluation.page import render_page

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser here: apt-get install --no-install-recommends chromium"
)
TIMEOUT_S = 120
# Opens everything, waits for the pictures, sorts by one column both ways and tells what it saw.
PROBE = """
<script>
const errors = [];
addEventListener("error", (event) => errors.push(String(event.message)));
addEventListener("load", async () => {
  document.querySelectorAll("details").forEach((each) => { each.open = true; });
  const pictures = [...document.images];
  pictures.forEach((picture) => { picture.loading = "eager"; });
  const decode = (picture) => picture.decode().then(() => 1, () => 0);
  const decoded = await Promise.all(pictures.map(decode));
  const table = document.querySelector("table.sortable");
  const headings = [...table.tHead.rows[0].cells];
  const column = headings.findIndex((cell) => cell.textContent.trim() === "AbsRel");
  const sorted = (place) => {
    headings[place].querySelector("button").click();
    return [...table.tBodies[0].rows].map((row) => row.cells[place].dataset.sort);
  };
  const rising = sorted(column).map(Number);
  const falling = sorted(column).map(Number);
  const names = sorted(0);
  const page = () => getComputedStyle(document.body).backgroundColor;
  const before = page();
  document.getElementById("theme").click();
  const report = {
    errors, rising, falling, names,
    pictures: pictures.length,
    decoded: decoded.filter(Boolean).length,
    switched: before !== page(),
    overflow: document.documentElement.scrollWidth - innerWidth,
    plots: document.querySelectorAll(".plots svg").length,
  };
  fetch("REPORT_HERE", { method: "POST", mode: "no-cors", body: JSON.stringify(report) });
});
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(*example_evaluation.make()))
    return path


class Mailman(BaseHTTPRequestHandler):
    """Takes the report that a page sends home."""

    def do_POST(self):
        """Keep what is sent."""
        length = int(self.headers["Content-Length"])
        self.server.report.put(json.loads(self.rfile.read(length)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def home():
    """A server on this machine that waits for reports."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Mailman) as server:
        server.report = queue.Queue()
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def command(*arguments, profile):
    """How a browser without a window is started; a page's complaints go to standard error."""
    return [
        *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--enable-logging=stderr", f"--user-data-dir={profile}", *arguments),
    ]


def probe(page, home, tmp_path, *arguments):
    """What the page did, and what its console said."""
    probed = tmp_path / "probed.html"
    script = PROBE.replace("REPORT_HERE", f"http://127.0.0.1:{home.server_port}/")
    probed.write_text(page.read_text().replace("<body>", script + "<body>"))
    said = tmp_path / "said.txt"
    with said.open("w") as stderr:
        browser = subprocess.Popen(
            # Which keeps it open until it is told to end.
            command(
                "--remote-debugging-port=0",
                *arguments,
                probed.as_uri(),
                profile=tmp_path / "profile",
            ),
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        try:
            report = home.report.get(timeout=TIMEOUT_S)
        except queue.Empty:
            pytest.fail(f"no report came: {said.read_text()[-2000:]}")
        finally:
            browser.terminate()
            browser.wait(TIMEOUT_S)
    console = [line for line in said.read_text().splitlines() if ":CONSOLE" in line]
    return report, console


@pytest.mark.parametrize("width_px", [1360, 390], ids=["desk", "phone"])
def test_the_page_loads_whole_sorts_and_complains_about_nothing(page, home, tmp_path, width_px):
    report, console = probe(page, home, tmp_path, f"--window-size={width_px},900")

    assert report["errors"] == []
    assert console == []
    assert report["decoded"] == report["pictures"] >= 10
    assert report["plots"] == 8
    assert report["rising"] == pytest.approx([0.05, 0.06], abs=1e-6)
    assert report["falling"] == pytest.approx([0.06, 0.05], abs=1e-6)
    assert report["names"] == ["other-model:window_views=2", "plane-sweep"]
    assert report["switched"], "the button changes between dark and light"
    assert report["overflow"] <= 0, "nothing is wider than the window"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_follows_the_theme_of_the_system(page, tmp_path, theme):
    picture = tmp_path / "page.png"
    # Chromium's own names of the preference: 0 is dark, 1 is light.
    subprocess.run(
        command(
            f"--blink-settings=preferredColorScheme={0 if theme == 'dark' else 1}",
            "--window-size=900,700",
            f"--screenshot={picture}",
            page.as_uri(),
            profile=tmp_path / "profile",
        ),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    pixels = cv2.imread(str(picture))
    assert pixels is not None
    brightness = float(pixels.mean())
    assert brightness < 70 if theme == "dark" else brightness > 200
    assert pixels.std() > 10, "something is drawn"
