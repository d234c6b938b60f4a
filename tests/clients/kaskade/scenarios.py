"""What somebody sees who looks at a broker through kaskade, a user interface in a terminal.

The interface runs without a terminal: keys are pressed as a person would press them, and its tables and messages are read.
"""

import asyncio
import contextlib
import re

from confluent_kafka.admin import ConfigResource, ResourceType
from kaskade.admin import DescribeTopicScreen, KaskadeAdmin, ListTopics
from kaskade.consumer import KaskadeConsumer, ListRecords, TopicScreen
from kaskade.deserializers import Deserialization
from kaskade.models import MetricState
from textual.events import Paste
from textual.widgets import DataTable, Input, TabbedContent

import harness
from confluent_kafka_client import admin as admin_client
from confluent_kafka_client import consumer, create_topic, name_of, produced, take
from harness import EPOCH_MS, Mismatch, error_of, sent

scenario = harness.Scenarios()
SCREEN = (200, 60)
GROUP_TABS = ["groups", "group-offsets", "group-members"]
MEMBER_ID = re.compile(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def until(condition, what, seconds=20):
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise Mismatch(f"waited {seconds} s in vain for {what}")
        await asyncio.sleep(0.05)


class Ui:
    """An interface that runs, and the hands and eyes of who uses it."""

    def __init__(self, seen, app, pilot):
        self.seen, self.app, self.pilot = seen, app, pilot

    async def press(self, *keys):
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def fill(self, field, text):
        """Pastes a text over what stands in a field of a form."""
        found = self.app.screen.query_one(f"#{field}", Input)
        found.focus()
        await self.press("end", "ctrl+u")
        found.post_message(Paste(text))
        await until(lambda: found.value == text, f"{text} in the field")

    def rows(self, table):
        """What stands in a table. The order is often that of the broker's answers, which means nothing."""
        found = self.app.screen.query_one(f"#{table}", DataTable)
        return sorted([str(cell) for cell in found.get_row(key)] for key in found.rows)

    async def show_message(self, what):
        """The next message that pops up."""

        def messages():
            return [f"{n.severity}: {n.title}: {n.message}" for n in self.app._notifications]

        await until(lambda: len(messages()) > 0, "a message")
        # More than one would be as surprising as none.
        self.seen.saw(what, messages())
        self.app.clear_notifications()
        await self.pilot.pause()

    async def screen(self, kind):
        await until(lambda: isinstance(self.app.screen, kind), f"{kind.__name__}")
        await self.pilot.pause()

    async def no_form(self):
        await until(lambda: len(self.app.screen_stack) == 1, "the main screen")


class Admin(Ui):
    """The mode in which topics are looked at and changed."""

    def topics(self):
        return self.app.query_one(ListTopics)

    def settled(self, name):
        topic = self.topics().topics.get(name)
        return topic is not None and topic.records_state is topic.groups_state is MetricState.READY

    async def filter(self, text):
        await self.press("slash")
        await self.fill(self.app.screen.query(Input).first().id, text)
        await self.press("enter")
        await self.no_form()

    async def select(self, name):
        """Waits until everything is known of a topic, and filters for it, which selects it."""
        await until(lambda: self.settled(name), f"what there is to know of {name}")
        await self.filter(name)
        await until(lambda: self.topics().current_topic.name == name, f"the selection of {name}")

    async def refreshed(self, condition, what):
        """Reads anew until a change is seen: what a broker has answered it need not show at once."""

        async def again():
            await self.press("ctrl+r")
            await asyncio.sleep(0.3)

        for _ in range(50):
            if condition():
                return
            await again()
        raise Mismatch(f"refreshed in vain for {what}")

    async def describe(self, what, *tabs):
        """Opens the details of the selected topic and shows some of their tables."""
        await self.press("d")
        await self.screen(DescribeTopicScreen)
        for tab in tabs:
            self.app.screen.query_one(TabbedContent).active = tab
            await self.pilot.pause()
            for row in self.rows(f"{tab}-table"):
                line = MEMBER_ID.sub("-ID", " | ".join(row)).replace(self.seen.bootstrap, "BOOTSTRAP")
                self.seen.saw(f"{what}: {tab}", line)
        await self.press("escape")
        await self.no_form()


@contextlib.asynccontextmanager
async def admin(seen):
    # Nothing is read anew but when asked.
    app = KaskadeAdmin({"bootstrap.servers": seen.bootstrap}, refresh_interval=0)
    async with app.run_test(size=SCREEN, notifications=True) as pilot:
        yield Admin(seen, app, pilot)


@scenario("topics")
async def topics(seen):
    create_topic(seen, "topics-one", 1, cleanup_policy="compact")
    create_topic(seen, "topics-three", 3)
    produced(seen, "topics-one", [sent(f"k{i}", "v") for i in range(5)])
    produced(seen, "topics-three", [sent(f"k{i}", "v", partition=i % 3) for i in range(9)])
    reader = consumer(seen, group="topics-group", client_id="the-reader")
    reader.subscribe(["topics-three"])
    take(reader, 9)
    reader.commit(asynchronous=False)
    produced(seen, "topics-three", [sent("k", "late", partition=2)])

    async with admin(seen) as ui:
        for name in ["topics-one", "topics-three"]:
            await ui.select(name)
            seen.saw(f"row of {name}", ui.rows("topics-table"))
            await ui.describe(name, "partitions", "configurations", *GROUP_TABS)
        await ui.filter("topics-no")
        seen.saw("rows without any that fits", ui.rows("topics-table"))
    reader.close()

    async with admin(seen) as ui:
        await ui.select("topics-three")
        seen.saw("row when the reader has left", ui.rows("topics-table"))
        await ui.describe("when the reader has left", *GROUP_TABS)


def retention(seen, topic):
    """What the broker says: Kafka's learns of an alteration after it was answered."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return admin_client(seen).describe_configs([resource])[resource].result()["retention.ms"].value


@scenario("create-edit-delete")
async def create_edit_delete(seen):
    name = "made-by-hand"
    async with admin(seen) as ui:
        await until(lambda: ui.topics().last_updated_at is not None, "the first look")
        await ui.press("n")
        await ui.fill("name", name)
        await ui.fill("partitions", "2")
        await ui.fill("retention", "7200000")
        await ui.press("ctrl+s")
        await ui.no_form()
        await ui.show_message("created")
        await ui.refreshed(lambda: ui.settled(name), "the topic")
        await ui.select(name)
        await ui.describe("created", "partitions", "configurations")

        await ui.press("n")
        await ui.fill("name", name)
        await ui.press("ctrl+s")
        await ui.no_form()
        await ui.show_message("created again")

        await ui.press("e")
        await until(lambda: len(ui.app.screen_stack) > 1, "the form")
        await ui.fill("partitions", "4")
        await ui.fill("retention", "3600000")
        await ui.press("ctrl+s")
        await ui.no_form()
        await ui.show_message("edited")
        await until(lambda: retention(seen, name) == "3600000", "the new retention")
        await ui.refreshed(lambda: ui.topics().topics[name].partitions_count() == 4 and ui.settled(name), "the partitions")
        await ui.select(name)
        await ui.describe("edited", "partitions", "configurations")

        await ui.press("ctrl+d")
        await until(lambda: len(ui.app.screen_stack) > 1, "the form")
        await ui.fill("topic-confirmation", name)
        await ui.press("enter")
        await ui.no_form()
        await ui.show_message("deleted")
        await ui.refreshed(lambda: name not in ui.topics().topics, "the end of the topic")
        seen.saw("rows", ui.rows("topics-table"))


def reading(seen, topic):
    config = {"bootstrap.servers": seen.bootstrap, "auto.offset.reset": "earliest"}
    return KaskadeConsumer(topic, config, {}, {}, {}, Deserialization.STRING, Deserialization.JSON)


@contextlib.asynccontextmanager
async def records_of(seen, topic):
    app = reading(seen, topic)
    async with app.run_test(size=SCREEN, notifications=True) as pilot:
        ui = Ui(seen, app, pilot)
        await consumed(ui)
        yield ui


async def consumed(ui):
    records = ui.app.query_one(ListRecords)
    await until(lambda: not records._is_consuming, "the records")
    await ui.pilot.pause()


@scenario("records")
async def records(seen):
    topic = "records"
    create_topic(seen, topic, 2)
    values = ['{"n": 1}', '"☃"', "[1, 2]", "null", None]
    headers = [("kind", "test"), ("empty", "")]
    produced(seen, topic, [sent(f"k{i}", v, headers[:i], EPOCH_MS + i, i % 2) for i, v in enumerate(values)])
    async with records_of(seen, topic) as ui:
        for row in ui.rows("records-table"):
            seen.saw("row", row)
        await ui.press("enter")
        await ui.screen(TopicScreen)
        # Which partition is read first is by chance.
        shown = {}
        while len(shown) < len(values):
            details = ui.app.screen.data
            shown[details["partition"], details["offset"]] = details
            await ui.press("n")
        for place in sorted(shown):
            seen.saw(f"details of {place}", shown[place])
        await ui.press("escape")
        await ui.no_form()
        await ui.press("slash")
        await ui.fill("key", "k2")
        await ui.press("enter")
        await ui.no_form()
        await consumed(ui)
        seen.saw("filtered by the key", ui.rows("records-table"))
        await ui.press("slash")
        await ui.fill("partition", "1")
        await ui.press("enter")
        await ui.no_form()
        await consumed(ui)
        seen.saw("filtered by the partition", ui.rows("records-table"))
        await ui.press("escape")
        await consumed(ui)
        seen.saw("all again", len(ui.rows("records-table")))
        produced(seen, topic, [sent("later", '"l"', (), EPOCH_MS, 0)])
        await ui.press("n")
        await consumed(ui)
        seen.saw("one more", [row for row in ui.rows("records-table") if row[0] == "later"])


@scenario("records-of-nothing")
async def records_of_nothing(seen):
    create_topic(seen, "records-empty")
    async with records_of(seen, "records-empty") as ui:
        seen.saw("an empty topic", ui.rows("records-table"))
    seen.saw("an unknown topic", name_of(error_of(reading, seen, "records-unknown")))


if __name__ == "__main__":
    harness.main(scenario, lambda function, *args: asyncio.run(function(*args)))
