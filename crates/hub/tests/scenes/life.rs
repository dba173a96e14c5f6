//! What becomes of a release: what it changed, yanked, priced anew.

use engine::fake::Behaviour;
use hub::{Error, EventKind, Follow, KeyWish, PricesView, Scope};
use ledger::{Price, Time};
use registry::Access;
use testkit::{MORNING, TestHub, User, fixtures, model, refused};

const DAYS: i64 = 24;

/// alice has published an echo for 0.002 OPG as 1.00 and 1.01, bob has 1 OPG.
async fn scene() -> (TestHub, User, User) {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").card("# One\n\nsame\n").await.unwrap();
    alice.publish("alice/echo").card("# Two\n\nsame\n").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    (hub, alice, bob)
}

fn number(text: &str) -> registry::ReleaseNumber {
    text.parse().unwrap()
}

async fn yank(hub: &TestHub, user: &User, release: &str, reason: Option<&str>) -> Result<Option<String>, Error> {
    let done = hub.hub().yank(user.caller(), &model("alice/echo"), number(release), reason).await;
    done.map(|release| release.yanked)
}

async fn price(hub: &TestHub, user: &User, release: &str, text: &str, from: Option<Time>) -> Result<PricesView, Error> {
    let price = Price::per_call(text.parse().unwrap());
    hub.hub().set_price(user.caller(), &model("alice/echo"), number(release), price, from).await
}

#[tokio::test]
async fn a_yanked_release_runs_for_who_names_it_alone() {
    let (hub, alice, bob) = scene().await;
    assert_eq!(bob.infer("alice/echo").await.unwrap().release, number("1.01"));
    assert_eq!(yank(&hub, &alice, "1.01", Some(" wrong for ä ")).await.unwrap().as_deref(), Some("wrong for ä"));
    let answer = bob.infer("alice/echo").await.unwrap();
    assert_eq!((answer.release, answer.yanked), (number("1.00"), None));
    let named = bob.infer("alice/echo").release("1.01").await.unwrap();
    assert_eq!((named.release, named.yanked.as_deref()), (number("1.01"), Some("wrong for ä")));
    assert_eq!(bob.cash(), "0.994");
    let quote = hub.hub().quote(None, &model("alice/echo"), Some(number("1.01"))).await.unwrap();
    assert_eq!(quote.yanked.as_deref(), Some("wrong for ä"));
    assert_eq!(yank(&hub, &alice, "1.01", None).await.unwrap(), None);
    assert_eq!(bob.infer("alice/echo").await.unwrap().release, number("1.01"));
    hub.finish().await;
}

#[tokio::test]
async fn when_all_of_a_major_is_yanked_unversioned_calls_are_refused_and_cost_nothing() {
    let (hub, alice, bob) = scene().await;
    let kept = bob.infer("alice/echo").key("once").await.unwrap();
    for release in ["1.00", "1.01"] {
        yank(&hub, &alice, release, Some("leaks")).await.unwrap();
    }
    let refusal = || bob.infer("alice/echo");
    refused!(refusal().await, Error::Yanked { release, ref reason, .. } if release == number("1.01") && reason == "leaks");
    refused!(hub.hub().quote(None, &model("alice/echo"), None).await, Error::Yanked { .. });
    assert_eq!(bob.infer("alice/echo").release("1.00").await.unwrap().yanked.as_deref(), Some("leaks"));
    let again = bob.infer("alice/echo").key("once").await.unwrap();
    assert_eq!((again.call, again.replayed), (kept.call, true), "what was paid before can be fetched");
    assert_eq!(bob.cash(), "0.996");
    // It is shown all the same.
    let view = hub.hub().view_for(None, &model("alice/echo")).await.unwrap();
    assert_eq!(view.latest.release.yanked.as_deref(), Some("leaks"));
    // A release after it makes it callable again.
    alice.publish("alice/echo").card("# Three\n").await.unwrap();
    assert_eq!(bob.infer("alice/echo").await.unwrap().release, number("1.02"));
    hub.finish().await;
}

