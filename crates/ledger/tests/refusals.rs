//! The rules of the book, told as stories: one line, one act, and what comes of it.

use std::collections::HashMap;

use ledger::{
    AccountId, Amount, Book, Call, CallId, Class, Ended, Ending, Hold, HoldId, KeyId, Kind, Leg, Outcome, Part,
    Pending, Purse, REFUND_WINDOW_MS, Refund, Refunded, Refusal, ReleaseId, Role, Share, Sponsor, Surface, Terms, Time,
    Transfer, TransferId, Usage,
};

fn account(name: &str) -> AccountId {
    match name {
        "hub" => AccountId::HUB_FEE,
        "promo" => AccountId::PROMO_OPERATOR,
        "rail" => AccountId::RAIL_MANUAL,
        "dev" => AccountId::RAIL_DEV,
        _ => AccountId(named(name)),
    }
}

fn named(name: &str) -> [u8; 16] {
    let mut bytes = [0xaa; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes
}

fn amount(nano: &str) -> Amount {
    Amount::from_nano(nano.parse::<i64>().expect("a number of nano-OPG")).expect("an amount")
}

fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::IdReused { .. } => "id_reused",
        Refusal::HoldReused { .. } => "hold_reused",
        Refusal::NoHold { .. } => "no_hold",
        Refusal::HoldEnded { .. } => "hold_ended",
        Refusal::HoldTaken { .. } => "hold_taken",
        Refusal::HoldOfAnother { .. } => "hold_of_another",
        Refusal::HoldTime { .. } => "hold_time",
        Refusal::CaptureAboveHold { .. } => "capture_above_hold",
        Refusal::Unbalanced { .. } => "unbalanced",
        Refusal::PromoNotWithdrawable => "promo_not_withdrawable",
        Refusal::RefundTooLate { .. } => "refund_too_late",
        Refusal::RefundsMany { .. } => "refunds_many",
        Refusal::RefundAboveRest { .. } => "refund_above_rest",
        Refusal::NoDebt { .. } => "no_debt",
        Refusal::TooLarge { .. } => "too_large",
        Refusal::Insufficient { .. } => "insufficient",
        Refusal::Linked { refusal, .. } => code(refusal),
    }
}

/// A call of a model of `alice`'s: a tenth is the hub's, a tenth of the rest carol's, whose model it was made from.
fn call(name: &str, payer: AccountId, hold: &Hold, cost: Amount) -> Call {
    let fee_share = Share::from_points(1_000).expect("a tenth");
    let terms = Terms::new(vec![], ledger::Split::all_to(account("alice"))).expect("terms");
    let cut = terms.cut(cost, fee_share);
    let sponsored = hold.account() != payer;
    Call {
        id: CallId(named(name)),
        accepted: Time(0),
        finished: Time(1),
        payer,
        key: KeyId([1; 16]),
        release: ReleaseId([1; 16]),
        release_number: "1.00".to_owned(),
        model_digest: [0; 32],
        class: if sponsored { Class::Trial } else { Class::Paid },
        surface: Surface::Api,
        purse: if sponsored { Purse::Promo } else { hold.purse() },
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
        sponsor: sponsored.then(|| Sponsor { account: hold.account(), purse: hold.purse() }),
        hold: hold.durable(),
    }
}

/// What a story has come to.
#[derive(Default)]
struct Story {
    book: Book,
    holds: HashMap<String, Hold>,
    calls: HashMap<String, Call>,
    refunds: HashMap<CallId, Vec<Refunded>>,
    recovered: u64,
    transfers: u8,
}

fn said<T>(done: Result<T, Refusal>) -> String {
    done.map_or_else(|refusal| code(&refusal).to_owned(), |_| "ok".to_owned())
}

fn pending(name: &str, who: &str, nano: &str, until: i64) -> Pending {
    Pending {
        id: HoldId(named(name)),
        at: Time(0),
        account: account(who),
        purse: Purse::Cash,
        amount: amount(nano),
        expires: Time(until),
        reference: String::new(),
        actor: None,
    }
}

