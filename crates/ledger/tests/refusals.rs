//! The rules of the book, told as stories: one line, one act, and what comes of it.

use std::collections::HashMap;

use ledger::{
    AccountId, Amount, Book, Call, CallId, Class, Hold, KeyId, Leg, Outcome, Purse, Refusal, ReleaseId, Share, Split,
    Surface, Terms, Time, Transfer, TransferId, Usage,
};

fn account(name: &str) -> AccountId {
    match name {
        "hub" => AccountId::HUB_FEE,
        "promo" => AccountId::PROMO_OPERATOR,
        "rail" => AccountId::RAIL_MANUAL,
        _ => {
            let mut bytes = [0xaa; 16];
            bytes[..name.len()].copy_from_slice(name.as_bytes());
            AccountId(bytes)
        }
    }
}

fn amount(nano: &str) -> Amount {
    Amount::from_nano(nano.parse::<i64>().expect("a number of nano-OPG")).expect("an amount")
}

fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::IdReused { .. } => "id_reused",
        Refusal::HoldEnded { .. } => "hold_ended",
        Refusal::CaptureAboveHold { .. } => "capture_above_hold",
        Refusal::Unbalanced { .. } => "unbalanced",
        Refusal::PromoNotWithdrawable => "promo_not_withdrawable",
        Refusal::TooLarge { .. } => "too_large",
        Refusal::Insufficient { .. } => "insufficient",
    }
}

/// A call that `payer` made of a model of `alice`'s, a tenth of it the hub's.
fn call(payer: AccountId, purse: Purse, cost: Amount) -> Call {
    let fee_share = Share::from_points(1_000).expect("a tenth");
    let terms = Terms::new(vec![], Split::all_to(account("alice"))).expect("terms");
    let cut = terms.cut(cost, fee_share);
    Call {
        id: CallId([1; 16]),
        accepted: Time(0),
        finished: Time(1),
        payer,
        key: KeyId([1; 16]),
        release: ReleaseId([1; 16]),
        release_number: "1.00".to_owned(),
        model_digest: [0; 32],
        class: Class::Paid,
        surface: Surface::Api,
        purse,
        outcome: Outcome::Ok,
        usage: Usage::ONE_CALL,
        cost,
        fee_share,
        fee: cut.fee,
        parts: cut.parts,
        rate: None,
        queue_us: 0,
        engine_us: 0,
        cold: false,
        input_hash: [0; 32],
        output_hash: [0; 32],
        salt: [0; 32],
        keyed: None,
    }
}

/// Plays a story. Each line: act, operands, expected result (`ok`, a refusal's code, or numbers).
fn check(story: &str) {
    let mut book = Book::default();
    let mut holds: HashMap<String, Hold> = HashMap::new();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let said =
            |done: Result<(), Refusal>| done.map_or_else(|refusal| code(&refusal).to_owned(), |()| "ok".to_owned());
        let id = TransferId([0; 16]);
        let (happened, expected) = match words[..] {
            ["deposit", who, n, expected] => {
                let t = Transfer::deposit(id, Time(0), AccountId::RAIL_MANUAL, account(who), amount(n), String::new());
                (said(book.post(&t)), expected.to_owned())
            }
            ["grant", who, n, expected] => (
                said(book.post(&Transfer::grant(id, Time(0), account(who), amount(n), String::new()))),
                expected.to_owned(),
            ),
            ["payout", who, n, expected] => {
                let t = Transfer::payout(id, Time(0), AccountId::RAIL_MANUAL, account(who), amount(n), String::new());
                (said(book.post(&t)), expected.to_owned())
            }
            ["legs", purse, from, taken, to, given, expected] => {
                let purse = if purse == "promo" { Purse::Promo } else { Purse::Cash };
                let legs = vec![
                    Leg { account: account(from), purse, nano: -amount(taken).nano() },
                    Leg { account: account(to), purse, nano: amount(given).nano() },
                ];
                let mut t = Transfer::grant(id, Time(0), account(to), Amount::ZERO, String::new());
                t.legs = legs;
                (said(book.post(&t)), expected.to_owned())
            }
            ["hold", name, who, n, expected] => {
                let held = book.hold(account(who), amount(n));
                let happened = said(held.as_ref().map(|_| ()).map_err(Clone::clone));
                if let Ok(hold) = held {
                    holds.insert(name.to_owned(), hold);
                }
                (happened, expected.to_owned())
            }
            ["capture", name, who, n, expected] => {
                let hold = &holds[name];
                (said(book.capture(hold, &call(account(who), hold.purse(), amount(n)))), expected.to_owned())
            }
            ["void", name, expected] => (said(book.void(&holds[name])), expected.to_owned()),
            ["balance", who, "cash", cash, "promo", promo, "held", held] => {
                let b = book.balance(account(who));
                (
                    format!("{} {} {}", b.cash, b.promo, b.held().base_units() / 1_000_000_000),
                    format!("{cash} {promo} {held}"),
                )
            }
            _ => panic!("no such act: {line}"),
        };
        assert_eq!(happened, expected, "after: {line}");
        assert_eq!(book.sums(), (0, 0), "the books are out of balance after: {line}");
    }
}

