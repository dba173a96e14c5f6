//! Models as places for files: who may do what to them, what is shown to whom, and how they come to be what they are.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use engine::fake::{Behaviour, Fake};
use hub::{Change, Error, KeyWish, Limits, Releasing, Wanted};
use ledger::{Class, Price};
use registry::{Access, CommitId, Digest, Edit, EditError, File, RefName, Revision};
use store::{AccountKind, CommitRecord, RefKind, Scope};
use tensor::Tensor;
use testkit::{TestHub, User, fixtures, handle, model, refused, until};

/// How a wish ended, in a word.
fn word<T>(result: Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(Error::NoModel { .. }) => "no such model",
        Err(Error::ScopeMissing { .. }) => "scope",
        Err(Error::ModelNotAllowed { .. }) => "other key",
        Err(Error::NotInGroup { .. }) => "other group",
        Err(Error::Sealed { .. }) => "sealed",
        Err(other) => panic!("{other}"),
    }
}

/// A key of the same account with these scopes, for these models or for all.
async fn keyed(user: &User, scopes: &[Scope], models: Option<&[&str]>) -> User {
    let models = models.map(|names| names.iter().map(|name| model(name)).collect());
    let (name, scopes, limits) = ("another".to_owned(), scopes.to_vec(), Limits::default());
    user.with_key(KeyWish { name, scopes, models, limits, rate: None, expires_in_days: None }).await.unwrap()
}

/// What an organisation and those around it come with.
struct People {
    acme: User,
    /// Of acme's group.
    member: User,
    stranger: User,
    /// A key of acme's without a scope for anything here.
    scopeless: User,
    /// A key of acme's for another model.
    elsewhere: User,
    operator: User,
}

async fn people(hub: &TestHub) -> People {
    let acme = hub.account("acme", AccountKind::Org).await;
    let [carol, stranger] = [hub.user("carol").await, hub.user("bob").await];
    hub.join(&carol, &acme).await;
    let all = [Scope::Read, Scope::Publish, Scope::Call];
    People {
        member: keyed(&carol, &all, None).await,
        scopeless: keyed(&acme, &[Scope::Money], None).await,
        elsewhere: keyed(&acme, &all, Some(&["acme/other"])).await,
        operator: acme.as_operator().await,
        acme,
        stranger,
    }
}

/// Hands bytes in for an owner.
async fn hand_in(hub: &TestHub, user: &User, owner: &str, bytes: &[u8]) -> Result<(), Error> {
    let upload = hub.hub().upload(user.caller(), &handle(owner), Digest::of(bytes), bytes.len() as u64).await;
    let mut upload = upload?;
    upload.write(bytes)?;
    upload.finish().await.map(drop)
}

fn put(path: &str, bytes: &[u8]) -> Edit {
    Edit::Put(File { path: path.parse().unwrap(), sha256: Digest::of(bytes), size: bytes.len() as u64 })
}

fn change(name: &str, edits: Vec<Edit>, parent: Option<CommitId>) -> Change {
    let parent = parent.map(Revision::Commit);
    let (title, message) = ("Change".to_owned(), String::new());
    Change { model: model(name), branch: RefName::main(), parent, edits, title, message }
}

/// Hands the files in and commits them to main.
async fn commit(hub: &TestHub, user: &User, name: &str, files: &[(&str, &[u8])]) -> Result<CommitRecord, Error> {
    for (_, bytes) in files {
        hand_in(hub, user, model(name).owner().as_str(), bytes).await?;
    }
    let edits = files.iter().map(|(path, bytes)| put(path, bytes)).collect();
    hub.hub().commit(user.caller(), change(name, edits, None)).await
}

async fn files_at(hub: &TestHub, user: &User, name: &str, revision: &str) -> Vec<String> {
    let snapshot = hub.hub().snapshot(Some(user.caller()), &model(name), &revision.parse().unwrap()).await.unwrap();
    snapshot.tree.files().iter().map(|file| file.path.to_string()).collect()
}

fn tag(text: &str) -> RefName {
    text.parse().unwrap()
}