#[tokio::test]
async fn releases_are_yanked_by_their_owner_and_for_a_reason() {
    let (hub, alice, bob) = scene().await;
    refused!(yank(&hub, &bob, "1.00", Some("mine now")).await, Error::NotInGroup { .. });
    for reason in ["", "  ", "two\nlines", &"x".repeat(301)] {
        refused!(yank(&hub, &alice, "1.00", Some(reason)).await, Error::Invalid { what: "reason", .. });
    }
    refused!(yank(&hub, &alice, "9.00", Some("x")).await, Error::NoRelease { .. });
    let reads = alice.with_key(KeyWish { scopes: vec![Scope::Read], ..KeyWish::default() }).await.unwrap();
    refused!(yank(&hub, &reads, "1.00", Some("x")).await, Error::ScopeMissing { .. });
    hub.finish().await;
}

#[tokio::test]
async fn a_lower_price_is_paid_at_once_and_a_higher_one_after_its_notice() {
    let (hub, alice, bob) = scene().await;
    price(&hub, &alice, "1.01", "0.001 OPG", None).await.unwrap();
    assert_eq!(bob.infer("alice/echo").await.unwrap().cost, testkit::opg("0.001"));
    let view = price(&hub, &alice, "1.01", "0.005 OPG", None).await.unwrap();
    let from = MORNING.plus_ms(14 * Time::DAY_MS);
    assert_eq!(view.coming.map(|step| step.from), Some(from));
    let quote = async || hub.hub().quote(None, &model("alice/echo"), None).await.unwrap();
    assert_eq!((quote().await.cost, quote().await.coming.map(|step| step.from)), (testkit::opg("0.001"), Some(from)));
    hub.hours_pass(14 * DAYS - 1);
    assert_eq!(bob.infer("alice/echo").await.unwrap().cost, testkit::opg("0.001"));
    hub.hours_pass(1);
    assert_eq!((quote().await.cost, quote().await.coming), (testkit::opg("0.005"), None));
    let paid = bob.infer("alice/echo").await.unwrap();
    assert_eq!(paid.cost, testkit::opg("0.005"), "without anybody doing anything");
    assert_eq!(bob.infer("alice/echo").release("1.00").await.unwrap().cost, testkit::opg("0.002"), "each its own");
    assert_eq!(alice.cash(), "0.0081");
    let wanted = Follow { limit: 9, kind: Some(EventKind::ReleasePrice), ..Follow::default() };
    let (events, _) = hub.hub().events(None, &wanted).await.unwrap();
    assert_eq!(events.iter().map(|view| view.event.at).collect::<Vec<_>>(), [MORNING; 2], "told when it was announced");
    hub.finish().await;
}

#[tokio::test]
async fn a_price_is_set_by_its_owner_within_the_rules() {
    let (hub, alice, bob) = scene().await;
    refused!(price(&hub, &bob, "1.01", "0.001 OPG", None).await, Error::NotInGroup { .. });
    refused!(price(&hub, &alice, "9.00", "0.001 OPG", None).await, Error::NoRelease { .. });
    let soon = Some(MORNING.plus_ms(Time::DAY_MS));
    refused!(price(&hub, &alice, "1.01", "0.005 OPG", soon).await, Error::Tariff(_));
    refused!(price(&hub, &alice, "1.01", "0.001 OPG", Some(MORNING.plus_ms(-1))).await, Error::Tariff(_));
    let tokens = Price { per_1k_in: Some("0.001 OPG".parse().unwrap()), ..Price::FREE };
    let refused = hub.hub().set_price(alice.caller(), &model("alice/echo"), number("1.01"), tokens, None).await;
    refused!(refused, Error::Unfit { step: "price", .. });
    // The operator's notice counts from then on.
    refused!(hub.hub().set_price_notice(alice.caller(), 1).await, Error::ScopeMissing { .. });
    refused!(hub.hub().set_price_notice(&hub.operator().await, 366).await, Error::Invalid { what: "days", .. });
    hub.hub().set_price_notice(&hub.operator().await, 1).await.unwrap();
    price(&hub, &alice, "1.01", "0.005 OPG", soon).await.unwrap();
    hub.hours_pass(DAYS);
    assert_eq!(bob.infer("alice/echo").await.unwrap().cost, testkit::opg("0.005"));
    hub.finish().await;
}

#[tokio::test]
async fn prices_and_yanks_are_there_after_a_restart() {
    let (hub, alice, _) = scene().await;
    price(&hub, &alice, "1.00", "0.001 OPG", None).await.unwrap();
    yank(&hub, &alice, "1.01", Some("wrong")).await.unwrap();
    hub.restart().await;
    let bob = hub.user("dave").await.funded("1").await;
    let answer = bob.infer("alice/echo").await.unwrap();
    assert_eq!((answer.release, answer.cost), (number("1.00"), testkit::opg("0.001")));
    hub.finish().await;
}