#[test]
fn capturing_less_gives_the_rest_back() {
    check(
        "
        deposit bob          100  ok
        hold    h1 bob        40  ok
        balance bob   cash 100 promo 0 held 40
        capture h1 bob        25  ok
        balance bob   cash 75  promo 0 held 0
        balance hub   cash 2   promo 0 held 0
        balance alice cash 23  promo 0 held 0
        balance rail  cash -100 promo 0 held 0
        ",
    );
}

#[test]
fn a_hold_ends_once() {
    check(
        "
        deposit bob          100  ok
        hold    h1 bob        40  ok
        capture h1 bob        25  ok
        capture h1 bob         1  hold_ended
        void    h1                hold_ended
        hold    h2 bob        40  ok
        void    h2                ok
        capture h2 bob        25  hold_ended
        balance bob   cash 75 promo 0 held 0
        ",
    );
}

#[test]
fn a_refused_capture_leaves_the_hold_open() {
    check(
        "
        deposit bob          100  ok
        hold    h1 bob        40  ok
        capture h1 bob        41  capture_above_hold
        balance bob   cash 100 promo 0 held 40
        capture h1 bob        40  ok
        balance bob   cash 60  promo 0 held 0
        ",
    );
}

#[test]
fn one_unit_too_little_is_too_little() {
    check(
        "
        deposit bob          100  ok
        hold    h1 bob       101  insufficient
        hold    h1 bob       100  ok
        hold    h2 bob         1  insufficient
        void    h1                ok
        hold    h2 bob         1  ok
        ",
    );
}

#[test]
fn what_is_held_cannot_be_paid_out() {
    check(
        "
        deposit bob          100  ok
        hold    h1 bob        40  ok
        payout  bob           61  insufficient
        payout  bob           60  ok
        capture h1 bob        40  ok
        balance bob   cash 0   promo 0 held 0
        ",
    );
}

#[test]
fn a_call_is_paid_whole_from_one_purse_promo_first() {
    check(
        "
        deposit bob          100  ok
        grant   bob           30  ok
        hold    h1 bob        30  ok
        capture h1 bob        20  ok
        balance bob   cash 100 promo 10 held 0
        balance alice cash 0   promo 18 held 0
        balance hub   cash 0   promo 2  held 0
        hold    h2 bob        20  ok
        capture h2 bob        20  ok
        balance bob   cash 80  promo 10 held 0
        balance alice cash 18  promo 18 held 0
        hold    h3 bob        85  insufficient
        ",
    );
}

#[test]
fn promotional_money_never_leaves() {
    check(
        "
        grant   bob          100  ok
        payout  bob            1  insufficient
        legs    promo bob 5 rail 5  promo_not_withdrawable
        balance promo cash 0 promo -100 held 0
        ",
    );
}

#[test]
fn a_transfer_that_does_not_add_up_is_refused() {
    check(
        "
        deposit bob          100  ok
        legs    cash bob 5 alice 6  unbalanced
        legs    cash bob 5 alice 4  unbalanced
        legs    cash bob 5 alice 5  ok
        ",
    );
}

#[test]
fn nobody_can_hold_more_than_an_amount_can_be() {
    check(
        "
        deposit bob          9223372036854775807  ok
        deposit bob                            1  too_large
        deposit alice                          2  too_large
        balance rail  cash -9223372036854775807 promo 0 held 0
        ",
    );
}

#[test]
fn an_owner_can_call_the_own_model_with_the_last_unit() {
    check(
        "
        deposit alice         10  ok
        hold    h1 alice      10  ok
        capture h1 alice      10  ok
        balance alice cash 9 promo 0 held 0
        balance hub   cash 1 promo 0 held 0
        ",
    );
}

#[test]
fn a_free_call_needs_no_money() {
    check(
        "
        hold    h1 bob         0  ok
        capture h1 bob         0  ok
        balance bob   cash 0 promo 0 held 0
        ",
    );
}