/// All that changes a model, each with how it ended for this user. What is done is undone.
async fn try_all(hub: &TestHub, user: &User, name: &str) -> Vec<&'static str> {
    let (core, caller, name) = (hub.hub(), user.caller(), model(name));
    let aside = model(&format!("{name}-aside"));
    let added = core.add_ref(caller, &name, RefKind::Tag, &tag("v1"), None).await;
    let removed = match added {
        Ok(()) => core.remove_ref(caller, &name, RefKind::Tag, &tag("v1")).await,
        Err(_) => core.remove_ref(caller, &name, RefKind::Branch, &tag("side")).await,
    };
    let renamed = core.rename(caller, &name, &aside).await;
    if renamed.is_ok() {
        core.rename(caller, &aside, &name).await.unwrap();
    }
    vec![
        word(core.commit(caller, change(&name.to_string(), vec![put("README.md", b"# Two")], None)).await),
        word(core.upload_to(caller, &name).await),
        word(added),
        word(removed),
        word(renamed),
        word(core.set_private(caller, &name, core.repository(None, &name).await.is_err()).await),
        word(core.set_access(caller, &name, Access::Sealed).await),
        word(core.may_commit(caller, &name).await),
    ]
}

#[tokio::test]
async fn an_owners_group_changes_its_models_and_nobody_else_does() {
    let hub = TestHub::start().await;
    let People { acme, member, stranger, scopeless, elsewhere, operator } = people(&hub).await;
    let core = hub.hub();
    for (name, private) in [("acme/open", false), ("acme/hidden", true)] {
        core.create(acme.caller(), &model(name), private).await.unwrap();
        commit(&hub, &acme, name, &[("README.md", b"# One")]).await.unwrap();
    }
    hand_in(&hub, &acme, "acme", b"# Two").await.unwrap();
    let who = [
        (&stranger, "other group", "no such model"),
        (&operator, "other group", "no such model"),
        (&scopeless, "scope", "scope"),
        (&elsewhere, "other key", "no such model"),
        (&member, "done", "done"),
        (&acme, "done", "done"),
    ];
    for (user, open, hidden) in who {
        for (name, expected) in [("acme/open", open), ("acme/hidden", hidden)] {
            let told = try_all(&hub, user, name).await;
            assert_eq!(told, [expected; 8], "{} ({:?}) and {name}", user.name(), user.key.scopes);
        }
        let made = word(core.create(user.caller(), &model("acme/new"), true).await);
        assert_eq!(made, open, "{} makes a model", user.name());
        let removed =
            word(core.remove(user.caller(), &model(if made == "done" { "acme/new" } else { "acme/open" })).await);
        assert_eq!(removed, open, "{} removes one", user.name());
    }
    // To whoever may not see it, it is not there, whatever they want.
    for user in [&stranger, &operator] {
        assert_eq!(word(core.remove(user.caller(), &model("acme/hidden")).await), "no such model");
        assert_eq!(word(core.trial(user.caller(), &model("acme/hidden")).await), "no such model");
    }
    // Nobody moves a model to an account that they do not belong to, or over one that is there.
    let (from, to) = (model("acme/open"), model("bob/open"));
    assert_eq!(word(core.rename(member.caller(), &from, &to).await), "other group");
    refused!(core.rename(member.caller(), &from, &model("acme/HIDDEN")).await, Error::ModelTaken { .. });
    refused!(core.create(acme.caller(), &model("acme/Open"), false).await, Error::ModelTaken { .. });
    refused!(core.create(acme.caller(), &model("acme/config"), false).await, Error::Name(_));
    refused!(core.rename(acme.caller(), &from, &model("acme/config")).await, Error::Name(_));
    core.rename(member.caller(), &from, &model("carol/open")).await.unwrap();
    assert_eq!(word(core.may_commit(acme.caller(), &from).await), "other group");
    hub.finish().await;
}

/// All ways to look at a model, each with how it ended.
async fn look(hub: &TestHub, viewer: Option<&User>, name: &str) -> Vec<&'static str> {
    let (core, named, caller) = (hub.hub(), model(name), viewer.map(User::caller));
    let main = Revision::main();
    vec![
        word(core.repository(caller, &named).await),
        word(core.snapshot(caller, &named, &main).await),
        word(core.log(caller, &named, &main, None, 9).await),
        word(core.refs(caller, &named).await),
    ]
}