impl Story {
    fn transfer(&mut self, words: &[&str]) -> Transfer {
        self.transfers += 1;
        let id = TransferId([self.transfers; 16]);
        let (at, text, rail) = (Time(0), String::new(), AccountId::RAIL_MANUAL);
        match words[..] {
            ["deposit", who, n] => Transfer::deposit(id, at, rail, account(who), amount(n), text),
            ["grant", who, n] => Transfer::grant(id, at, account(who), amount(n), text),
            ["payout", who, n] => Transfer::payout(id, at, rail, account(who), amount(n), text),
            ["payout", who, n, "from", hold] => {
                Transfer::payout(id, at, rail, account(who), amount(n), text).from_hold(HoldId(named(hold)))
            }
            ["legs", purse, from, taken, to, given] => {
                let purse: Purse = purse.parse().expect("a purse");
                let legs = vec![
                    Leg { account: account(from), purse, nano: -amount(taken).nano() },
                    Leg { account: account(to), purse, nano: amount(given).nano() },
                ];
                Transfer { legs, ..Transfer::grant(id, at, account(to), Amount::ZERO, text) }
            }
            _ => panic!("no such transfer: {words:?}"),
        }
    }

    /// Charges what a hold was made for; what the receivers owe goes on from there.
    fn capture(&mut self, name: &str, who: &str, cost: &str) -> Result<(), Refusal> {
        let hold = self.holds.remove(name).expect("a hold of the story");
        let call = call(name, account(who), &hold, amount(cost));
        self.book.capture(hold, &call)?;
        for transfer in self.book.recover(&call, Time(2), |_| TransferId([0xee; 16])) {
            let Kind::Recovery(recovery) = transfer.kind else { panic!("{transfer:?}") };
            self.recovered += recovery.amount.nano().unsigned_abs();
        }
        self.calls.insert(name.to_owned(), call);
        Ok(())
    }

    fn refund(&mut self, name: &str, amount: Option<Amount>, at: Time, window_ms: Option<i64>) -> Result<(), Refusal> {
        let id = TransferId([0xf0; 16]);
        let asked = Refund { id, at, amount, reason: "broken".to_owned(), actor: account("alice"), window_ms };
        let call = &self.calls[name];
        let earlier = self.refunds.entry(call.id).or_default();
        let transfer = self.book.refund(&asked, call, earlier)?;
        let Kind::Refund(refunded) = transfer.kind else { panic!("{transfer:?}") };
        earlier.push(*refunded);
        Ok(())
    }

    /// Does what a line says, but for its last word; gives what came of it.
    fn act(&mut self, words: &[&str]) -> String {
        match words[..] {
            ["deposit" | "grant" | "payout" | "legs", ..] => {
                let transfer = self.transfer(words);
                said(self.book.post(&transfer))
            }
            ["link", ..] => {
                let chain = words[1..].split(|word| *word == "and").map(|words| self.transfer(words)).collect();
                said(self.book.post_all(&Transfer::link(chain)))
            }
            ["hold", name, who, n] => match self.book.hold(account(who), amount(n)) {
                Ok(hold) => {
                    self.holds.insert(name.to_owned(), hold);
                    "ok".to_owned()
                }
                Err(refusal) => code(&refusal).to_owned(),
            },
            ["capture", name, who, n] => said(self.capture(name, who, n)),
            ["void", name] => {
                self.book.void(self.holds.remove(name).expect("a hold of the story"));
                "ok".to_owned()
            }
            ["pend", name, who, n, "until", until] => {
                let wish = pending(name, who, n, until.parse().expect("a time"));
                said(self.book.pend(wish, true))
            }
            ["take", name, of] => match self.book.take(HoldId(named(of))) {
                Ok(hold) => {
                    self.holds.insert(name.to_owned(), hold);
                    "ok".to_owned()
                }
                Err(refusal) => code(&refusal).to_owned(),
            },
            ["end", name] => {
                said(self.book.end(&Ended { hold: HoldId(named(name)), at: Time(0), how: Ending::Voided }))
            }
            ["due", at] => {
                let due = self.book.due(Time(at.parse().expect("a time")));
                due.map_or("none".to_owned(), |hold| {
                    let name: Vec<u8> = hold.0.into_iter().take_while(|byte| *byte != 0xaa).collect();
                    String::from_utf8(name).expect("a name of the story")
                })
            }
            ["refund", name] => said(self.refund(name, None, Time(2), None)),
            ["refund", name, n] => said(self.refund(name, Some(amount(n)), Time(2), None)),
            ["refund", name, n, "on", day] => {
                let at = Time(1 + day.parse::<i64>().expect("a day") * Time::DAY_MS);
                said(self.refund(name, Some(amount(n)), at, Some(REFUND_WINDOW_MS)))
            }
            ["owes", who] => self.book.debts_of(account(who)).map(|debt| debt.left.nano()).sum::<i64>().to_string(),
            ["recovered"] => self.recovered.to_string(),
            _ => panic!("no such act: {words:?}"),
        }
    }
}

