# SPDX-License-Identifier: Apache-2.0
import threading

from depthsplat_ros.ros.mailbox import Mailbox


def test_the_newest_item_wins_and_the_displaced_one_comes_back():
    mailbox = Mailbox()
    assert mailbox.put(1) is None
    assert mailbox.put(2) == 1
    assert mailbox.take() == 2


def test_take_waits_for_an_item():
    mailbox = Mailbox()
    taken = []
    thread = threading.Thread(target=lambda: taken.append(mailbox.take()))
    thread.start()
    mailbox.put("item")
    thread.join(timeout=10)
    assert taken == ["item"]


def test_closing_wakes_the_taker():
    mailbox = Mailbox()
    taken = []
    thread = threading.Thread(target=lambda: taken.append(mailbox.take()))
    thread.start()
    mailbox.close()
    thread.join(timeout=10)
    assert taken == [None]


def test_clear_empties_the_slot():
    mailbox = Mailbox()
    mailbox.put(1)
    assert mailbox.clear() == 1
    assert mailbox.clear() is None