/// All ways to see the release of a model.
async fn look_at_release(hub: &TestHub, viewer: Option<&User>, name: &str) -> Vec<&'static str> {
    let (core, named, caller) = (hub.hub(), model(name), viewer.map(User::caller));
    let (first, none) = ("1.00".parse().ok(), "7.00".parse().ok());
    let missing = match core.model_for(caller, &named, none).await {
        Err(Error::NoRelease { .. }) => "done",
        other => word(other),
    };
    vec![
        word(core.model_for(caller, &named, None).await),
        word(core.model_for(caller, &named, first).await),
        missing,
        word(core.view_for(caller, &named).await),
        word(core.quote(caller, &named, None).await),
        word(core.checks(caller, &named).await),
    ]
}

async fn listed(hub: &TestHub, viewer: Option<&User>) -> Vec<String> {
    let wanted = Wanted { limit: 9, ..Wanted::default() };
    let listed = hub.hub().repositories(viewer.map(User::caller), wanted).await.unwrap();
    listed.into_iter().map(|found| found.model.name.to_string()).collect()
}

#[tokio::test]
async fn a_private_model_is_there_for_its_owners_group_alone() {
    let hub = TestHub::start().await;
    let People { acme, member, stranger, scopeless, elsewhere, operator } = people(&hub).await;
    let core = hub.hub();
    let (stranger, caller) = (stranger.funded("1").await, keyed(&acme, &[Scope::Call], None).await);
    acme.publish("acme/first").file("README.md", "# Echo").await.unwrap();
    core.rename(acme.caller(), &model("acme/first"), &model("acme/echo")).await.unwrap();
    // Seen by both names while everybody may.
    for name in ["acme/first", "acme/echo"] {
        assert_eq!(look(&hub, None, name).await, ["done"; 4]);
        assert_eq!(look_at_release(&hub, None, name).await, ["done"; 6]);
        stranger.infer(name).await.unwrap();
    }
    let before = core.snapshot(None, &model("acme/echo"), &Revision::main()).await.unwrap();
    assert_eq!((listed(&hub, None).await, core.totals().await.unwrap().models), (vec!["acme/echo".to_owned()], 1));

    core.set_private(acme.caller(), &model("acme/echo"), true).await.unwrap();
    let gone = "no such model";
    let who = [
        (None, gone, gone),
        (Some(&stranger), gone, gone),
        (Some(&operator), gone, gone),
        (Some(&elsewhere), gone, gone),
        // The hub shows them what it is, for they may call it or pay for it, and not its files.
        (Some(&scopeless), "scope", "done"),
        (Some(&caller), "scope", "done"),
        (Some(&member), "done", "done"),
        (Some(&acme), "done", "done"),
    ];
    for (viewer, files, release) in who {
        let name = viewer.map_or("nobody", |viewer| viewer.name());
        for named in ["acme/echo", "acme/ECHO", "acme/first"] {
            assert_eq!(look(&hub, viewer, named).await, [files; 4], "{name} looks at {named}");
            assert_eq!(look_at_release(&hub, viewer, named).await, [release; 6], "{name} looks at {named}");
        }
        let seen = listed(&hub, viewer).await;
        assert_eq!(seen.is_empty(), files != "done", "{name} sees {seen:?}");
    }
    assert!(core.listing(0, 9).await.unwrap().is_empty());
    assert_eq!(core.totals().await.unwrap().models, 0);

    // Nor is it called: who may not see it leaves no row.
    let rows = hub.rows().await.len();
    for named in ["acme/echo", "acme/first"] {
        refused!(stranger.infer(named).await, Error::NoModel { .. });
        refused!(stranger.infer(named).release("1.00").await, Error::NoModel { .. });
        let request = stranger.infer(named).request();
        refused!(core.perform(request, Vec::new()).await, Error::NoModel { .. });
        refused!(elsewhere.infer(named).await, Error::ModelNotAllowed { .. });
        refused!(scopeless.infer(named).await, Error::ScopeMissing { needed: Scope::Call, .. });
    }
    assert_eq!((hub.rows().await.len(), stranger.cash()), (rows, "0.996".to_owned()));
    for (user, named) in [(&caller, "acme/echo"), (&member, "acme/first")] {
        let funded = user.clone().funded("1").await;
        funded.infer(named).await.unwrap();
        assert_eq!(hub.last_call().await.class, Class::Own);
    }
    // What was looked up before is not looked up again: whoever opens brings their own right.
    assert_eq!(word(core.open(None, &before, "model.onnx").await), "sealed");

    core.set_private(acme.caller(), &model("acme/echo"), false).await.unwrap();
    stranger.infer("acme/first").await.unwrap();
    assert_eq!(listed(&hub, None).await, ["acme/echo"]);
    hub.finish().await;
}

