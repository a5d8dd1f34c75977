"""What stations wrap around signed values, and where they put the keys of their meters."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.signed_record import (
    NamedKey,
    keys_told,
    public_key_hex,
    record_of,
    wrapped,
)

RECORD = 'OCMF|{"FV":"1.0"}|{"SD":"00"}'
KEY = "3056301006072a8648ce3d020106052b8104000a034200" + "04" * 65


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "sent",
    [
        RECORD,
        f"  {RECORD}\n",
        base64_of(RECORD),
        RECORD.encode().hex(),
        json.dumps({"signedMeterData": RECORD}),
        json.dumps({"signedMeterData": base64_of(RECORD), "encodingMethod": "OCMF"}),
    ],
)
def test_a_record_is_found_whatever_is_wrapped_around_it(sent: str) -> None:
    assert record_of(sent) == RECORD


@pytest.mark.parametrize("sent", ["", "{", "[]", '{"signedMeterData": 7}', "EDL|x", "AAAA", "205"])
def test_what_is_no_record_is_none(sent: str) -> None:
    assert record_of(sent) is None


def test_the_parts_of_a_wrapped_value_are_told() -> None:
    value = {
        "signedMeterData": "data",
        "encodingMethod": "OCMF",
        "signingMethod": "",
        "publicKey": "key",
    }

    found = wrapped(json.dumps(value))

    assert found is not None
    assert (found.data, found.encoding, found.signing_method) == ("data", "OCMF", None)
    assert found.public_key == "key"


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        KEY.upper(),
        " ".join(KEY[index : index + 2] for index in range(0, len(KEY), 2)),
        base64.b64encode(bytes.fromhex(KEY)).decode(),
        base64_of(KEY),
        f"oca:base16:asn1:{KEY}",
        base64_of(f"oca:base16:asn1:{KEY}"),
        "-----BEGIN PUBLIC KEY-----\n"
        + base64.encodebytes(bytes.fromhex(KEY)).decode()
        + "-----END PUBLIC KEY-----\n",
    ],
)
def test_a_key_is_read_from_every_way_in_which_it_is_written(written: str) -> None:
    assert public_key_hex(written) == KEY


@pytest.mark.parametrize("written", ["", "00", "zz", "AAAA", KEY[:20], "30" * 700, "x" * 5_000])
def test_what_is_no_key_is_none(written: str) -> None:
    assert public_key_hex(written) is None


@given(st.text(max_size=200))
def test_no_text_breaks_the_readers(text: str) -> None:
    record_of(text)
    wrapped(text)
    public_key_hex(text)


NESTED = {
    "transactionLimits": [],
    "meters": [
        {"connectorId": 1, "meterSerial": "1", "publicKey": KEY},
        {"connectorId": 2, "config": {"PublicKey": base64_of(KEY)}},
    ],
}


@pytest.mark.parametrize("data", [NESTED, json.dumps(NESTED)])
def test_keys_are_found_in_a_transfer_that_configures_meters(data: object) -> None:
    assert keys_told("generalConfiguration", "setMeterConfiguration", data) == (
        NamedKey(evse=1, public_key=KEY),
        NamedKey(evse=2, public_key=KEY),
    )


def test_a_key_alone_may_be_all_the_data() -> None:
    assert keys_told("x", "setMeterConfiguration", KEY) == (NamedKey(evse=0, public_key=KEY),)


def test_other_transfers_name_no_keys() -> None:
    assert keys_told("com.acme", "price", NESTED) == ()


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner)
       | st.dictionaries(st.text() | st.just("publicKey"), inner)))  # fmt: skip
def test_no_data_breaks_the_search_for_keys(data: object) -> None:
    assert keys_told("generalConfiguration", None, data) == ()
