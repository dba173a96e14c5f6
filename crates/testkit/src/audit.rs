//! How every scene ends.

use std::collections::HashMap;
use std::path::Path;

use ledger::{AccountId, Leg, Purse};
use store::{Books, Row};

use crate::Running;

/// The rows and the catalogue's sums say what the balances say, they add up to nothing, nothing is held but by durable
/// holds, and the catalogue has seen all of it.
pub(crate) async fn in_order(running: &Running, accounts: Vec<AccountId>) {
    let rows = running.books.rows(0, usize::MAX >> 1).await.expect("closed books can be read");
    let mut sums: HashMap<(AccountId, Purse), i128> = HashMap::new();
    for (at, (seq, row)) in rows.iter().enumerate() {
        assert_eq!(*seq, at as u64 + 1, "rows are dense");
        let legs: Vec<Leg> = match row {
            Row::Call(call) => call.legs().collect(),
            Row::Transfer(transfer) => transfer.legs.clone(),
            Row::Pending(_) | Row::Ended(_) => Vec::new(),
        };
        for purse in Purse::ALL {
            let of_purse = legs.iter().filter(|leg| leg.purse == purse).map(|leg| i128::from(leg.nano));
            assert_eq!(of_purse.sum::<i128>(), 0, "row {seq} is balanced in {purse}");
        }
        for leg in &legs {
            *sums.entry((leg.account, leg.purse)).or_default() += i128::from(leg.nano);
        }
    }
    for (account, purse) in sums.keys() {
        let balance = running.books.balance(*account).await.expect("closed books can be read");
        let said = if *purse == Purse::Cash { balance.cash } else { balance.promo };
        assert_eq!(i128::from(said), sums[&(*account, *purse)], "{account} has what its rows say ({purse})");
        let (cash, promo) = running.catalog.sums_before(*account, i64::MAX).await.expect("the catalogue answers");
        assert_eq!((cash, promo), (balance.cash, balance.promo), "{account} has what its statements say");
    }
    for account in accounts {
        let balance = running.books.balance(account).await.expect("closed books can be read");
        let pending = running.books.pending(Some(account)).await.expect("closed books can be read");
        let of = |purse| pending.iter().filter(|p| p.purse == purse).map(|p| p.amount.nano()).sum::<i64>();
        let durable = (of(Purse::Cash), of(Purse::Promo));
        assert_eq!((balance.cash_held, balance.promo_held), durable, "nothing else of {account} is held");
    }
    let carried = running.catalog.watermark().await.expect("the catalogue answers");
    assert_eq!(carried, rows.len() as u64, "every row has been carried over");
}

/// The audit an operator runs.
pub(crate) fn file_in_order(folder: &Path) {
    let report = store::audit::audit(folder).expect("the folder can be audited");
    assert!(report.in_order(), "the audit found {} differences: {:#?}", report.differences, report.first);
}
