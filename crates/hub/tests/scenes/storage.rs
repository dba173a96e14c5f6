//! What accounts may keep, what is collected of what they do not, and how often they may change it.

use std::time::UNIX_EPOCH;

use hub::{Bounds, Change, Collected, Error, Storing};
use registry::{Digest, Edit, File, RefName};
use store::{CommitRecord, Quota};
use testkit::{TestHub, User, handle, model, refused};

fn bounded(bounds: Bounds) -> Storing {
    Storing { bounds, ..Storing::default() }
}

async fn hand_in(hub: &TestHub, user: &User, bytes: &[u8]) -> Result<(), Error> {
    let (core, owner) = (hub.hub(), user.account.handle.clone());
    let mut upload = core.upload(user.caller(), &owner, Digest::of(bytes), bytes.len() as u64).await?;
    upload.write(bytes)?;
    upload.finish().await.map(drop)
}

async fn commit(hub: &TestHub, user: &User, name: &str, path: &str, bytes: &[u8]) -> Result<CommitRecord, Error> {
    let file = File { path: path.parse().unwrap(), sha256: Digest::of(bytes), size: bytes.len() as u64 };
    let change = Change {
        model: model(name),
        branch: RefName::main(),
        parent: None,
        edits: vec![Edit::Put(file)],
        title: String::new(),
        message: String::new(),
    };
    hub.hub().commit(user.caller(), change).await
}

async fn keep(hub: &TestHub, user: &User, name: &str, path: &str, bytes: &[u8]) -> Result<CommitRecord, Error> {
    hand_in(hub, user, bytes).await?;
    commit(hub, user, name, path, bytes).await
}

async fn collect(hub: &TestHub) -> (u64, u64) {
    let operator = hub.operator().await;
    let told = hub.hub().collect(&operator, true).await.unwrap();
    let done = hub.hub().collect(&operator, false).await.unwrap();
    assert_eq!(Collected { dry_run: false, ..told }, done, "a dry run tells what a real one does");
    (done.blobs, done.bytes)
}

#[tokio::test]
async fn what_nobody_names_for_a_day_is_collected_and_can_be_handed_in_again() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    hub.hub().create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    keep(&hub, &alice, "alice/echo", "a.bin", b"named").await.unwrap();
    hand_in(&hub, &alice, b"waits").await.unwrap();
    hub.hours_pass(24);
    assert_eq!(collect(&hub).await, (0, 0), "a day is not over");
    hub.hours_pass(1);
    assert_eq!(collect(&hub).await, (1, 5));
    refused!(commit(&hub, &alice, "alice/echo", "b.bin", b"waits").await, Error::NotHandedIn { .. });
    keep(&hub, &alice, "alice/echo", "b.bin", b"waits").await.unwrap();
    hub.hours_pass(100);
    assert_eq!(collect(&hub).await, (0, 0), "now it is named");
    // A model that is removed lets go of its files, and they stay for a day more.
    hub.hub().remove(alice.caller(), &model("alice/echo")).await.unwrap();
    assert_eq!(collect(&hub).await, (0, 0));
    hub.hours_pass(25);
    assert_eq!(collect(&hub).await, (2, 10));
    refused!(hub.hub().collect(alice.caller(), true).await, Error::ScopeMissing { .. });
    let metrics = hub.hub().metrics(&hub.operator().await).await.unwrap();
    assert_eq!((metrics.collection.blobs, metrics.collection.bytes, metrics.collection_held_off), (3, 15, false));
    hub.finish().await;
}

