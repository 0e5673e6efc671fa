"""The stand-in of tests keeps the promises of the real destinations."""

import pytest

from tests.contract.destination_suite import DestinationContract
from tests.fakes.memory_destination import MemoryDestination


class TestMemoryDestination(DestinationContract):
    @pytest.fixture
    def destination(self) -> MemoryDestination:
        return MemoryDestination()

    @pytest.fixture
    def platform(self, destination: MemoryDestination) -> MemoryDestination:
        return destination