#[tokio::test]
async fn a_model_that_was_made_private_stays_so_when_it_is_published() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    hub.hub().create(alice.caller(), &model("alice/Echo"), true).await.unwrap();
    let published = alice.publish("alice/echo").await.unwrap();
    assert_eq!(published.model, model("alice/Echo"));
    refused!(bob.infer("alice/echo").await, Error::NoModel { .. });
    // It is as little there for whoever wants to publish to it or to build on it.
    refused!(bob.publish("alice/echo").without_upload().await, Error::NotInGroup { owner, .. } if owner == handle("alice"));
    let card = "---\nbase_model: alice/echo\n---\n";
    let (tuned, verdicts) = bob.publish("bob/tuned").card(card).told().await;
    tuned.unwrap();
    let price = verdicts.iter().find(|verdict| verdict.step == "price").unwrap();
    assert!(price.detail.contains("base model alice/echo is not on this hub"), "{}", price.detail);
    hub.hub().set_private(alice.caller(), &model("alice/echo"), false).await.unwrap();
    bob.funded("1").await.infer("alice/echo").await.unwrap();
    hub.finish().await;
}

async fn content(hub: &TestHub, viewer: Option<&User>, revision: &str, path: &str) -> Result<String, Error> {
    let (core, caller) = (hub.hub(), viewer.map(User::caller));
    let snapshot = core.snapshot(caller, &model("acme/net"), &revision.parse().unwrap()).await?;
    let mut text = String::new();
    let mut opened = core.open(caller, &snapshot, path).await?;
    assert_eq!(opened.file.path.as_str(), path);
    opened.content.read_to_string(&mut text).unwrap();
    Ok(text)
}

#[tokio::test]
async fn sealed_files_are_read_by_the_owners_group_alone_in_every_revision() {
    let hub = TestHub::start().await;
    let People { acme, member, stranger, scopeless, elsewhere, operator } = people(&hub).await;
    let (core, name) = (hub.hub(), model("acme/net"));
    core.create(acme.caller(), &name, false).await.unwrap();
    let first: [(&str, &[u8]); 3] = [("README.md", b"# Net"), ("model.onnx", b"old"), ("data/w.SafeTensors", b"old")];
    let first = commit(&hub, &acme, "acme/net", &first).await.unwrap();
    core.add_ref(acme.caller(), &name, RefKind::Tag, &tag("v1"), None).await.unwrap();
    core.add_ref(acme.caller(), &name, RefKind::Branch, &tag("side"), None).await.unwrap();
    let second = commit(&hub, &acme, "acme/net", &[("model.onnx", b"new")]).await.unwrap();
    let old = [first.id.to_string(), first.id.to_string()[..8].to_owned(), "v1".to_owned(), "side".to_owned()];
    let new = [second.id.to_string(), "main".to_owned(), "refs/heads/main".to_owned()];
    let revisions: Vec<_> = old.iter().map(|at| (at, "old")).chain(new.iter().map(|at| (at, "new"))).collect();
    let outside = [None, Some(&stranger), Some(&operator), Some(&scopeless), Some(&elsewhere)];

    for access in [Access::Sealed, Access::Gated, Access::Open, Access::Sealed] {
        core.set_access(acme.caller(), &name, access).await.unwrap();
        for (revision, said) in &revisions {
            for viewer in outside {
                assert_eq!(content(&hub, viewer, revision, "README.md").await.unwrap(), "# Net");
                for (path, said) in [("model.onnx", *said), ("data/w.SafeTensors", "old")] {
                    match content(&hub, viewer, revision, path).await {
                        Ok(text) if access == Access::Open => assert_eq!(text, said),
                        Err(Error::Sealed { access: told, .. }) => assert_eq!([told, access], [Access::Sealed; 2]),
                        Err(Error::NotAdmitted { status: None, .. }) => assert_eq!(access, Access::Gated),
                        other => panic!("{path} of {revision}: {other:?}"),
                    }
                }
            }
            for viewer in [&member, &acme] {
                assert_eq!(content(&hub, Some(viewer), revision, "model.onnx").await.unwrap(), *said, "{revision}");
            }
        }
    }
    let nothing = content(&hub, Some(&acme), "v1", "data").await;
    refused!(nothing, Error::NoFile { commit, .. } if commit == first.id);
    refused!(content(&hub, None, "v2", "README.md").await, Error::NoRevision { revision, .. } if revision == "v2");
    hub.finish().await;
}