#[tokio::test]
async fn a_release_and_what_was_asked_about_are_not_collected() {
    let hub = TestHub::start().await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await.funded("1").await);
    alice.publish("alice/echo").price("0.002 OPG").await.unwrap();
    hand_in(&hub, &alice, b"waits").await.unwrap();
    hub.hours_pass(20);
    let digest = Digest::of(b"waits");
    assert!(hub.hub().has_upload(alice.caller(), &handle("alice"), digest).await.unwrap());
    hub.hours_pass(20);
    assert_eq!(collect(&hub).await, (0, 0), "its sender has asked whether it is here, and means to use it");
    hub.hours_pass(20);
    assert_eq!(collect(&hub).await, (1, 5));
    assert!(!hub.hub().has_upload(alice.caller(), &handle("alice"), digest).await.unwrap());
    bob.infer("alice/echo").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_file_that_a_killed_hub_left_is_collected_once_it_is_old() {
    let hub = TestHub::start().await;
    let digest = Digest::of(b"left").to_string();
    let folder = hub.folder().join("blobs").join(&digest[..2]);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(&digest);
    std::fs::write(&path, b"left").unwrap();
    let operator = hub.operator().await;
    assert_eq!(hub.hub().collect(&operator, false).await.unwrap().blobs, 0, "it is of this minute");
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
    assert_eq!(hub.hub().collect(&operator, false).await.unwrap().blobs, 1);
    assert!(!path.exists());
    hub.finish().await;
}

