//! Organisations: who belongs to them, and what each member may do with what is theirs.

use hub::{Change, Error, KeyWish, Limits, MemberRole, Releasing};
use ledger::Class;
use registry::{Access, Digest, Edit, File, RefName, Revision};
use store::{AccountKind, RefKind, Scope};
use testkit::{TestHub, User, fixtures, handle, model, refused, until};

const PRICED: &[u8] = b"---\nmodelhub: { price: { per_call: \"0.002 OPG\" } }\n---\n# Echo\n";

/// acme, which ada has made, and its members: rita reads, walt writes, ada decides. bob is no member.
struct Acme {
    rita: User,
    walt: User,
    ada: User,
    bob: User,
}

async fn acme(hub: &TestHub) -> Acme {
    let [rita, walt, ada, bob] =
        [hub.user("rita").await, hub.user("walt").await, hub.user("ada").await, hub.user("bob").await];
    hub.hub().create_organisation(ada.caller(), "acme").await.unwrap();
    let ada = ada.again().await.unwrap();
    for (user, role) in [(&rita, MemberRole::Reader), (&walt, MemberRole::Writer)] {
        set(hub, &ada, "acme", user.name(), role).await.unwrap();
    }
    Acme { rita: rita.again().await.unwrap(), walt: walt.again().await.unwrap(), ada, bob }
}

async fn set(hub: &TestHub, by: &User, of: &str, who: &str, role: MemberRole) -> Result<(), Error> {
    hub.hub().set_member(by.caller(), &handle(of), &handle(who), role).await.map(drop)
}

async fn remove(hub: &TestHub, by: &User, of: &str, who: &str) -> Result<(), Error> {
    hub.hub().remove_member(by.caller(), &handle(of), &handle(who)).await
}

fn wish(scopes: &[Scope]) -> KeyWish {
    let (name, scopes, limits) = ("another".to_owned(), scopes.to_vec(), Limits::default());
    KeyWish { name, scopes, models: None, limits, rate: None, expires_in_days: None }
}

fn put(path: &str, bytes: &[u8]) -> Edit {
    Edit::Put(File { path: path.parse().unwrap(), sha256: Digest::of(bytes), size: bytes.len() as u64 })
}

fn change(name: &str, edits: Vec<Edit>) -> Change {
    let (title, message) = ("Change".to_owned(), String::new());
    Change { model: model(name), branch: RefName::main(), parent: None, edits, title, message }
}

async fn hand_in(hub: &TestHub, user: &User, owner: &str, bytes: &[u8]) -> Result<(), Error> {
    let mut upload = hub.hub().upload(user.caller(), &handle(owner), Digest::of(bytes), bytes.len() as u64).await?;
    upload.write(bytes)?;
    upload.finish().await.map(drop)
}

/// How a wish ended, in a word.
fn word<T>(result: Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(Error::NoModel { .. }) => "not there",
        Err(Error::RoleTooLow { .. }) => "role",
        Err(Error::NotInGroup { .. }) => "group",
        Err(Error::Sealed { .. }) => "sealed",
        Err(other) => panic!("{other}"),
    }
}

