//! Digests, addresses and signatures as an independent implementation has them: `reference.py` prints these values.

use receipt::{Address, HubId, Part, Receipt, Signature, Signer, digest, recover};

struct Vector {
    secret: [u8; 32],
    hub: HubId,
    receipt: Receipt,
    digest: &'static str,
    address: &'static str,
    signature: &'static str,
}

fn check(vector: &Vector) {
    let signer = Signer::from_bytes(&vector.secret).expect("a key");
    let digest = digest(&vector.hub, &vector.receipt);
    assert_eq!(receipt::Bytes32(digest).to_string(), vector.digest);
    assert_eq!(signer.address().to_string(), vector.address);
    assert_eq!(signer.sign(&digest).to_string(), vector.signature);
    let signature: Signature = vector.signature.parse().expect("a signature");
    assert_eq!(recover(&digest, &signature), Ok(vector.address.parse::<Address>().expect("an address")));
}

fn part(account: &str, amount: u128) -> Part {
    Part { account: account.to_owned(), amount }
}

#[test]
fn an_ordinary_receipt_has_the_digest_and_signature_that_wallets_compute() {
    check(&Vector {
        secret: [0x11; 32],
        hub: HubId::new(std::array::from_fn(|index| index as u8)),
        receipt: Receipt {
            id: "call_06dzv0a2qt7rvc2x0q1m5s9g3w".to_owned(),
            payer: "acct_06dzv09h5n7hk7p8e6m3v2c1d0".to_owned(),
            model: [0xAA; 32],
            release: "1.01".to_owned(),
            input_hash: [0xBB; 32],
            output_hash: [0xCC; 32],
            amount: 2_000_000_000_000_000,
            parts: vec![
                part("acct_06dzv0b0000000000000000001", 100_000_000_000_000),
                part("acct_06dzv0b0000000000000000002", 1_330_000_000_000_000),
                part("acct_06dzv0b0000000000000000003", 570_000_000_000_000),
            ],
            time: 1_795_404_060_123,
        },
        digest: "0x0ab602a9fef83dcf733f6fdf42a851bb7383cec70af4130bada8388cec3f43e0",
        address: "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A",
        signature: "0x8fcfcbf05dafc8aa17cbff6c5686c51bc9db1880edf4be50efd139f87e211064\
                    42575b2dffced99637545cf9385fe721f7c6f4865dc0eff015490983986840fd1c",
    });
}

#[test]
fn a_free_call_without_parts_has_the_digest_and_signature_that_wallets_compute() {
    check(&Vector {
        secret: [0x22; 32],
        hub: HubId::new([0xFF; 32]),
        receipt: Receipt {
            id: "call_x".to_owned(),
            payer: "acct_y".to_owned(),
            model: [0; 32],
            release: String::new(),
            input_hash: [0; 32],
            output_hash: [0; 32],
            amount: 0,
            parts: vec![],
            time: 0,
        },
        digest: "0xc4c9e8ecf18b653542b72160d99597c5841c11783cd22e4b003f88f974b13835",
        address: "0x1563915e194D8CfBA1943570603F7606A3115508",
        signature: "0x43233a3b603401070c070e7cafc045f15926e3d8da31c0a09ac28836ecfe8b6c\
                    703cd842e6274d0314b02328b7cb2e5f2bd2467551f46ec4ba6729dbe15487be1b",
    });
}

#[test]
fn the_largest_numbers_have_the_digest_and_signature_that_wallets_compute() {
    let mut secret = [0; 32];
    secret[31] = 1;
    check(&Vector {
        secret,
        hub: HubId::new([0; 32]),
        receipt: Receipt {
            id: "call_ü".to_owned(),
            payer: "acct_z".to_owned(),
            model: [1; 32],
            release: "4294967295.4294967295".to_owned(),
            input_hash: [2; 32],
            output_hash: [3; 32],
            amount: u128::MAX,
            parts: vec![part("acct_z", u128::MAX)],
            time: u64::MAX,
        },
        digest: "0x39a3c21b3598128d82d1cfbddccbb9d7db87d65abfb0d8963a895039782a6683",
        address: "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
        signature: "0xc41fd0a52aa952590ab93417c771771368e9cef5fb4b38fa7d30bac5784eb92b\
                    238161acdc9d5897d896409f59f1039250be041809b394adc9a2836e8b89eabe1b",
    });
}
