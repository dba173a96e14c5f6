//! Accounts and releases to fill a catalogue with.

use ledger::{AccountId, Money, Price, ReleaseId, Share, Time};
use registry::{Access, Contract, Digest, Edge, File, ModelName, Output, ReleaseNumber, Tree};
use tensor::{DataType, Port, Signature};

use crate::tests::scene::{BOB, DAVE, NOON, RELEASE, nano, terms};
use crate::{Account, AccountKind, Catalog, ModelRecord, NewRelease, ReleaseRecord};

pub(crate) fn account(id: AccountId, handle: &str) -> Account {
    Account { id, handle: handle.parse().unwrap(), kind: AccountKind::User, created: NOON, trial: nano(0) }
}

pub(crate) fn bob() -> Account {
    account(BOB, "bob")
}

/// A release of one of bob's models, as a publish makes it.
pub(crate) fn release(name: &str, number: &str, id: u8, at: Time) -> NewRelease {
    let model = ModelRecord {
        id: ledger::ModelId([id; 16]),
        owner: bob(),
        name: ModelName::new(bob().handle, name).unwrap(),
        created: at,
        private: false,
        restriction: None,
    };
    let port = |name: &str| Port { name: name.to_owned(), datatype: DataType::Fp32, shape: vec![None, Some(3)] };
    let contract = Contract {
        version: Contract::VERSION,
        signature: Signature { inputs: vec![port("in")], outputs: vec![port("out")] },
        labels: [("out".to_owned(), vec!["a".to_owned(), "b".to_owned(), "c".to_owned()])].into(),
        output: Output::TopK,
        examples: 2,
        deadline_ms: 1_500,
        batch_rows: 1,
        task: None,
        remote: None,
    };
    let file = File { path: "model.onnx".parse().unwrap(), sha256: Digest([id; 32]), size: 17 };
    let tree = Tree::new(vec![file]).unwrap();
    let release = ReleaseRecord {
        id: ReleaseId([id; 16]),
        model,
        number: number.parse::<ReleaseNumber>().unwrap(),
        commit: tree.commit_id(),
        digest: tree.digest(),
        tree,
        weights: Digest([id; 32]),
        contract,
        terms: terms(),
        price: Price::per_call("0.0002 USD".parse::<Money>().unwrap()),
        prices: Vec::new(),
        yanked: None,
        access: Access::Sealed,
        summary: "Says a, b or c.".to_owned(),
        task: Some("text-classification".to_owned()),
        license: None,
        readme: "# A model\n".to_owned(),
        change: "first".to_owned(),
        created: at,
        royalty: Share::from_points(500).unwrap(),
        lineage: vec![Edge {
            model: "dave/base".to_owned(),
            release: "1.00".to_owned(),
            to: DAVE,
            asked: Share::from_points(1_500).unwrap(),
            share: Share::from_points(1_500).unwrap(),
        }],
    };
    NewRelease { release, latest: false, commit: true, known: None, by: BOB }
}

/// Bob, and the release that the calls of these tests name.
pub(crate) async fn seal(catalog: &dyn Catalog) {
    catalog.add_account(&bob(), None).await.unwrap();
    catalog.seal(&release("minilm", "1.00", RELEASE.0[0], NOON)).await.unwrap();
}