#[tokio::test]
async fn an_account_keeps_as_many_bytes_as_it_may_each_content_once() {
    let hub = TestHub::set().storing(bounded(Bounds { bytes: 10, ..Bounds::USUAL })).start().await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
    for name in ["alice/one", "alice/two"] {
        hub.hub().create(alice.caller(), &model(name), false).await.unwrap();
        keep(&hub, &alice, name, "a.bin", b"hello").await.unwrap();
    }
    let view = hub.hub().quota(alice.caller()).await.unwrap();
    assert_eq!((view.usage.named_bytes, view.usage.waiting_bytes, view.usage.models), (5, 0, 2));
    refused!(hand_in(&hub, &alice, b"world!").await, Error::OverQuota { wanted: 6, used: 5, bound: 10, .. });
    hand_in(&hub, &alice, b"world").await.unwrap();
    hand_in(&hub, &alice, b"hello").await.unwrap();
    refused!(hand_in(&hub, &alice, b"x").await, Error::OverQuota { used: 10, .. });
    hand_in(&hub, &bob, b"howdy").await.unwrap();
    // A file without a size beforehand is stopped where it goes over.
    hub.hub().create(bob.caller(), &model("bob/echo"), false).await.unwrap();
    let mut upload = hub.hub().upload_to(bob.caller(), &model("bob/echo")).await.unwrap();
    upload.write(b"five5").unwrap();
    refused!(upload.write(b"6"), Error::OverQuota { wanted: 6, used: 5, bound: 10, .. });
    drop(upload);
    // What nobody names any more makes room once it is collected.
    hub.hours_pass(25);
    assert_eq!(collect(&hub).await, (2, 10), "what neither of them has named");
    hand_in(&hub, &alice, b"other").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn uploads_at_the_same_time_do_not_slip_through_together() {
    let hub = TestHub::set().storing(bounded(Bounds { bytes: 10, ..Bounds::USUAL })).start().await;
    let alice = hub.user("alice").await;
    let (core, owner) = (hub.hub(), handle("alice"));
    let begin = |bytes: &'static [u8]| core.upload(alice.caller(), &owner, Digest::of(bytes), bytes.len() as u64);
    let first = begin(b"123456").await.unwrap();
    refused!(begin(b"abcdef").await, Error::OverQuota { used: 6, .. });
    let second = begin(b"abcd").await.unwrap();
    drop(second);
    begin(b"wxyz").await.unwrap();
    // Cut off, it waits as a half and counts; who goes on with it needs no more room.
    let mut first = first;
    first.write(b"123").unwrap();
    drop(first);
    assert_eq!(core.quota(alice.caller()).await.unwrap().half_bytes, 3);
    refused!(begin(b"12345678").await, Error::OverQuota { used: 3, .. });
    let mut rest = core.upload_from(alice.caller(), &owner, Digest::of(b"123456"), 6, 3).await.unwrap();
    rest.write(b"456").unwrap();
    rest.finish().await.unwrap();
    refused!(begin(b"abcde").await, Error::OverQuota { used: 6, .. });
    hub.finish().await;
}

#[tokio::test]
async fn the_operator_gives_an_account_bounds_of_its_own() {
    let hub = TestHub::set().storing(bounded(Bounds { bytes: 4, models: 1, ..Bounds::USUAL })).start().await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
    let operator = hub.operator().await;
    let core = hub.hub();
    refused!(hand_in(&hub, &alice, b"hello").await, Error::OverQuota { .. });
    let more = Quota { bytes: Some(5), ..Quota::default() };
    let view = core.set_quota(&operator, &handle("alice"), more).await.unwrap();
    assert_eq!((view.bounds.bytes, view.bounds.models, view.own), (5, 1, more));
    hand_in(&hub, &alice, b"hello").await.unwrap();
    refused!(hand_in(&hub, &bob, b"hello").await, Error::OverQuota { bound: 4, .. });

    core.create(alice.caller(), &model("alice/one"), false).await.unwrap();
    refused!(
        core.create(alice.caller(), &model("alice/two"), false).await,
        Error::ManyModels { count: 1, bound: 1, .. }
    );
    refused!(alice.publish("alice/two").price("0.002 OPG").await, Error::OverQuota { .. } | Error::ManyModels { .. });
    refused!(core.set_quota(alice.caller(), &handle("alice"), more).await, Error::ScopeMissing { .. });
    refused!(core.quota_of(bob.caller(), &handle("alice")).await, Error::NotInGroup { .. });
    refused!(core.set_quota(&operator, &handle("nobody"), more).await, Error::NoAccount { .. });
    hub.restart().await;
    assert_eq!(hub.hub().quota_of(&operator, &handle("alice")).await.unwrap().own, more);
    hub.finish().await;
}

#[tokio::test]
async fn a_model_changes_so_often_in_an_hour_and_the_same_again_is_no_change() {
    let bounds = Bounds { commits_per_hour: 2, commits_per_day: 3, ..Bounds::USUAL };
    let hub = TestHub::set().storing(bounded(bounds)).start().await;
    let alice = hub.user("alice").await;
    hub.hub().create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    keep(&hub, &alice, "alice/echo", "a.bin", b"1").await.unwrap();
    hub.clock().advance_ms(600_000);
    keep(&hub, &alice, "alice/echo", "a.bin", b"2").await.unwrap();
    keep(&hub, &alice, "alice/echo", "a.bin", b"2").await.unwrap();
    let refused = keep(&hub, &alice, "alice/echo", "a.bin", b"3").await;
    let wait = refused!(refused, Error::ManyCommits { count: 2, over: "an hour", bound: 2, wait_s, .. } => wait_s);
    assert_eq!(wait, 3_000, "then the first is an hour old");
    hub.clock().advance_ms(3_000_000);
    keep(&hub, &alice, "alice/echo", "a.bin", b"3").await.unwrap();
    hub.hours_pass(2);
    let refused = keep(&hub, &alice, "alice/echo", "a.bin", b"4").await;
    refused!(refused, Error::ManyCommits { count: 3, over: "a day", bound: 3, .. });
    hub.hours_pass(22);
    keep(&hub, &alice, "alice/echo", "a.bin", b"4").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_hub_that_collects_never_keeps_everything() {
    let hub = TestHub::set().storing(Storing { grace_ms: None, ..Storing::default() }).start().await;
    let alice = hub.user("alice").await;
    hand_in(&hub, &alice, b"waits").await.unwrap();
    hub.hours_pass(10_000);
    hub.restart().await;
    assert!(hub.hub().has_upload(alice.caller(), &handle("alice"), Digest::of(b"waits")).await.unwrap());
    hub.finish().await;
}
