"""What the list of workflows in the Temporal UI says of each kind."""

import pytest

from holdfast.adapters.temporal import summary_of
from holdfast.contracts.catalogue import BY_NAME, WorkflowContract
from tests.contracts.record_shapes import examples


@pytest.mark.parametrize("contract", BY_NAME.values(), ids=BY_NAME)
def test_every_kind_of_workflow_has_a_summary_that_names_its_station_if_it_has_one(
    contract: WorkflowContract,
) -> None:
    least, full, *_ = examples(contract.start)

    assert summary_of(contract.start.model_validate(least))
    if "station" in contract.start.model_fields:
        named = contract.start.model_validate({**full, "station": "CP-7"})
        assert summary_of(named).count("CP-7") == 1