#[tokio::test]
async fn a_renamed_model_is_called_by_its_old_names() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let acme = hub.account("acme", AccountKind::Org).await;
    hub.join(&alice, &acme).await;
    let alice = keyed(&alice, &[Scope::Read, Scope::Publish, Scope::Call, Scope::Money], None).await;
    let bob = hub.user("bob").await.funded("1").await;
    let core = hub.hub();
    alice.publish("alice/one").await.unwrap();
    let called = async |name: &str| {
        let answer = bob.infer(name).await.unwrap();
        (answer.model.to_string(), answer.release.to_string())
    };
    let is = |name: &str, release: &str| (name.to_owned(), release.to_owned());
    assert_eq!(called("alice/one").await, is("alice/one", "1.00"));
    let names = ["alice/one", "alice/two", "alice/three"];
    for (at, to) in [(1, "alice/two"), (2, "alice/Three")] {
        core.rename(alice.caller(), &model(names[at - 1]), &model(to)).await.unwrap();
        for name in &names[..=at] {
            assert_eq!(called(name).await, is(to, "1.00"), "{name} after {to}");
        }
    }
    let quote = core.quote(None, &model("alice/one"), None).await.unwrap();
    assert_eq!(quote.model, model("alice/Three"));

    // A publish to an old name is one of the model, and is called by all of them at once.
    let second = alice.publish("alice/one").file("notes.txt", "better").await.unwrap();
    assert_eq!((second.model, second.release.to_string().as_str()), (model("alice/Three"), "1.01"));
    for name in names {
        assert_eq!(called(name).await, is("alice/Three", "1.01"));
    }

    // To another owner: what comes in is still what the release says, trials are paid by nobody.
    alice.pay_trials("alice/two", "0.5", "0.5").await.unwrap();
    core.rename(alice.caller(), &model("alice/one"), &model("acme/three")).await.unwrap();
    assert!(core.trial(alice.caller(), &model("acme/three")).await.unwrap().trial.budget.is_zero());
    let earned = alice.balance().cash;
    assert_eq!(called("alice/two").await, is("acme/three", "1.01"));
    assert!(alice.balance().cash > earned && acme.balance().cash == 0);

    // Whoever takes a name has it, and the others lead on.
    core.create(alice.caller(), &model("alice/one"), false).await.unwrap();
    refused!(bob.infer("alice/one").await, Error::NeverReleased { .. });
    assert_eq!(called("alice/two").await, is("acme/three", "1.01"));
    alice.publish("alice/one").price("0.003 OPG").await.unwrap();
    assert_eq!(called("alice/one").await, is("alice/one", "1.00"));
    hub.finish().await;
}

#[tokio::test]
async fn commits_name_bytes_that_their_owner_has_handed_in() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    let core = hub.hub();
    core.create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    let first = commit(&hub, &alice, "alice/echo", &[("README.md", b"# Echo")]).await.unwrap();
    hand_in(&hub, &bob, "bob", b"bob's secret weights").await.unwrap();
    let wrong_size = File { path: "a".parse().unwrap(), sha256: Digest::of(b"# Echo"), size: 7 };
    let wrong = [
        put("model.onnx", b"nobody has handed this in"),
        put("model.onnx", b"bob's secret weights"),
        Edit::Put(wrong_size),
    ];
    for edit in wrong {
        // Even where another edit takes it away again.
        let Edit::Put(File { path, .. }) = &edit else { unreachable!() };
        for edits in [vec![edit.clone()], vec![edit.clone(), Edit::Remove(path.clone())]] {
            let made = core.commit(alice.caller(), change("alice/echo", edits.clone(), None)).await;
            refused!(made, Error::NotHandedIn { path: named, .. } if named == *path);
            let made = core.commit(alice.caller(), change("alice/echo", edits, Some(first.id))).await;
            refused!(made, Error::NotHandedIn { .. });
        }
    }
    assert!(!core.has_upload(alice.caller(), &handle("alice"), Digest::of(b"bob's secret weights")).await.unwrap());
    refused!(core.has_upload(alice.caller(), &handle("bob"), Digest::of(b"# Echo")).await, Error::NotInGroup { .. });

    let gone = core.commit(alice.caller(), change("alice/echo", vec![Edit::Remove("b".parse().unwrap())], None)).await;
    refused!(gone, Error::Edit(EditError::NoFile { .. }));
    let twins = core.commit(alice.caller(), change("alice/echo", vec![put("readme.md", b"# Echo")], None)).await;
    refused!(twins, Error::Edit(EditError::Tree(_)));
    let long = Change { title: "t".repeat(501), ..change("alice/echo", vec![put("b", b"# Echo")], None) };
    refused!(core.commit(alice.caller(), long).await, Error::Invalid { what: "title", .. });
    let elsewhere = Change { branch: tag("side"), ..change("alice/echo", vec![put("b", b"# Echo")], None) };
    refused!(core.commit(alice.caller(), elsewhere).await, Error::NoRevision { .. });
    let log = core.log(None, &model("alice/echo"), &Revision::main(), None, 9).await.unwrap();
    assert_eq!(log, [first], "nothing of all this left a step");
    hub.finish().await;
}