/// Everything that is asked of an owner's group, each with how it ended for this user.
async fn try_all(hub: &TestHub, user: &User) -> [(&'static str, &'static str); 14] {
    let (core, caller, name, main) = (hub.hub(), user.caller(), model("acme/hidden"), Revision::main());
    let read = async |path: &str| {
        let snapshot = core.snapshot(Some(caller), &name, &main).await?;
        core.open(Some(caller), &snapshot, path).await.map(drop)
    };
    let (tag, aside, own) = ("v1".parse().unwrap(), model("acme/aside"), handle("acme"));
    let tagged = core.add_ref(caller, &name, RefKind::Tag, &tag, None).await;
    if tagged.is_ok() {
        core.remove_ref(caller, &name, RefKind::Tag, &tag).await.unwrap();
    }
    let made = core.create(caller, &model(&format!("acme/of-{}", user.name())), true).await;
    let renamed = core.rename(caller, &name, &aside).await;
    if renamed.is_ok() {
        core.rename(caller, &aside, &name).await.unwrap();
    }
    [
        ("look", word(core.repository(Some(caller), &name).await)),
        ("read a card", word(read("README.md").await)),
        ("read weights", word(read("model.onnx").await)),
        ("commit", word(core.commit(caller, change("acme/hidden", vec![put("README.md", PRICED)])).await)),
        ("upload", word(hand_in(hub, user, "acme", b"more").await)),
        ("tag", word(tagged)),
        ("make a model", word(made)),
        ("list drafts", word(core.drafts(caller, &name).await)),
        ("rename", word(renamed)),
        ("hide", word(core.set_private(caller, &name, true).await)),
        ("seal", word(core.set_access(caller, &name, Access::Sealed).await)),
        ("admit by themselves", word(core.set_automatic(caller, &name, false).await)),
        ("list members", word(core.members(caller, &own, None, 9).await)),
        ("list keys", word(core.organisation_keys(caller, &own).await)),
    ]
}

#[tokio::test]
async fn what_a_member_may_do_hangs_on_the_role() {
    let hub = TestHub::start().await;
    let Acme { rita, walt, ada, bob } = acme(&hub).await;
    hub.hub().create(walt.caller(), &model("acme/hidden"), true).await.unwrap();
    for (path, bytes) in [("README.md", PRICED), ("model.onnx", b"weights")] {
        hand_in(&hub, &walt, "acme", bytes).await.unwrap();
        hub.hub().commit(walt.caller(), change("acme/hidden", vec![put(path, bytes)])).await.unwrap();
    }
    // For a reader, a writer and an admin.
    let expected = [
        ("look", ["done", "done", "done"]),
        ("read a card", ["done", "done", "done"]),
        ("read weights", ["sealed", "done", "done"]),
        ("commit", ["role", "done", "done"]),
        ("upload", ["role", "done", "done"]),
        ("tag", ["role", "done", "done"]),
        ("make a model", ["role", "done", "done"]),
        ("list drafts", ["role", "done", "done"]),
        ("rename", ["role", "role", "done"]),
        ("hide", ["role", "role", "done"]),
        ("seal", ["role", "role", "done"]),
        ("admit by themselves", ["role", "role", "done"]),
        ("list members", ["done", "done", "done"]),
        ("list keys", ["role", "role", "done"]),
    ];
    for (n, user) in [&rita, &walt, &ada].into_iter().enumerate() {
        assert_eq!(try_all(&hub, user).await, expected.map(|(what, how)| (what, how[n])), "{}", user.name());
    }
    for (what, how) in try_all(&hub, &bob).await {
        let outside = matches!(what, "upload" | "make a model" | "list members" | "list keys");
        assert_eq!(how, if outside { "group" } else { "not there" }, "bob wants to {what}");
    }
    refused!(hub.hub().remove(walt.caller(), &model("acme/of-walt")).await, Error::RoleTooLow { .. });
    hub.hub().remove(ada.caller(), &model("acme/of-walt")).await.unwrap();
    // A model goes to another account by the word of somebody who decides about it, and who may publish there.
    for (by, to, how) in [(&walt, "walt/mine", "role"), (&ada, "bob/theirs", "group"), (&ada, "ada/mine", "done")] {
        assert_eq!(word(hub.hub().rename(by.caller(), &model("acme/hidden"), &model(to)).await), how, "to {to}");
    }
    hub.finish().await;
}