/// Plays a story. Each line: act, operands, expected result (`ok`, a refusal's code, or numbers).
fn check(story: &str) {
    let mut told = Story::default();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (happened, expected) = match words[..] {
            ["balance", who, "cash", cash, "promo", promo, "held", held] => {
                let b = told.book.balance(account(who));
                (format!("{} {} {}", b.cash, b.promo, b.held().nano()), format!("{cash} {promo} {held}"))
            }
            _ => (told.act(&words[..words.len() - 1]), words[words.len() - 1].to_owned()),
        };
        assert_eq!(happened, expected, "after: {line}");
        assert_eq!(told.book.sums(), (0, 0), "the books are out of balance after: {line}");
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
fn a_refused_capture_charges_nothing_and_frees_the_hold() {
    check(
        "
        deposit bob          100  ok
        hold    h1 bob        40  ok
        balance bob   cash 100 promo 0 held 40
        capture h1 bob        41  capture_above_hold
        balance bob   cash 100 promo 0 held 0
        balance alice cash 0   promo 0 held 0
        hold    h2 bob       100  ok
        void    h2                ok
        balance bob   cash 100 promo 0 held 0
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
fn a_charge_whose_receiver_has_no_room_takes_nothing() {
    check(
        "
        deposit alice        9223372036854775807  ok
        legs    cash dev 10 bob 10                ok
        hold    h1 bob                      10    ok
        capture h1 bob                      10    too_large
        balance alice cash 9223372036854775807 promo 0 held 0
        balance bob   cash 10  promo 0 held 0
        balance hub   cash 0   promo 0 held 0
        payout  alice                        9    ok
        hold    h2 bob                      10    ok
        capture h2 bob                      10    ok
        balance alice cash 9223372036854775807 promo 0 held 0
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

#[test]
fn a_durable_hold_ends_once() {
    check(
        "
        deposit bob          100  ok
        pend    p1 bob  40 until 9  ok
        pend    p1 bob  40 until 9  hold_reused
        balance bob   cash 100 promo 0 held 40
        payout  bob           61  insufficient
        payout  bob   30 from p1  ok
        balance bob   cash 70  promo 0 held 0
        payout  bob    1 from p1  no_hold
        end     p1                no_hold
        pend    p2 bob  70 until 9  ok
        end     p2                ok
        end     p2                no_hold
        balance bob   cash 70  promo 0 held 0
        ",
    );
}

#[test]
fn a_durable_hold_gives_at_most_what_it_holds_and_to_nobody_else() {
    check(
        "
        deposit bob          100  ok
        deposit carol        100  ok
        pend    p1 bob  40 until 9  ok
        payout  bob   41 from p1  capture_above_hold
        payout  carol 10 from p1  hold_of_another
        deposit bob           60  ok
        balance bob   cash 160 promo 0 held 40
        payout  bob   40 from p1  ok
        balance bob   cash 120 promo 0 held 0
        ",
    );
}

#[test]
fn durable_holds_have_a_time() {
    check(
        "
        deposit bob          100  ok
        pend    p0 bob  40 until 0  hold_time
        pend    p0 bob  40 until 7776000001  hold_time
        pend    p2 bob  20 until 9  ok
        pend    p1 bob  20 until 5  ok
        due     4                 none
        due     5                 p1
        end     p1                ok
        due     8                 none
        due     9                 p2
        take    h1 p2             ok
        due     9                 none
        end     p2                hold_taken
        payout  bob   20 from p2  hold_taken
        link    payout bob 1 and payout bob 20 from p2  hold_taken
        end     p2                hold_taken
        void    h1                ok
        due     9                 p2
        ",
    );
}

#[test]
fn a_call_can_be_paid_from_a_durable_hold() {
    check(
        "
        deposit bob          100  ok
        pend    p1 bob  40 until 9  ok
        take    h1 p1             ok
        balance bob   cash 100 promo 0 held 40
        capture h1 bob        41  capture_above_hold
        balance bob   cash 100 promo 0 held 40
        take    h2 p1             ok
        capture h2 bob        30  ok
        balance bob   cash 70  promo 0 held 0
        take    h3 p1             no_hold
        ",
    );
}

#[test]
fn linked_transfers_stand_or_fall_together() {
    check(
        "
        link    deposit bob 10 and grant bob 5    ok
        link    deposit bob 10 and payout bob 21  insufficient
        balance bob   cash 10  promo 5 held 0
        balance rail  cash -10 promo 0 held 0
        link    payout bob 8 and payout bob 3     insufficient
        link    payout bob 8 and payout bob 2     ok
        link    payout bob 1 and deposit bob 1    insufficient
        balance bob   cash 0   promo 5 held 0
        ",
    );
}

#[test]
fn a_chain_that_falls_leaves_its_holds_open() {
    check(
        "
        deposit bob          100  ok
        pend    p1 bob  40 until 9  ok
        pend    p2 bob  40 until 9  ok
        link    payout bob 40 from p1 and payout bob 41 from p2  capture_above_hold
        balance bob   cash 100 promo 0 held 80
        due     9                 p1
        link    payout bob 40 from p1 and payout bob 39 from p2  ok
        balance bob   cash 21  promo 0 held 0
        due     9                 none
        ",
    );
}

#[test]
fn a_refund_takes_back_from_everybody_what_they_got() {
    check(
        "
        deposit bob          100  ok
        hold    c1 bob        50  ok
        capture c1 bob        50  ok
        balance hub   cash 5   promo 0 held 0
        balance alice cash 45  promo 0 held 0
        refund  c1 20             ok
        balance bob   cash 70  promo 0 held 0
        balance hub   cash 3   promo 0 held 0
        balance alice cash 27  promo 0 held 0
        refund  c1 31             refund_above_rest
        refund  c1 0              refund_above_rest
        refund  c1                ok
        balance bob   cash 100 promo 0 held 0
        balance hub   cash 0   promo 0 held 0
        balance alice cash 0   promo 0 held 0
        refund  c1                refund_above_rest
        ",
    );
}

#[test]
fn a_call_is_given_back_in_so_many_parts_and_then_whole() {
    let parts = "refund c1 1 ok\n".repeat(ledger::MAX_REFUNDS);
    check(&format!(
        "
        deposit bob         1000  ok
        hold    c1 bob      1000  ok
        capture c1 bob      1000  ok
        {parts}
        refund  c1 1              refunds_many
        refund  c1 899            refunds_many
        refund  c1                ok
        refund  c1                refund_above_rest
        balance bob   cash 1000 promo 0 held 0
        "
    ));
}

#[test]
fn an_uploader_may_refund_for_thirty_days() {
    check(
        "
        deposit bob          100  ok
        hold    c1 bob        50  ok
        capture c1 bob        50  ok
        refund  c1 10 on 30       ok
        refund  c1 10 on 31       refund_too_late
        refund  c1 10             ok
        ",
    );
}

#[test]
fn what_was_paid_out_comes_from_the_next_earnings() {
    check(
        "
        deposit bob          100  ok
        hold    c1 bob        50  ok
        capture c1 bob        50  ok
        payout  alice         40  ok
        refund  c1                ok
        balance alice cash 0   promo 0 held 0
        balance bob   cash 60  promo 0 held 0
        owes    alice             40
        deposit alice          7  ok
        owes    alice             40
        deposit carol        100  ok
        hold    c2 carol      20  ok
        capture c2 carol      20  ok
        recovered                 18
        balance alice cash 7   promo 0 held 0
        balance bob   cash 78  promo 0 held 0
        hold    c3 carol      40  ok
        capture c3 carol      40  ok
        recovered                 40
        owes    alice             0
        balance alice cash 21  promo 0 held 0
        balance bob   cash 100 promo 0 held 0
        balance hub   cash 6   promo 0 held 0
        ",
    );
}

#[test]
fn debts_of_one_purse_are_not_paid_from_the_other() {
    check(
        "
        deposit bob          100  ok
        hold    c1 bob        50  ok
        capture c1 bob        50  ok
        payout  alice         45  ok
        refund  c1                ok
        owes    alice             45
        grant   carol         20  ok
        hold    c2 carol      20  ok
        capture c2 carol      20  ok
        recovered                 0
        balance alice cash 0   promo 18 held 0
        ",
    );
}

#[test]
fn what_is_held_for_another_call_is_not_taken_by_a_refund() {
    check(
        "
        deposit bob          100  ok
        hold    c1 bob        50  ok
        capture c1 bob        50  ok
        hold    h1 alice      30  ok
        refund  c1                ok
        owes    alice             30
        balance alice cash 30  promo 0 held 30
        capture h1 alice      30  ok
        balance alice cash 0   promo 0 held 0
        recovered                 27
        owes    alice             3
        ",
    );
}

#[test]
fn an_owners_own_call_is_refunded_without_debts() {
    check(
        "
        deposit alice         10  ok
        hold    c1 alice      10  ok
        capture c1 alice      10  ok
        payout  alice          9  ok
        refund  c1                ok
        owes    alice             0
        balance alice cash 1   promo 0 held 0
        ",
    );
}

#[test]
fn the_hubs_trial_costs_the_caller_nothing_and_gives_promo() {
    check(
        "
        hold    c1 promo      20  ok
        capture c1 bob        20  ok
        balance bob   cash 0   promo 0 held 0
        balance promo cash 0   promo -20 held 0
        balance alice cash 0   promo 18 held 0
        balance hub   cash 0   promo 2 held 0
        refund  c1                ok
        balance promo cash 0   promo 0 held 0
        balance alice cash 0   promo 0 held 0
        ",
    );
}

#[test]
fn an_uploaders_trial_turns_cash_into_promo_and_back() {
    check(
        "
        deposit alice        100  ok
        hold    c1 alice      20  ok
        capture c1 bob        20  ok
        balance alice cash 80  promo 18 held 0
        balance hub   cash 0   promo 2 held 0
        balance promo cash 20  promo -20 held 0
        hold    c2 alice      10  ok
        capture c2 bob        10  ok
        balance alice cash 80  promo 17 held 0
        refund  c1                ok
        balance alice cash 99  promo 0 held 0
        balance promo cash 1   promo -1 held 0
        owes    alice             1
        ",
    );
}

#[test]
fn odd_units_of_refunds_make_the_whole() {
    let parts = |amounts: &[i64]| -> Vec<Part> {
        let part = |(place, nano): (u8, &i64)| Part {
            to: AccountId([place; 16]),
            role: Role::Creator,
            amount: Amount::from_nano(*nano).expect("an amount"),
        };
        (50..).zip(amounts).map(part).collect()
    };
    let mut book = Book::default();
    let rail = AccountId::RAIL_MANUAL;
    let bob = account("bob");
    book.post(&Transfer::deposit(TransferId([1; 16]), Time(0), rail, bob, amount("22"), String::new())).expect("ok");
    let hold = book.hold(bob, amount("22")).expect("held");
    let call = Call { fee: amount("2"), parts: parts(&[7, 7, 6]), ..call("c", bob, &hold, amount("22")) };
    book.capture(hold, &call).expect("captured");
    let mut earlier = Vec::new();
    for n in 1..=22 {
        let asked = Refund {
            id: TransferId([n; 16]),
            at: Time(1),
            amount: Some(amount("1")),
            reason: String::new(),
            actor: bob,
            window_ms: None,
        };
        let Kind::Refund(refunded) = book.refund(&asked, &call, &earlier).expect("one unit is left").kind else {
            panic!("a refund is a refund")
        };
        earlier.push(*refunded);
        assert_eq!(book.balance(bob).cash, i64::from(n));
        assert_eq!(book.sums(), (0, 0));
    }
    for place in 50..53 {
        assert_eq!(book.balance(AccountId([place; 16])).cash, 0);
    }
}
