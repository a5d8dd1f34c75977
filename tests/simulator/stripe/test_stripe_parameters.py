"""The parameters that the server takes, against the official SDK's own types.

A parameter that the SDK of the pinned API version does not know must not be taken: code that
sends it would work here and fail at Stripe.
"""

import pytest
from stripe import params

from simulator.stripe.app import OPERATIONS
from simulator.stripe.operation import Operation

KNOWN: dict[str, type] = {
    "charges.list": params.ChargeListParams,
    "charges.retrieve": params.ChargeRetrieveParams,
    "customers.create": params.CustomerCreateParams,
    "customers.list": params.CustomerListParams,
    "customers.payment_methods.list": params.CustomerPaymentMethodListParams,
    "customers.payment_methods.retrieve": params.CustomerPaymentMethodRetrieveParams,
    "customers.retrieve": params.CustomerRetrieveParams,
    "customers.update": params.CustomerUpdateParams,
    "events.list": params.EventListParams,
    "events.retrieve": params.EventRetrieveParams,
    "payment_intents.cancel": params.PaymentIntentCancelParams,
    "payment_intents.capture": params.PaymentIntentCaptureParams,
    "payment_intents.confirm": params.PaymentIntentConfirmParams,
    "payment_intents.create": params.PaymentIntentCreateParams,
    "payment_intents.list": params.PaymentIntentListParams,
    "payment_intents.retrieve": params.PaymentIntentRetrieveParams,
    "payment_intents.update": params.PaymentIntentUpdateParams,
    "payment_methods.attach": params.PaymentMethodAttachParams,
    "payment_methods.create": params.PaymentMethodCreateParams,
    "payment_methods.detach": params.PaymentMethodDetachParams,
    "payment_methods.list": params.PaymentMethodListParams,
    "payment_methods.retrieve": params.PaymentMethodRetrieveParams,
    "payment_methods.update": params.PaymentMethodUpdateParams,
    "setup_intents.cancel": params.SetupIntentCancelParams,
    "setup_intents.confirm": params.SetupIntentConfirmParams,
    "setup_intents.create": params.SetupIntentCreateParams,
    "setup_intents.list": params.SetupIntentListParams,
    "setup_intents.retrieve": params.SetupIntentRetrieveParams,
    "setup_intents.update": params.SetupIntentUpdateParams,
    "webhook_endpoints.create": params.WebhookEndpointCreateParams,
    "webhook_endpoints.list": params.WebhookEndpointListParams,
    "webhook_endpoints.retrieve": params.WebhookEndpointRetrieveParams,
    "webhook_endpoints.update": params.WebhookEndpointUpdateParams,
}
TAKES_PARAMETERS = [operation for operation in OPERATIONS if operation.params]


@pytest.mark.parametrize("operation", TAKES_PARAMETERS, ids=lambda operation: operation.name)
def test_no_parameter_is_taken_that_the_sdk_does_not_know(operation: Operation) -> None:
    name, taken = operation.name, set(operation.params)

    assert taken <= set(KNOWN[name].__annotations__)
