"""A pack proves itself: every byte of it is as it was signed, or the verifier says which part is not."""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_erp.model.audit import next_seal
from hybrid_erp.model.errors import EvidenceKeyError
from hybrid_erp.operations.evidence.container import SEAL_BYTES, SIGNATURE_DIGITS, WRITTEN_AT, pack
from hybrid_erp.operations.evidence.keys import fingerprint, pem_of, private_key_of, public_key_of
from hybrid_erp.operations.evidence.manifest import NAME, Part, manifest_of
from hybrid_erp.operations.evidence.parts import evidence_of, parts_of
from hybrid_erp.operations.evidence.verify import verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
FOREIGN = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = KEY.public_key()
ABOUT = {"cutover_id": "1", "region": "emea"}
PARTS = [
    Part("summary.html", b"<h1>Moved</h1>" * 20),
    Part("steps.jsonl", b'{"step": "freeze"}\n{"step": "drain"}\n'),
    Part("approvals.jsonl", bytes(range(256)) * 4),
]
PACK = pack(PARTS, ABOUT, KEY)
#: In plain, so that a part can be exchanged and the container put right around it.
STORED = zipfile.ZIP_STORED


def findings(content: bytes, *keys: Ed25519PrivateKey) -> tuple[str, ...]:
    return verify(content, [key.public_key() for key in keys or (KEY,)]).findings


