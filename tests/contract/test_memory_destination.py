"""Destinations in memory: one that takes what Google takes, and one of another network."""

from collections.abc import Callable

import pytest

from convsync.model.click import ClickIdKind
from tests.contract.destination_suite import DestinationContract
from tests.fakes.memory_destination import MemoryDestination
from tests.fakes.other_network import other_network

Maker = Callable[[], MemoryDestination]


class TestMemoryDestination(DestinationContract):
    make: Maker = MemoryDestination

    @pytest.fixture
    def destination(self) -> MemoryDestination:
        return type(self).make()

    @pytest.fixture
    def platform(self, destination: MemoryDestination) -> MemoryDestination:
        return destination


class TestOtherNetwork(TestMemoryDestination):
    make, kind = staticmethod(other_network), ClickIdKind.MSCLKID
