//! What a signed receipt proves, and everything that stops it from proving it.

use proptest::prelude::*;
use receipt::{
    Address, BadSignature, BaseUnits, HubId, Part, Receipt, Signature, Signed, Signer, Unproven, commitment, digest,
    recover,
};
use serde_json::{Value, json};

const SALT: [u8; 32] = [9; 32];

fn hub() -> HubId {
    HubId::new([5; 32])
}

fn signer() -> Signer {
    Signer::from_bytes(&[0x11; 32]).expect("a key")
}

fn receipt() -> Receipt {
    let part = |account: &str, amount| Part { account: account.to_owned(), amount };
    Receipt {
        id: "call_1".to_owned(),
        payer: "acct_alice".to_owned(),
        model: [1; 32],
        release: "1.01".to_owned(),
        input_hash: commitment(&SALT, |sink| sink(b"inputs")),
        output_hash: commitment(&SALT, |sink| sink(b"outputs")),
        amount: 2_000_000_000_000_000,
        parts: vec![part("acct_hub", 100_000_000_000_000), part("acct_bob", 1_900_000_000_000_000)],
        time: 1_795_404_060_123,
    }
}

fn signed() -> Signed {
    Signed::new(&hub(), &signer(), &receipt(), Some(SALT))
}

fn document() -> Value {
    serde_json::to_value(signed()).expect("a document")
}

/// Verifies a JSON document the way the command line does; an unreadable one gives the reader's words.
fn verify(document: &Value) -> Result<(), String> {
    let signed: Signed = serde_json::from_str(&document.to_string()).map_err(|error| error.to_string())?;
    signed.verify(&[signer().address()]).map_err(|error| error.to_string())
}

#[test]
fn the_document_reads_as_people_do() {
    let mut document = document();
    let signature = document["signature"].take();
    assert_eq!(signature.as_str().unwrap().len(), 132);
    let hex = |byte: &str| format!("0x{}", byte.repeat(32));
    assert_eq!(
        document,
        json!({
            "id": "call_1",
            "payer": "acct_alice",
            "model": hex("01"),
            "release": "1.01",
            "input_hash": receipt::Bytes32(receipt().input_hash),
            "output_hash": receipt::Bytes32(receipt().output_hash),
            "salt": hex("09"),
            "amount": "0.002",
            "parts": [{"account": "acct_hub", "amount": "0.0001"}, {"account": "acct_bob", "amount": "0.0019"}],
            "time": "2026-11-23T03:21:00.123Z",
            "time_ms": 1_795_404_060_123_u64,
            "domain": {"name": "Model Hub", "version": "1", "salt": hex("05")},
            "typed_data": receipt::Bytes32(digest(&hub(), &receipt())),
            "signer": "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A",
            "signature": null,
        })
    );
}

#[test]
fn an_untouched_document_is_proven_and_names_not_in_it_change_nothing() {
    let mut document = document();
    assert_eq!(verify(&document), Ok(()));
    document["href"] = json!("/receipts/call_1");
    assert_eq!(verify(&document), Ok(()));
    document["amount"] = json!("0.0020");
    assert_eq!(verify(&document), Ok(()), "the same amount in other digits");
    document.as_object_mut().unwrap().remove("salt");
    assert_eq!(verify(&document), Ok(()), "the salt opens the commitments and is no part of the proof");
}

#[test]
fn any_changed_field_is_noticed() {
    let other = format!("0x{}", "77".repeat(32));
    for (field, value, reason) in [
        ("/id", json!("call_2"), "the fields give"),
        ("/payer", json!("acct_carol"), "the fields give"),
        ("/model", json!(other), "the fields give"),
        ("/release", json!("1.02"), "the fields give"),
        ("/input_hash", json!(other), "the fields give"),
        ("/output_hash", json!(other), "the fields give"),
        ("/amount", json!("0.003"), "add up to 0.002 OPG, the amount is 0.003 OPG"),
        ("/parts/0/account", json!("acct_bob"), "the fields give"),
        ("/parts/1/amount", json!("0.0018"), "add up to 0.0019 OPG"),
        ("/parts", json!([]), "add up to 0 OPG"),
        ("/time", json!("2026-11-23T03:21:00.124Z"), "is 2026-11-23T03:21:00.123Z"),
        ("/time_ms", json!(1_795_404_060_124_u64), "is 2026-11-23T03:21:00.124Z"),
        ("/domain/salt", json!(other), "the fields give"),
        ("/domain/name", json!("Other Hub"), "the domain is \"Other Hub\""),
        ("/domain/version", json!("2"), "version \"2\""),
        ("/typed_data", json!(other), "the receipt names 0x7777"),
        ("/signer", json!("0x52908400098527886E0F7030069857D2E4169EE7"), "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"),
        ("/signature", json!(format!("0x{}", "00".repeat(65))), "ends in 0"),
    ] {
        let mut document = document();
        *document.pointer_mut(field).unwrap() = value;
        let error = verify(&document).expect_err(field);
        assert!(error.contains(reason), "{field}: {error}");
    }
}

#[test]
fn moving_money_between_parts_is_noticed() {
    let mut document = document();
    document["parts"] =
        json!([{"account": "acct_hub", "amount": "0.0019"}, {"account": "acct_bob", "amount": "0.0001"}]);
    assert!(verify(&document).unwrap_err().contains("the fields give"));
}

#[test]
fn parts_beyond_all_numbers_are_refused_rather_than_wrapped() {
    let mut signed = signed();
    signed.parts[0].amount = BaseUnits(u128::MAX);
    assert_eq!(signed.verify(&[]), Err(Unproven::PartsOverflow { amount: signed.amount }));
}