#[tokio::test]
async fn a_difference_shows_files_texts_contract_and_terms() {
    let (hub, alice, bob) = scene().await;
    let core = hub.hub();
    let publish = alice.publish("alice/echo").card("# Three\n\nsame\n").file("notes.txt", "one\n").price("0.003 OPG");
    publish.split(&[("alice", 7_000), ("bob", 3_000)]).await.unwrap();
    let diff = core.diff(None, &model("alice/echo"), number("1.00"), number("1.02")).await.unwrap();
    let path = |file: &Option<registry::File>| file.as_ref().map(|file| file.path.to_string());
    let files: Vec<_> = diff.files.items.iter().map(|found| (path(&found.from), path(&found.to))).collect();
    let (readme, notes) = (Some("README.md".to_owned()), Some("notes.txt".to_owned()));
    assert_eq!(files, [(readme.clone(), readme), (None, notes)]);
    assert_eq!(diff.texts[0].path, "README.md");
    assert_eq!(diff.texts[0].text, "@@ -1,3 +1,3 @@\n-# One\n+# Three\n \n same\n");
    assert_eq!(diff.texts[1].text, "@@ -0,0 +1 @@\n+one\n");
    assert_eq!(
        (diff.price.0.to_string(), diff.price.1.to_string()),
        ("0.002 OPG per call".to_owned(), "0.003 OPG per call".to_owned())
    );
    assert!(diff.contract.items.is_empty(), "{:?}", diff.contract);
    let terms: Vec<_> =
        diff.terms.items.iter().map(|found| (found.field.as_str(), found.from.clone(), found.to.clone())).collect();
    let expected = [("split.alice", Some("100%".into()), Some("70%".into())), ("split.bob", None, Some("30%".into()))];
    assert_eq!(terms, expected);
    let none = core.diff(None, &model("alice/echo"), number("1.00"), number("1.00")).await.unwrap();
    assert!(none.files.items.is_empty() && none.texts.is_empty() && none.terms.items.is_empty());
    refused!(core.diff(None, &model("alice/echo"), number("1.00"), number("7.00")).await, Error::NoRelease { .. });
    core.set_private(alice.caller(), &model("alice/echo"), true).await.unwrap();
    let hidden = core.diff(Some(bob.caller()), &model("alice/echo"), number("1.00"), number("1.01")).await;
    refused!(hidden, Error::NoModel { .. });
    core.diff(Some(alice.caller()), &model("alice/echo"), number("1.00"), number("1.01")).await.unwrap();
    hub.finish().await;
}