def packed_anew(content: bytes, change: Callable[[list[tuple[zipfile.ZipInfo, bytes]]], None], *, comment: bool = True) -> bytes:
    """The same parts in another zip, as somebody with a zip program would make it, with the old signature at its end."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = [(info, archive.read(info)) for info in archive.infolist()]
        end = archive.comment
    change(parts)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", STORED) as archive:
        for info, part in parts:
            archive.writestr(info.filename, part)
        archive.comment = end if comment else b""
    return file.getvalue()


def unchanged(parts: list[tuple[zipfile.ZipInfo, bytes]]) -> None:
    pass


def test_a_pack_is_proven_by_the_key_that_signed_it() -> None:
    verified = verify(PACK, [FOREIGN.public_key(), PUBLIC])

    assert verified.findings == ()
    assert verified.manifest == manifest_of(ABOUT, PARTS)


def test_any_zip_program_opens_it() -> None:
    with zipfile.ZipFile(io.BytesIO(PACK)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist() if name != NAME} == {part.name: part.content for part in PARTS}


def test_the_same_parts_are_the_same_bytes() -> None:
    assert pack(PARTS, ABOUT, KEY) == PACK
    with zipfile.ZipFile(io.BytesIO(PACK)) as archive:
        assert {info.date_time for info in archive.infolist()} == {WRITTEN_AT}  # never the clock's


def test_every_byte_of_a_pack_counts() -> None:
    """Each byte of the file changed in turn: names, times, sizes, checksums, compressed parts, signatures."""
    passed = []
    for place in range(len(PACK)):
        changed = bytearray(PACK)
        changed[place] ^= 1 << place % 8
        if not findings(bytes(changed)):
            passed.append(place)

    assert passed == []


@given(st.integers(0, len(PACK) - 1), st.integers(1, 255))
@settings(max_examples=500, deadline=None)
def test_whatever_a_byte_becomes_it_is_detected(place: int, by: int) -> None:
    changed = bytearray(PACK)
    changed[place] ^= by

    assert findings(bytes(changed))


def test_a_file_that_was_cut_anywhere_is_detected() -> None:
    assert [length for length in range(len(PACK)) if not findings(PACK[:length])] == []


@pytest.mark.parametrize("more", [b"\0", b"\n", b"x" * SEAL_BYTES, PACK])
def test_what_was_added_before_or_behind_is_detected(more: bytes) -> None:
    assert findings(PACK + more)
    assert findings(more + PACK)


def test_a_copy_that_was_packed_anew_is_detected_though_every_part_is_the_same() -> None:
    (with_signature,) = findings(packed_anew(PACK, unchanged))
    (without,) = findings(packed_anew(PACK, unchanged, comment=False))

    assert "the container around the parts" in with_signature
    assert "packed anew" in without


def test_another_key_proves_nothing() -> None:
    (told,) = findings(PACK, FOREIGN)

    assert fingerprint(PUBLIC)[:16] in told
    assert findings(pack(PARTS, ABOUT, FOREIGN))


def test_the_changed_part_is_named() -> None:
    def change(parts: list[tuple[zipfile.ZipInfo, bytes]]) -> None:
        info, content = parts[1]
        parts[1] = (info, content.replace(b"freeze", b"thawed"))

    assert findings(packed_anew(PACK, change)) == ("steps.jsonl: was changed",)


def test_a_part_that_is_missing_and_one_that_nobody_signed_are_named() -> None:
    def change(parts: list[tuple[zipfile.ZipInfo, bytes]]) -> None:
        parts[2] = (zipfile.ZipInfo("more.json"), b"{}")

    assert set(findings(packed_anew(PACK, change))) == {
        "approvals.jsonl: is missing",
        "more.json: is there, and is no part of what was signed",
    }


def test_parts_that_changed_places_are_detected() -> None:
    def swap_names(parts: list[tuple[zipfile.ZipInfo, bytes]]) -> None:
        (one, first), (other, second), *_ = parts
        parts[:2] = [(one, second), (other, first)]

    def swap_places(parts: list[tuple[zipfile.ZipInfo, bytes]]) -> None:
        parts[:2] = parts[1::-1]

    assert set(findings(packed_anew(PACK, swap_names))) == {"summary.html: was changed", "steps.jsonl: was changed"}
    assert findings(packed_anew(PACK, swap_places)) == ("the parts are not in the order in which they were signed, or one is there twice",)


def test_a_manifest_that_was_made_to_fit_is_not_believed() -> None:
    def forge(parts: list[tuple[zipfile.ZipInfo, bytes]]) -> None:
        parts[0] = (parts[0][0], b"<h1>Given up</h1>")
        parts[-1] = (parts[-1][0], manifest_of(ABOUT, [Part(info.filename, content) for info, content in parts[:-1]]).as_json())

    (told,) = findings(packed_anew(PACK, forge))

    assert told == "manifest.json, or its signature, was changed; nothing in it is proven"


def test_the_ends_of_two_packs_cannot_be_exchanged() -> None:
    other = pack([Part("summary.html", b"<h1>Given up</h1>")], ABOUT, KEY)

    assert findings(PACK[:-SEAL_BYTES] + other[-SEAL_BYTES:])
    assert findings(PACK[:-SIGNATURE_DIGITS] + other[-SIGNATURE_DIGITS:])


def test_a_signature_has_one_way_to_be_written() -> None:
    assert findings(PACK[:-SIGNATURE_DIGITS] + PACK[-SIGNATURE_DIGITS:].upper())


@given(st.binary(max_size=2000))
@settings(deadline=None)
def test_anything_else_is_refused_and_never_a_crash(content: bytes) -> None:
    assert findings(content)
    assert findings(content + PACK[-SEAL_BYTES:])


def test_random_changes_of_several_bytes_are_detected() -> None:
    chance = random.Random(7)
    for _ in range(300):
        changed = bytearray(PACK)
        for place in chance.sample(range(len(PACK)), 5):
            changed[place] = (changed[place] + chance.randrange(1, 256)) % 256
        assert findings(bytes(changed))


def audit_parts(*, change: str = "") -> list[Part]:
    rows: list[dict[str, Any]] = [
        {"audit_id": number, "xid": 700 + number, "region": "emea", "action": "posted", "details": {"number": number}}
        for number in range(4)
    ]
    first = next_seal("emea", None, 702, rows[:2])
    second = next_seal("emea", first, 704, rows[2:])
    if change:
        rows[3]["action"] = change
    seals = [
        {name: value.hex() if isinstance(value, bytes) else value for name in type(each).__slots__ for value in [getattr(each, name)]}
        for each in (second,)  # a section that does not begin with the chain's first seal
    ]
    return list(parts_of({"audit/rows": rows[2:], "audit/seals": seals}))


def test_audit_rows_that_agree_with_their_seals_are_proven() -> None:
    assert findings(pack(audit_parts(), ABOUT, KEY)) == ()


def test_a_trail_that_was_changed_before_the_pack_was_signed_is_detected() -> None:
    (told,) = findings(pack(audit_parts(change="cancelled"), ABOUT, KEY))

    assert told == "region emea, seal 2: 2 rows were sealed, 2 are there, or one was changed"


def test_parts_tell_amounts_as_text_and_instants_in_utc() -> None:
    at = datetime(2026, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=1)))
    rows: list[dict[str, Any]] = [{"id": UUID(int=7)}, {"id": None}]

    one, many = parts_of({"request": {"at": at, "amount": Decimal("1E+3")}, "rows": rows})

    assert one.name == "request.json"
    assert json.loads(one.content) == {"at": datetime(2026, 3, 1, tzinfo=UTC).isoformat(), "amount": "1000"}
    assert many.name == "rows.jsonl"
    assert many.content == b'{"id": "00000000-0000-0000-0000-000000000007"}\n{"id": null}\n'


def test_a_value_that_could_lose_something_has_no_place_in_evidence() -> None:
    with pytest.raises(TypeError, match="set has no place in evidence"):
        list(parts_of({"request": {"kinds": {"ledger"}}}))


def test_the_file_is_named_by_region_direction_and_cutover() -> None:
    request = {"cutover_id": "c1", "region": "emea", "direction": "rollback", "mode": "live"}

    name, content = evidence_of({"request": request}, "<p>", "0.1.0", KEY)

    assert name == "emea-rollback-c1.zip"
    manifest = verify(content, [PUBLIC]).manifest
    assert manifest is not None
    assert manifest.about == request | {"written_by_package": "0.1.0"}


def in_base64(key: Ed25519PrivateKey | X25519PrivateKey) -> str:
    return base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


def test_keys_are_read_in_the_forms_that_openssl_writes() -> None:
    assert fingerprint(private_key_of(in_base64(KEY) + "\n").public_key()) == fingerprint(PUBLIC)
    assert fingerprint(public_key_of(pem_of(PUBLIC))) == fingerprint(PUBLIC)
    der = "".join(pem_of(PUBLIC).splitlines()[1:-1])
    assert fingerprint(public_key_of(der)) == fingerprint(PUBLIC)


@pytest.mark.parametrize("text", ["", "secret-word", in_base64(KEY)[:-4], in_base64(X25519PrivateKey.generate())])
def test_what_is_no_signing_key_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(EvidenceKeyError) as refused:
        private_key_of(text)

    assert not text or text not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("text", ["", "nonsense", "ä", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(EvidenceKeyError):
        public_key_of(text)