#[test]
fn unreadable_values_are_named() {
    for (field, value) in [
        ("amount", json!("2e-3")),
        ("amount", json!("-1")),
        ("model", json!("0x12")),
        ("signature", json!("27")),
        ("signer", json!("0x19e7E376E7C213B7E7e7e46cc70A5dD086DAff2A")),
    ] {
        let mut document = document();
        document[field] = value.clone();
        let error = verify(&document).expect_err(field);
        assert!(error.contains(value.as_str().unwrap()), "{field}: {error}");
    }
}

#[test]
fn a_key_the_hub_never_published_proves_nothing() {
    let signed = signed();
    let elsewhere = Signer::from_bytes(&[0x22; 32]).unwrap().address();
    let error = signed.verify(&[elsewhere]).unwrap_err();
    assert_eq!(error, Unproven::UnknownKey { signer: signer().address(), published: 1 });
    assert_eq!(signed.verify(&[elsewhere, signer().address()]), Ok(()), "older keys stay published");
}

#[test]
fn the_salt_opens_inputs_and_outputs_to_whoever_has_it() {
    let signed = signed();
    assert_eq!(signed.proves_inputs(|sink| sink(b"inputs")), Some(true));
    assert_eq!(signed.proves_inputs(|sink| sink(b"other inputs")), Some(false));
    assert_eq!(signed.proves_outputs(|sink| sink(b"outputs")), Some(true));
    let without = Signed::new(&hub(), &signer(), &receipt(), None);
    assert_eq!(without.proves_inputs(|sink| sink(b"inputs")), None);
    assert_eq!(without.verify(&[signer().address()]), Ok(()));
}

#[test]
fn signing_twice_gives_one_receipt() {
    assert_eq!(signed(), signed());
    assert_eq!(signed().receipt(), receipt());
}

#[test]
fn the_second_form_of_a_signature_is_refused() {
    let digest = digest(&hub(), &receipt());
    let Signature(mut bytes) = signer().sign(&digest);
    // The group's order less s, and the other parity: valid mathematics, another text.
    let order = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae,
        0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41_u8,
    ];
    let mut borrow = 0;
    for index in (0..32).rev() {
        let difference = i16::from(order[index]) - i16::from(bytes[32 + index]) - borrow;
        borrow = i16::from(difference < 0);
        bytes[32 + index] = difference.rem_euclid(256) as u8;
    }
    bytes[64] = 55 - bytes[64];
    assert_eq!(recover(&digest, &Signature(bytes)), Err(BadSignature::HighS));
    bytes[32..64].fill(0);
    assert_eq!(recover(&digest, &Signature(bytes)), Err(BadSignature::Range));
}

#[test]
fn a_secret_never_prints() {
    let signer = signer();
    assert_eq!(format!("{signer:?}"), "Signer(0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A)");
    assert_eq!(signer.expose_secret(), [0x11; 32]);
    assert!(Signer::from_bytes(&[0; 32]).is_err());
    assert!(Signer::from_bytes(&[0xFF; 32]).is_err());
    assert_ne!(Signer::generate().unwrap().address(), Signer::generate().unwrap().address());
    assert_ne!(HubId::generate().unwrap(), HubId::generate().unwrap());
}

fn any_receipt() -> impl Strategy<Value = Receipt> {
    let hash = any::<[u8; 32]>();
    let part =
        ("acct_[a-z0-9]{0,8}", any::<u64>()).prop_map(|(account, amount)| Part { account, amount: u128::from(amount) });
    (
        ("call_[a-z0-9]{0,8}", "acct_[a-z0-9]{0,8}", "[0-9]\\.[0-9]{2}"),
        (hash, hash, hash),
        proptest::collection::vec(part, 0..6),
        any::<u64>(),
    )
        .prop_map(|((id, payer, release), (model, input_hash, output_hash), parts, time)| {
            let amount = parts.iter().map(|part| part.amount).sum();
            Receipt { id, payer, model, release, input_hash, output_hash, amount, parts, time }
        })
}

proptest! {
    #[test]
    fn every_receipt_survives_its_document_and_is_proven(receipt in any_receipt(), secret in 1_u8.., hub: [u8; 32]) {
        let signer = Signer::from_bytes(&[secret; 32]).unwrap_or_else(|_| signer());
        let signed = Signed::new(&HubId::new(hub), &signer, &receipt, Some(SALT));
        let read: Signed = serde_json::from_str(&serde_json::to_string(&signed).unwrap()).unwrap();
        prop_assert_eq!(&read, &signed);
        prop_assert_eq!(read.receipt(), receipt);
        prop_assert_eq!(read.verify(&[signer.address()]), Ok(()));
    }

    #[test]
    fn different_receipts_have_different_digests(one in any_receipt(), two in any_receipt(), field in 0..9_usize) {
        // Take one field of another receipt: either nothing changed, or the digest did.
        let mut mixed = one.clone();
        match field {
            0 => mixed.id = two.id,
            1 => mixed.payer = two.payer,
            2 => mixed.model = two.model,
            3 => mixed.release = two.release,
            4 => mixed.input_hash = two.input_hash,
            5 => mixed.output_hash = two.output_hash,
            6 => mixed.amount = two.amount,
            7 => mixed.parts = two.parts,
            _ => mixed.time = two.time,
        }
        prop_assert_eq!(mixed == one, digest(&hub(), &mixed) == digest(&hub(), &one));
    }

    #[test]
    fn no_bytes_make_recovery_panic(digest: [u8; 32], body in proptest::collection::vec(any::<u8>(), 64), v in 26_u8..30) {
        let mut bytes = [v; 65];
        bytes[..64].copy_from_slice(&body);
        let _: Result<Address, BadSignature> = recover(&digest, &Signature(bytes));
    }
}