#[tokio::test]
async fn of_two_commits_at_once_one_is_made() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let core = hub.hub();
    core.create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    let first = commit(&hub, &alice, "alice/echo", &[("README.md", b"one")]).await.unwrap();
    for text in ["mine", "theirs"] {
        hand_in(&hub, &alice, "alice", text.as_bytes()).await.unwrap();
    }
    let both = ["mine", "theirs"].map(|text| {
        core.commit(alice.caller(), change("alice/echo", vec![put("README.md", text.as_bytes())], Some(first.id)))
    });
    let [mine, theirs] = both;
    let (mine, theirs) = tokio::join!(mine, theirs);
    let ((Ok(made), late) | (late, Ok(made))) = (mine, theirs) else { panic!("neither was made") };
    refused!(late, Error::Overtaken { .. } | Error::BranchMoved { .. });
    assert_eq!((made.number, made.parent), (2, Some(1)));
    let log = core.log(None, &model("alice/echo"), &Revision::main(), None, 9).await.unwrap();
    assert_eq!(log, [made.clone(), first.clone()]);
    // From what they saw it is refused by name, and from what is there it goes on.
    let third = change("alice/echo", vec![put("b", b"one")], Some(first.id));
    refused!(core.commit(alice.caller(), third.clone()).await, Error::BranchMoved { head: Some(head), seen, .. } if head == made.id && seen == first.id);
    let third = Change { parent: Some(Revision::Commit(made.id)), ..third };
    assert_eq!(core.commit(alice.caller(), third).await.unwrap().number, 3);
    hub.finish().await;
}

#[tokio::test]
async fn the_same_change_again_is_the_same_commit() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let core = hub.hub();
    core.create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    let files: [(&str, &[u8]); 3] = [("README.md", b"one"), ("data/a", b"a"), ("data/b", b"b")];
    let mut head = commit(&hub, &alice, "alice/echo", &files).await.unwrap();
    hand_in(&hub, &alice, "alice", b"two").await.unwrap();
    let path = |text: &str| text.parse::<registry::FilePath>().unwrap();
    let steps = [
        vec![put("README.md", b"two")],
        vec![Edit::Remove(path("data/a"))],
        vec![Edit::RemoveFolder(path("data")), put("data", b"a")],
        vec![put("README.md", b"one"), Edit::Remove(path("data"))],
    ];
    for edits in steps {
        let wanted = change("alice/echo", edits, Some(head.id));
        // This answer is lost on its way.
        drop(core.commit(alice.caller(), wanted.clone()).await);
        let made = core.commit(alice.caller(), wanted.clone()).await.unwrap();
        assert_eq!((made.number, made.parent), (head.number + 1, Some(head.number)));
        assert_eq!(core.commit(alice.caller(), wanted.clone()).await.unwrap(), made);
        head = made;
    }
    let log = core.log(None, &model("alice/echo"), &Revision::main(), None, 9).await.unwrap();
    assert_eq!(log.iter().map(|commit| commit.number).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    // Without a parent it is made from whatever is there, and changes nothing twice.
    let again = change("alice/echo", vec![put("README.md", b"one")], None);
    assert_eq!(core.commit(alice.caller(), again).await.unwrap(), head);
    hub.finish().await;
}