#[tokio::test]
async fn members_are_taken_in_raised_lowered_and_taken_out() {
    let hub = TestHub::start().await;
    let Acme { rita, walt, ada, bob } = acme(&hub).await;
    let listed = async || {
        let members = hub.hub().members(rita.caller(), &handle("acme"), None, 9).await.unwrap();
        members.into_iter().map(|member| format!("{} {}", member.account.handle, member.role)).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, ["ada admin", "rita reader", "walt writer"]);
    for user in [&rita, &walt] {
        refused!(set(&hub, user, "acme", "bob", MemberRole::Reader).await, Error::RoleTooLow { .. });
        refused!(set(&hub, user, "acme", user.name(), MemberRole::Admin).await, Error::RoleTooLow { .. });
        refused!(remove(&hub, user, "acme", "ada").await, Error::RoleTooLow { .. });
    }
    refused!(set(&hub, &bob, "acme", "bob", MemberRole::Admin).await, Error::NotInGroup { .. });
    refused!(hub.hub().members(bob.caller(), &handle("acme"), None, 9).await, Error::NotInGroup { .. });

    // Everybody leaves by themselves, but the last admin.
    remove(&hub, &rita, "acme", "rita").await.unwrap();
    refused!(remove(&hub, &ada, "acme", "rita").await, Error::NoMember { .. });
    refused!(remove(&hub, &ada, "acme", "ada").await, Error::LastAdmin { .. });
    refused!(set(&hub, &ada, "acme", "ada", MemberRole::Reader).await, Error::LastAdmin { .. });
    set(&hub, &ada, "acme", "walt", MemberRole::Admin).await.unwrap();
    let walt = walt.again().await.unwrap();
    // Of two who take each other out at once, one stays.
    let (one, other) = tokio::join!(remove(&hub, &ada, "acme", "walt"), remove(&hub, &walt, "acme", "ada"));
    assert!(one.is_ok() != other.is_ok(), "{one:?}, {other:?}");
    let stays = if one.is_ok() { &ada } else { &walt };
    let left = hub.hub().members(stays.again().await.unwrap().caller(), &handle("acme"), None, 9).await.unwrap();
    assert_eq!(left.len(), 1);
    hub.finish().await;
}

