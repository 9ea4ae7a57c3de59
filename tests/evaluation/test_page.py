# SPDX-License-Identifier: Apache-2.0
import re
from html.parser import HTMLParser

import example_evaluation
import pytest

from depthsplat_ros.evaluation.page import render_page

VOID = {"meta", "link", "img", "br", "hr", "input", "path", "use", "rect"}


class Outline(HTMLParser):
    """What the page holds, and whether its tags fit into each other."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.headings, self.best = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.addresses += [found[name] for name in ("src", "href", "xlink:href") if name in found]
        if tag not in VOID:
            self.open.append((tag, found))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.open.pop()[0] == tag, f"</{tag}> does not fit"

    def handle_data(self, data):
        tags = [tag for tag, _ in self.open]
        if tags and tags[-1] in ("h1", "h2", "h3"):
            self.headings.append(data.strip())
        if tags and tags[-1] == "td" and "best" in (self.open[-1][1].get("class") or ""):
            self.best.append(data.strip())


@pytest.fixture(scope="module")
def page():
    return render_page(*example_evaluation.make())


def test_the_page_is_well_formed_and_shows_every_part(page):
    outline = Outline(page)
    assert outline.open == []
    assert {
        "walk",
        "Input checks",
        "Published depth, without any alignment",
        "Published depth, median of each keyframe aligned",
        "Scale, consistency and cloud",
        "Speed and memory",
        "Depth maps",
        "Where the images went",
    } <= set(outline.headings)
    titles = set(re.findall(r"<strong>([^<]+)</strong>", page))
    assert {"Error over time", "Error over depth", "Error by confidence"} <= titles
    assert {"Scale over time", "Consistency over time", "The way from above"} <= titles


def test_the_page_needs_nothing_from_elsewhere(page):
    assert all(address.startswith(("data:", "#")) for address in Outline(page).addresses)
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest", page)


def test_the_best_of_several_models_is_bold(page):
    # The first model's AbsRel is 0.05, the second's 0.06.
    best = Outline(page).best
    assert "0.0500" in best
    assert "0.0600" not in best


def test_what_recordings_and_models_are_called_cannot_change_the_page():
    document, samples = example_evaluation.make(model='<script>alert("x")</script>')
    page = render_page(document, samples)
    assert page.count("<script>") == 1, "our own"
    assert "&lt;script&gt;" in page


def test_a_mistake_of_the_input_stands_out_with_its_remedy(page):
    assert 'class="check wrong"' in page
    assert "publish camera-to-world" in page


def test_without_truth_the_page_shows_what_is_left():
    page = render_page(*example_evaluation.make(has_truth=False))
    assert "Error over time" not in page
    assert "Consistency over time" in page
    assert ">confidence<" in page


def test_without_any_depth_the_page_says_so():
    page = render_page(*example_evaluation.make(keyframes=0))
    assert "Not one depth map came out" in page


def test_the_same_document_gives_the_same_page(page):
    assert render_page(*example_evaluation.make()) == page