/// Publishes a commit at 0.002 OPG a call.
async fn release(
    hub: &TestHub,
    user: &User,
    name: &str,
    revision: Option<&str>,
) -> Result<hub::publish::Published, Error> {
    let wish = Releasing {
        revision: revision.map(|revision| revision.parse().unwrap()),
        price: Some(Price::per_call("0.002 OPG".parse().unwrap())),
        ..Releasing::default()
    };
    let (verdicts, _unread) = tokio::sync::mpsc::channel(64);
    hub.hub().release(user.caller(), &model(name), wish, verdicts).await
}

#[tokio::test]
async fn commits_and_publishes_make_one_history() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let bob = hub.user("bob").await.funded("1").await;
    let (core, name) = (hub.hub(), model("alice/echo"));
    let main = async || core.log(None, &name, &Revision::main(), None, 9).await.unwrap();
    core.create(alice.caller(), &name, false).await.unwrap();
    refused!(bob.infer("alice/echo").await, Error::NeverReleased { .. });
    refused!(release(&hub, &alice, "alice/echo", None).await, Error::Unfit { .. });

    // Committed, then published from there: no step of its own.
    let files: [(&str, &[u8]); 2] = [("README.md", b"# Echo"), ("model.onnx", fixtures::ECHO)];
    let first = commit(&hub, &alice, "alice/echo", &files).await.unwrap();
    let published = release(&hub, &alice, "alice/echo", None).await.unwrap();
    assert_eq!((published.release.to_string().as_str(), published.commit), ("1.00", first.id));
    assert_eq!(main().await, std::slice::from_ref(&first));
    bob.infer("alice/echo").await.unwrap();

    // Published from a folder: the next step, whatever was there.
    let second = alice.publish("alice/echo").file("notes.txt", "better").await.unwrap();
    assert_eq!(second.release.to_string(), "1.01");
    let log = main().await;
    assert_eq!((log[0].number, log[0].parent, log[0].id), (2, Some(1), second.commit));
    assert_eq!(files_at(&hub, &alice, "alice/echo", "main").await, ["model.onnx", "notes.txt"]);

    // And on from there; what is released stays what it was.
    let third = commit(&hub, &alice, "alice/echo", &[("README.md", b"# More")]).await.unwrap();
    assert_eq!((third.number, third.parent), (3, Some(2)));
    for (revision, commit) in [("1.00", first.id), ("1.01", second.commit), ("main", third.id)] {
        let found = core.snapshot(None, &name, &revision.parse().unwrap()).await.unwrap();
        assert_eq!(found.commit.id, commit, "{revision}");
    }
    let digest = core.model(&name, None).await.unwrap().release.digest;
    assert_eq!(digest, second.digest, "a commit changes nothing for callers");

    // An older commit is published as it is, and main stays where it is.
    let fourth = release(&hub, &alice, "alice/echo", Some(&first.id.to_string())).await.unwrap();
    assert_eq!((fourth.release.to_string().as_str(), fourth.commit), ("1.02", first.id));
    assert_eq!(main().await[0], third);
    refused!(release(&hub, &alice, "alice/echo", Some("7.00")).await, Error::NoRevision { .. });

    refused!(core.remove(alice.caller(), &name).await, Error::HasReleases { count: 3 });
    bob.infer("alice/echo").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn the_owners_word_on_the_weights_is_the_last_one() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let (core, name) = (hub.hub(), model("alice/echo"));
    let access = async || core.repository(None, &name).await.unwrap().access;
    core.create(alice.caller(), &name, false).await.unwrap();
    core.set_access(alice.caller(), &name, Access::Open).await.unwrap();
    alice.publish("alice/echo").await.unwrap();
    assert_eq!(access().await, Access::Open, "a card that says nothing leaves it");
    core.set_access(alice.caller(), &name, Access::Sealed).await.unwrap();
    assert_eq!(access().await, Access::Sealed, "without another release");
    let published = alice.publish("alice/echo").access(Access::Gated).await.unwrap();
    assert_eq!((published.release.to_string().as_str(), access().await), ("1.01", Access::Gated));
    hub.finish().await;
}