#[tokio::test]
async fn what_is_no_organisation_or_no_member_is_told() {
    let hub = TestHub::start().await;
    let Acme { walt, ada, bob, .. } = acme(&hub).await;
    refused!(set(&hub, &ada, "nobody", "bob", MemberRole::Reader).await, Error::NoAccount { .. });
    refused!(set(&hub, &ada, "acme", "nobody", MemberRole::Reader).await, Error::NoAccount { .. });
    refused!(set(&hub, &ada, "ada", "bob", MemberRole::Reader).await, Error::NotOrganisation { .. });
    refused!(remove(&hub, &ada, "acme", "bob").await, Error::NoMember { .. });
    // Organisations are not members of each other, and neither is the hub.
    let lab = hub.account("lab", AccountKind::Org).await;
    for who in ["lab", "acme", "operator"] {
        let refused = set(&hub, &ada, "acme", who, MemberRole::Reader).await;
        refused!(refused, Error::Invalid { what: "member", .. });
    }
    refused!(hub.hub().create_organisation(lab.caller(), "lab-two").await, Error::Invalid { what: "account", .. });
    let operator = bob.as_operator().await;
    refused!(hub.hub().create_organisation(operator.caller(), "ours").await, Error::Invalid { what: "account", .. });
    // A handle is one account's, whatever it is, and one that differs in case is none.
    for taken in ["acme", "bob", "lab"] {
        refused!(hub.hub().create_organisation(walt.caller(), taken).await, Error::HandleTaken { .. });
    }
    for wrong in ["Acme", "api", "a", "two--dashes"] {
        refused!(hub.hub().create_organisation(walt.caller(), wrong).await, Error::Name(_));
    }
    // It is about all that an account may be, so it takes the scope that keys are made with, for all models.
    let lesser = ada.with_key(wish(&[Scope::Read, Scope::Publish, Scope::Call])).await.unwrap();
    refused!(
        set(&hub, &lesser, "acme", "bob", MemberRole::Reader).await,
        Error::ScopeMissing { needed: Scope::Money, .. }
    );
    refused!(hub.hub().create_organisation(lesser.caller(), "new").await, Error::ScopeMissing { .. });
    let single = KeyWish { models: Some(vec![model("acme/echo")]), ..wish(&[Scope::Read, Scope::Money]) };
    let single = ada.with_key(single).await.unwrap();
    refused!(set(&hub, &single, "acme", "bob", MemberRole::Reader).await, Error::KeyForModels);
    // The organisation's own key decides like an admin.
    set(&hub, &lab, "lab", "bob", MemberRole::Admin).await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_member_who_is_taken_out_is_out_with_all_keys_at_once() {
    let hub = TestHub::start().await;
    let Acme { rita, walt, ada, .. } = acme(&hub).await;
    let (core, name) = (hub.hub(), model("acme/hidden"));
    core.create(walt.caller(), &name, true).await.unwrap();
    let key = rita.with_key(wish(&[Scope::Read])).await.unwrap();
    core.repository(Some(key.caller()), &name).await.unwrap();
    let mut upload = core.upload(walt.caller(), &handle("acme"), Digest::of(b"weights"), 7).await.unwrap();
    upload.write(b"wei").unwrap();
    let mut other = core.upload_to(walt.caller(), &name).await.unwrap();
    other.write(b"whatever").unwrap();

    for who in ["rita", "walt"] {
        remove(&hub, &ada, "acme", who).await.unwrap();
    }
    for user in [&rita, &key, &walt] {
        let user = user.again().await.unwrap();
        refused!(core.repository(Some(user.caller()), &name).await, Error::NoModel { .. });
    }
    // What was on its way in is not taken, and what was asked with the rights of before is not done.
    upload.write(b"ghts").unwrap();
    refused!(upload.finish().await, Error::NotInGroup { .. });
    refused!(other.finish().await, Error::NotInGroup { .. });
    assert!(!core.has_upload(ada.caller(), &handle("acme"), Digest::of(b"weights")).await.unwrap());
    refused!(core.commit(walt.caller(), change("acme/hidden", vec![])).await, Error::NoModel { .. });
    hub.finish().await;
}

#[tokio::test]
async fn a_key_that_is_revoked_in_the_middle_of_an_upload_hands_nothing_in() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let (core, key) = (hub.hub(), alice.with_key(wish(&[Scope::Publish])).await.unwrap());
    let mut upload = core.upload(key.caller(), &handle("alice"), Digest::of(b"weights"), 7).await.unwrap();
    upload.write(b"weights").unwrap();
    core.create(key.caller(), &model("alice/echo"), false).await.unwrap();
    core.revoke_key(alice.caller(), key.caller().key()).await.unwrap();
    refused!(upload.finish().await, Error::KeyRevoked);
    refused!(core.commit(key.caller(), change("alice/echo", vec![])).await, Error::KeyRevoked);
    assert!(!core.has_upload(alice.caller(), &handle("alice"), Digest::of(b"weights")).await.unwrap());
    // Its account goes on with another key, from where it was.
    hand_in(&hub, &alice, "alice", b"weights").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_writer_publishes_on_the_terms_that_stand() {
    let hub = TestHub::start().await;
    let Acme { rita, walt, ada, .. } = acme(&hub).await;
    refused!(rita.publish("acme/echo").await, Error::RoleTooLow { least: MemberRole::Writer, .. });
    let to_walt = walt.publish("acme/echo").split(&[("walt", 10_000)]).await;
    refused!(to_walt, Error::TermsStand { what: "split", .. });
    walt.publish("acme/echo").await.unwrap();
    let next = || walt.publish("acme/echo").file("notes.txt", "better");
    refused!(next().price("0.001 OPG").await, Error::TermsStand { what: "price", .. });
    refused!(next().split(&[("walt", 5_000), ("acme", 5_000)]).await, Error::TermsStand { what: "split", .. });
    refused!(next().access(Access::Open).await, Error::TermsStand { what: "access", .. });
    let royalty = "---\nmodelhub: { royalty: 5% }\n---\n# Echo\n";
    refused!(next().card(royalty).await, Error::TermsStand { what: "royalty", .. });
    assert_eq!(next().await.unwrap().release.to_string(), "1.01");
    // Whoever decides about money changes them.
    let changed = ada.publish("acme/echo").file("notes.txt", "best").price("0.001 OPG").access(Access::Open);
    assert_eq!(changed.await.unwrap().release.to_string(), "1.02");
    hub.finish().await;
}

#[tokio::test]
async fn what_somebody_pushed_who_has_left_is_no_release() {
    let hub = TestHub::start().await;
    let Acme { walt, ada, .. } = acme(&hub).await;
    let (core, name) = (hub.hub(), model("acme/echo"));
    core.create(walt.caller(), &name, false).await.unwrap();
    let files = [("README.md", PRICED), ("model.onnx", fixtures::ECHO)];
    for (_, bytes) in files {
        hand_in(&hub, &walt, "acme", bytes).await.unwrap();
    }
    let edits = files.iter().map(|(path, bytes)| put(path, bytes)).collect();
    core.commit(walt.caller(), change("acme/echo", edits)).await.unwrap();
    remove(&hub, &ada, "acme", "walt").await.unwrap();
    hub.clock().advance_ms(10_000);
    let refused = until("it is tried", async || {
        core.drafts(ada.caller(), &name).await.unwrap().into_iter().find_map(|draft| draft.refused)
    });
    assert!(refused.await.contains("walt does not belong to acme's group"));
    // An admin publishes it by hand.
    let (verdicts, mut unread) = tokio::sync::mpsc::channel(64);
    core.release(ada.caller(), &name, Releasing::default(), verdicts).await.unwrap();
    while unread.recv().await.is_some() {}
    assert_eq!(core.model(&name, None).await.unwrap().number, "1.00");
    hub.finish().await;
}

#[tokio::test]
async fn an_organisations_money_is_spent_with_its_own_keys() {
    let hub = TestHub::start().await;
    let Acme { rita, walt, ada, bob } = acme(&hub).await;
    let core = hub.hub();
    bob.publish("bob/echo").await.unwrap();
    walt.publish("acme/echo").await.unwrap();
    for user in [&rita, &walt] {
        let refused = core.create_organisation_key(user.caller(), &handle("acme"), wish(&[Scope::Call])).await;
        refused!(refused, Error::RoleTooLow { .. });
    }
    let beyond = core.create_organisation_key(ada.caller(), &handle("acme"), wish(&[Scope::Admin])).await;
    refused!(beyond, Error::ScopeMissing { .. });
    let fresh = core.create_organisation_key(ada.caller(), &handle("acme"), wish(&[Scope::Read, Scope::Call])).await;
    let fresh = fresh.unwrap();
    let caller = core.authenticate(&fresh.secret).await.unwrap();
    assert_eq!(
        (caller.handle(), core.organisation_keys(ada.caller(), &handle("acme")).await.unwrap().len()),
        (&handle("acme"), 1)
    );

    // Members pay with their own money, and their calls of what is theirs are nobody's income.
    let rita = rita.funded("1").await;
    rita.infer("acme/echo").await.unwrap();
    assert_eq!((rita.cash(), hub.last_call().await.class), ("0.998".to_owned(), Class::Own));
    rita.infer("bob/echo").await.unwrap();
    assert_eq!(hub.last_call().await.class, Class::Paid);
    assert_eq!(core.balance(&caller).await.unwrap().balance.cash, testkit::opg("0.0018").nano());

    core.revoke_organisation_key(ada.caller(), &handle("acme"), fresh.record.id).await.unwrap();
    refused!(core.authenticate(&fresh.secret).await, Error::KeyRevoked);
    refused!(
        core.revoke_organisation_key(ada.caller(), &handle("acme"), ada.caller().key()).await,
        Error::NoSuchKey { .. }
    );
    hub.finish().await;
}
