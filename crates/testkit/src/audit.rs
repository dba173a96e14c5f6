//! How every scene ends.

use std::collections::HashMap;
use std::path::Path;

use ledger::{AccountId, Leg, Purse};
use store::{Books, Row};

use crate::Running;

/// The rows say what the balances say, they add up to nothing, nothing is held, and the catalogue has seen all of it.
pub(crate) async fn in_order(running: &Running, accounts: Vec<AccountId>) {
    let rows = running.books.rows(0, usize::MAX >> 1).await.expect("closed books can be read");
    let mut sums: HashMap<(AccountId, Purse), i128> = HashMap::new();
    for (at, (seq, row)) in rows.iter().enumerate() {
        assert_eq!(*seq, at as u64 + 1, "rows are dense");
        let legs: Vec<Leg> = match row {
            Row::Call(call) => call.legs().collect(),
            Row::Transfer(transfer) => transfer.legs.clone(),
        };
        assert_eq!(legs.iter().map(|leg| i128::from(leg.nano)).sum::<i128>(), 0, "row {seq} is balanced");
        for leg in legs {
            *sums.entry((leg.account, leg.purse)).or_default() += i128::from(leg.nano);
        }
    }
    for (account, purse) in sums.keys() {
        let balance = running.books.balance(*account);
        let said = if *purse == Purse::Cash { balance.cash } else { balance.promo };
        assert_eq!(i128::from(said), sums[&(*account, *purse)], "{account} has what its rows say ({purse:?})");
    }
    for account in accounts {
        let balance = running.books.balance(account);
        assert_eq!((balance.cash_held, balance.promo_held), (0, 0), "nothing of {account} is held");
    }
    let carried = running.catalog.watermark().await.expect("the catalogue answers");
    assert_eq!(carried, rows.len() as u64, "every row has been carried over");
}

/// The audit an operator runs.
pub(crate) fn file_in_order(folder: &Path) {
    let report = store::audit::audit(folder).expect("the folder can be audited");
    assert!(report.in_order(), "the audit found {} differences: {:#?}", report.differences, report.first);
}