#[tokio::test]
async fn names_of_commits_are_the_owners_and_never_a_releases() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let (core, name) = (hub.hub(), model("alice/echo"));
    core.create(alice.caller(), &name, false).await.unwrap();
    let add = async |kind, text: &str, at: Option<&str>| {
        let at = at.map(|at| at.parse::<Revision>().unwrap());
        core.add_ref(alice.caller(), &name, kind, &tag(text), at.as_ref()).await
    };
    refused!(add(RefKind::Tag, "v1", None).await, Error::NoRevision { .. });
    let first = commit(&hub, &alice, "alice/echo", &[("README.md", b"one")]).await.unwrap();
    commit(&hub, &alice, "alice/echo", &[("README.md", b"two")]).await.unwrap();
    add(RefKind::Tag, "v1", Some(&first.id.to_string())).await.unwrap();
    add(RefKind::Branch, "side", Some("v1")).await.unwrap();
    refused!(add(RefKind::Tag, "v1", None).await, Error::RefTaken { .. });
    refused!(add(RefKind::Branch, "main", None).await, Error::RefTaken { .. });
    refused!(add(RefKind::Tag, "v2", Some("nothing")).await, Error::NoRevision { .. });
    for kind in [RefKind::Tag, RefKind::Branch] {
        refused!(add(kind, "1.00", None).await, Error::Invalid { .. });
    }
    let aside = Change { branch: tag("side"), ..change("alice/echo", vec![put("a", b"two")], Some(first.id)) };
    let third = core.commit(alice.caller(), aside).await.unwrap();
    assert_eq!((third.number, third.parent), (3, Some(1)));
    assert_eq!(files_at(&hub, &alice, "alice/echo", "side").await, ["README.md", "a"]);
    assert_eq!(files_at(&hub, &alice, "alice/echo", "main").await, ["README.md"]);
    let remove = async |kind, text: &str| core.remove_ref(alice.caller(), &name, kind, &tag(text)).await;
    refused!(remove(RefKind::Branch, "main").await, Error::MainStays { .. });
    refused!(remove(RefKind::Tag, "side").await, Error::NoRevision { .. });
    remove(RefKind::Branch, "side").await.unwrap();
    let refs = core.refs(None, &name).await.unwrap();
    assert_eq!(refs.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["main", "v1"]);
    hub.finish().await;
}

/// Echoes once the gate is gone, and says that it waits.
fn behind_a_gate() -> (Arc<AtomicBool>, mpsc::Sender<()>, Behaviour) {
    let (gate, shut) = mpsc::channel::<()>();
    let (waits, shut) = (Arc::new(AtomicBool::new(false)), Mutex::new(shut));
    let said = waits.clone();
    let echoes = move |inputs: &[Tensor]| {
        said.store(true, Ordering::SeqCst);
        // An error is the gate's end.
        let _ = shut.lock().unwrap().recv();
        let values: Vec<f32> = inputs[0].bytes().as_chunks::<4>().0.iter().map(|le| f32::from_le_bytes(*le)).collect();
        Ok(vec![Tensor::fp32("y", inputs[0].shape(), &values).unwrap()])
    };
    (waits, gate, Behaviour::Map(Arc::new(echoes)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_model_that_is_renamed_or_removed_while_it_is_published_gets_no_release() {
    for removed in [false, true] {
        let (waits, gate, echoes) = behind_a_gate();
        let hub = TestHub::set().fake(Fake::new(fixtures::echo_signature(), echoes)).start().await;
        let alice = hub.user("alice").await;
        let (core, name) = (hub.hub(), model("alice/echo"));
        core.create(alice.caller(), &name, true).await.unwrap();
        let publish = tokio::spawn(alice.publish("alice/echo").into_future());
        until("the publish runs the model", async || waits.load(Ordering::SeqCst).then_some(())).await;
        if removed {
            core.remove(alice.caller(), &name).await.unwrap();
        } else {
            core.rename(alice.caller(), &name, &model("alice/other")).await.unwrap();
        }
        drop(gate);
        refused!(publish.await.unwrap(), Error::NoModel { model } if model == name);
        // Least of all one that everybody sees.
        assert!(listed(&hub, None).await.is_empty());
        let left = core.repository(Some(alice.caller()), &name).await;
        assert_eq!(left.map(|left| left.latest).ok(), if removed { None } else { Some(None) });
        hub.finish().await;
    }
}