/// Weights are named with size and digest, and never shown, whoever asks.
#[tokio::test]
async fn a_difference_shows_no_weights_and_is_bounded() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let long: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    let first = alice.publish("alice/echo").file("w.bin", "secret one").file("long.txt", "0\n").access(Access::Sealed);
    first.await.unwrap();
    let second =
        alice.publish("alice/echo").file("w.bin", "secret two").file("long.txt", long).file("raw.txt", [0, 159]);
    second.await.unwrap();
    for viewer in [None, Some(alice.caller())] {
        let diff = hub.hub().diff(viewer, &model("alice/echo"), number("1.00"), number("1.01")).await.unwrap();
        assert_eq!(diff.files.items.len(), 3);
        let texts: Vec<_> = diff.texts.iter().map(|text| (text.path.as_str(), text.cut)).collect();
        assert_eq!(texts, [("long.txt", true)]);
        assert!(diff.texts[0].text.len() <= 64 * 1024);
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_minor_release_raises_no_price_before_its_notice() {
    let (hub, alice, bob) = scene().await;
    let next = |text: &str, price: &str| alice.publish("alice/echo").file("notes.txt", text).price(price);
    let (published, verdicts) = next("one", "0.003 OPG").told().await;
    let published = published.unwrap();
    assert_eq!((published.release, published.price), (number("1.02"), Price::per_call("0.002 OPG".parse().unwrap())));
    let from = MORNING.plus_ms(14 * Time::DAY_MS);
    assert!(verdicts.iter().any(|verdict| verdict.step == "price" && verdict.detail.contains(&from.to_string())));
    let quote = async || hub.hub().quote(None, &model("alice/echo"), None).await.unwrap();
    assert_eq!((quote().await.cost, quote().await.coming.map(|step| step.from)), (testkit::opg("0.002"), Some(from)));
    // The same again is the same release, and the next one keeps what was announced.
    assert!(!next("one", "0.003 OPG").await.unwrap().sealed);
    hub.hours_pass(DAYS);
    next("two", "0.003 OPG").await.unwrap();
    assert_eq!(quote().await.coming.map(|step| step.from), Some(from), "callers were told then");
    hub.hours_pass(13 * DAYS - 1);
    assert_eq!(bob.infer("alice/echo").await.unwrap().cost, testkit::opg("0.002"));
    hub.hours_pass(1);
    assert_eq!(bob.infer("alice/echo").await.unwrap().cost, testkit::opg("0.003"));
    // Less holds at once.
    next("three", "0.001 OPG").await.unwrap();
    assert_eq!((quote().await.cost, quote().await.coming), (testkit::opg("0.001"), None));
    hub.finish().await;
}

#[tokio::test]
async fn whatever_moves_unversioned_calls_raises_no_price_before_its_notice() {
    let (hub, alice, bob) = scene().await;
    let from = MORNING.plus_ms(14 * Time::DAY_MS);
    let cheap = alice.publish("alice/echo").file("notes.txt", "cheap").price("0.001 OPG").await.unwrap();
    assert_eq!(cheap.release, number("1.02"));
    let quote = async || hub.hub().quote(None, &model("alice/echo"), None).await.unwrap();
    assert_eq!((quote().await.cost, quote().await.coming), (testkit::opg("0.001"), None));

    yank(&hub, &alice, "1.02", Some("too cheap")).await.unwrap();
    let now = quote().await;
    assert_eq!((now.release, now.cost), (number("1.01"), testkit::opg("0.001")));
    assert_eq!(
        now.coming.map(|step| (step.from, step.price)),
        Some((from, Price::per_call("0.002 OPG".parse().unwrap())))
    );
    // There and back is no way around it.
    yank(&hub, &alice, "1.02", None).await.unwrap();
    yank(&hub, &alice, "1.02", Some("too cheap")).await.unwrap();
    assert_eq!(quote().await.cost, testkit::opg("0.001"));
    // Nor is to wait until the notice is nearly over: it was given to those who were there then.
    yank(&hub, &alice, "1.02", None).await.unwrap();
    hub.hours_pass(13 * DAYS);
    yank(&hub, &alice, "1.02", Some("too cheap")).await.unwrap();
    hub.hours_pass(14 * DAYS - 1);
    assert_eq!(bob.infer("alice/echo").await.unwrap().cost, testkit::opg("0.001"));
    hub.hours_pass(1);
    assert_eq!(bob.infer("alice/echo").await.unwrap().cost, testkit::opg("0.002"));
    hub.finish().await;
}

#[tokio::test]
async fn another_major_takes_over_what_holds_where_unversioned_calls_go() {
    let (hub, alice, _) = scene().await;
    let quote = async || hub.hub().quote(None, &model("alice/echo"), None).await.unwrap();
    let dear = |notes: &str| {
        let publish = alice.publish("alice/echo").file("model.onnx", fixtures::STRINGS).file("notes.txt", notes);
        let publish = publish.price("0.01 OPG");
        hub.fake().script(publish.digest(), crate::publish::other_signature(), [Behaviour::Echo]);
        publish
    };
    // Nobody's calls go to it by themselves, so it may ask for what it likes.
    let two = dear("one").await.unwrap();
    assert_eq!((two.release, two.price), (number("2.00"), Price::per_call("0.01 OPG".parse().unwrap())));
    assert_eq!((quote().await.release, quote().await.cost), (number("1.01"), testkit::opg("0.002")));
    // A minor one of that major, to which they are moved.
    let moved = dear("two").latest().await.unwrap();
    assert_eq!((moved.release, moved.price), (number("2.01"), Price::per_call("0.002 OPG".parse().unwrap())));
    let (cost, coming) = (quote().await.cost, quote().await.coming.map(|step| step.price));
    assert_eq!((cost, coming), (testkit::opg("0.002"), Some(Price::per_call("0.01 OPG".parse().unwrap()))));
    hub.hours_pass(14 * DAYS);
    assert_eq!(quote().await.cost, testkit::opg("0.01"));
    hub.finish().await;
}
