"""What the list of workflows in the Temporal UI says of each kind."""

import pytest

from holdfast.adapters.temporal import summary_of
from holdfast.contracts.catalogue import BY_NAME, WorkflowContract
from tests.contracts.record_shapes import examples


@pytest.mark.parametrize("contract", BY_NAME.values(), ids=BY_NAME)
def test_every_kind_of_workflow_has_a_summary_that_names_its_station(
    contract: WorkflowContract,
) -> None:
    least, full, *_ = examples(contract.start)

    assert summary_of(contract.start.model_validate(least))
    assert summary_of(contract.start.model_validate({**full, "station": "CP-7"})).count("CP-7") == 1
