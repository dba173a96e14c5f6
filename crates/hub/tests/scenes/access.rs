//! Gated weights: asked for, let out, taken back.

use std::io::Read;

use hub::{AccessStatus, Asker, Error, KeyWish, Limits, MemberRole};
use registry::{Access, Handle, ModelName, Revision};
use store::{AccountKind, Scope};
use testkit::{TestHub, User, fixtures, handle, model, refused};

fn name() -> ModelName {
    model("acme/echo")
}

/// acme's gated model, and those around it: carol reads there, dave writes; bob is nobody there.
struct Gated {
    acme: User,
    carol: User,
    dave: User,
    bob: User,
}

async fn gated(hub: &TestHub) -> Gated {
    let acme = hub.account("acme", AccountKind::Org).await;
    let [bob, carol, dave] = [hub.user("bob").await, hub.user("carol").await, hub.user("dave").await];
    acme.publish("acme/echo").access(Access::Gated).await.unwrap();
    hub.join_as(&carol, &acme, MemberRole::Reader).await;
    hub.join_as(&dave, &acme, MemberRole::Writer).await;
    Gated { acme, bob, carol: carol.again().await.unwrap(), dave: dave.again().await.unwrap() }
}

/// Opens the weights; the error says how far a request got.
async fn open(hub: &TestHub, viewer: Option<&User>) -> Result<(), Error> {
    let (core, caller) = (hub.hub(), viewer.map(User::caller));
    let snapshot = core.snapshot(caller, &name(), &Revision::main()).await?;
    let mut bytes = Vec::new();
    core.open(caller, &snapshot, "model.onnx").await?.content.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, fixtures::ECHO);
    Ok(())
}

async fn decide(hub: &TestHub, by: &User, who: &str, status: AccessStatus, why: Option<&str>) -> Result<(), Error> {
    let asker = Asker::Account(handle(who));
    hub.hub().decide_access(by.caller(), &name(), &asker, status, why).await.map(drop)
}

async fn listed(hub: &TestHub, by: &User, status: AccessStatus) -> Vec<Handle> {
    let found = hub.hub().access_requests(by.caller(), &name(), status, None, 9).await.unwrap();
    found.into_iter().map(|request| request.account.handle).collect()
}

#[tokio::test]
async fn weights_are_read_once_their_owner_says_so_and_until_it_does_not() {
    let hub = TestHub::start().await;
    let Gated { acme, carol, dave, bob } = gated(&hub).await;
    let core = hub.hub();
    open(&hub, Some(&acme)).await.unwrap();
    open(&hub, Some(&dave)).await.unwrap();
    for viewer in [None, Some(&bob), Some(&carol), Some(&bob.as_operator().await)] {
        refused!(open(&hub, viewer).await, Error::NotAdmitted { status: None, .. });
    }
    let asked = core.request_access(bob.caller(), &name(), " for my thesis \n").await.unwrap();
    assert_eq!(
        (asked.status, asked.message.as_str(), asked.decider.clone()),
        (AccessStatus::Pending, "for my thesis", None)
    );
    let again = core.request_access(bob.caller(), &name(), "now").await.unwrap();
    assert_eq!(again, asked, "one account asks once");
    refused!(open(&hub, Some(&bob)).await, Error::NotAdmitted { status: Some(AccessStatus::Pending), .. });

    // Readers do not decide, nor do strangers, nor whoever asks.
    refused!(decide(&hub, &carol, "bob", AccessStatus::Accepted, None).await, Error::RoleTooLow { .. });
    refused!(decide(&hub, &bob, "bob", AccessStatus::Accepted, None).await, Error::NotInGroup { .. });
    refused!(core.grant_access(bob.caller(), &name(), &handle("bob")).await, Error::NotInGroup { .. });
    refused!(
        core.access_requests(carol.caller(), &name(), AccessStatus::Pending, None, 9).await,
        Error::RoleTooLow { .. }
    );
    refused!(core.access_of(carol.caller(), &name(), &handle("bob")).await, Error::RoleTooLow { .. });

    decide(&hub, &dave, "bob", AccessStatus::Accepted, None).await.unwrap();
    open(&hub, Some(&bob)).await.unwrap();
    refused!(open(&hub, None).await, Error::NotAdmitted { .. });
    let told = core.access_of(bob.caller(), &name(), &handle("bob")).await.unwrap();
    assert_eq!((told.status, told.decider), (AccessStatus::Accepted, Some(handle("dave"))));
    assert_eq!(listed(&hub, &dave, AccessStatus::Accepted).await, [handle("bob")]);
    refused!(
        decide(&hub, &acme, "bob", AccessStatus::Accepted, None).await,
        Error::NoAccessRequest { status: Some(AccessStatus::Accepted), .. }
    );

    decide(&hub, &acme, "bob", AccessStatus::Rejected, Some("it was for a week")).await.unwrap();
    refused!(open(&hub, Some(&bob)).await, Error::NotAdmitted { status: Some(AccessStatus::Rejected), .. });
    let told = core.request_access(bob.caller(), &name(), "please").await.unwrap();
    assert_eq!((told.status, told.reason.as_deref()), (AccessStatus::Rejected, Some("it was for a week")));
    refused!(core.remove_access(bob.caller(), &name(), &handle("bob")).await, Error::NoAccessRequest { .. });
    // Its owner lets it be asked for anew.
    core.remove_access(dave.caller(), &name(), &handle("bob")).await.unwrap();
    assert_eq!(core.request_access(bob.caller(), &name(), "").await.unwrap().status, AccessStatus::Pending);
    core.remove_access(bob.caller(), &name(), &handle("bob")).await.unwrap();
    refused!(core.access_of(bob.caller(), &name(), &handle("bob")).await, Error::NoAccessRequest { status: None, .. });
    hub.finish().await;
}

#[tokio::test]
async fn access_counts_while_the_model_is_gated_and_sealed_weights_are_nobodys() {
    let hub = TestHub::start().await;
    let Gated { acme, bob, .. } = gated(&hub).await;
    let core = hub.hub();
    let granted = core.grant_access(acme.caller(), &name(), &handle("bob")).await.unwrap();
    assert_eq!((granted.status, granted.message.as_str()), (AccessStatus::Accepted, ""));
    refused!(core.grant_access(acme.caller(), &name(), &handle("bob")).await, Error::AdmittedAlready { .. });
    open(&hub, Some(&bob)).await.unwrap();

    core.set_access(acme.caller(), &name(), Access::Sealed).await.unwrap();
    refused!(open(&hub, Some(&bob)).await, Error::Sealed { .. });
    for access in [Access::Sealed, Access::Open] {
        core.set_access(acme.caller(), &name(), access).await.unwrap();
        let carol = hub.user(&format!("carol-{access}")).await;
        refused!(core.request_access(carol.caller(), &name(), "").await, Error::NotGated { .. });
        refused!(core.grant_access(acme.caller(), &name(), &carol.account.handle).await, Error::NotGated { .. });
    }
    open(&hub, None).await.unwrap();
    core.set_access(acme.caller(), &name(), Access::Gated).await.unwrap();
    open(&hub, Some(&bob)).await.unwrap();
    refused!(open(&hub, None).await, Error::NotAdmitted { .. });

    // What is private is not there, whoever was let in before.
    core.set_private(acme.caller(), &name(), true).await.unwrap();
    refused!(open(&hub, Some(&bob)).await, Error::NoModel { .. });
    refused!(core.request_access(bob.caller(), &name(), "").await, Error::NoModel { .. });
    hub.finish().await;
}

#[tokio::test]
async fn a_model_may_let_in_whoever_asks() {
    let hub = TestHub::start().await;
    let Gated { acme, carol, dave, bob } = gated(&hub).await;
    let core = hub.hub();
    for user in [&carol, &dave] {
        refused!(core.set_automatic(user.caller(), &name(), true).await, Error::RoleTooLow { .. });
    }
    assert!(core.set_automatic(acme.caller(), &name(), true).await.unwrap().automatic);
    refused!(open(&hub, Some(&bob)).await, Error::NotAdmitted { status: None, .. });
    let asked = core.request_access(bob.caller(), &name(), "").await.unwrap();
    assert_eq!((asked.status, asked.decider), (AccessStatus::Accepted, None));
    open(&hub, Some(&bob)).await.unwrap();
    // Whoever reads it already has nothing to ask for.
    refused!(core.request_access(dave.caller(), &name(), "").await, Error::AdmittedAlready { .. });
    core.request_access(carol.caller(), &name(), "").await.unwrap();
    open(&hub, Some(&carol)).await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn requests_are_bounded_and_what_is_wrong_with_one_is_told() {
    let hub = TestHub::start().await;
    let Gated { acme, bob, .. } = gated(&hub).await;
    let core = hub.hub();
    let long = "x".repeat(4_001);
    refused!(core.request_access(bob.caller(), &name(), &long).await, Error::Invalid { what: "message", .. });
    refused!(core.request_access(bob.caller(), &model("acme/none"), "").await, Error::NoModel { .. });
    refused!(
        decide(&hub, &acme, "bob", AccessStatus::Accepted, None).await,
        Error::NoAccessRequest { status: None, .. }
    );
    refused!(decide(&hub, &acme, "nobody", AccessStatus::Accepted, None).await, Error::NoAccessRequest { .. });
    refused!(core.grant_access(acme.caller(), &name(), &handle("nobody")).await, Error::NoAccount { .. });
    let asked = core.request_access(bob.caller(), &name(), "").await.unwrap();
    let long = decide(&hub, &acme, "bob", AccessStatus::Rejected, Some(&long)).await;
    refused!(long, Error::Invalid { what: "reason", .. });
    let other = Asker::Request([7; 16]);
    let refused = core.decide_access(acme.caller(), &name(), &other, AccessStatus::Accepted, None).await;
    refused!(refused, Error::NoAccessRequest { status: None, .. });
    let by_id = Asker::Request(asked.id);
    core.decide_access(acme.caller(), &name(), &by_id, AccessStatus::Accepted, None).await.unwrap();

    // A key reads with the scope for it, and where it is for single models, of this one.
    let wish = |scope, models: &[&str]| KeyWish {
        name: String::new(),
        scopes: vec![scope],
        models: Some(models.iter().map(|name| model(name)).collect()),
        limits: Limits::default(),
        rate: None,
        expires_in_days: None,
    };
    open(&hub, Some(&bob.with_key(wish(Scope::Read, &["acme/echo"])).await.unwrap())).await.unwrap();
    for (scope, models) in [(Scope::Read, "bob/other"), (Scope::Call, "acme/echo")] {
        let key = bob.with_key(wish(scope, &[models])).await.unwrap();
        refused!(open(&hub, Some(&key)).await, Error::NotAdmitted { .. });
        assert!(core.request_access(key.caller(), &name(), "").await.is_err());
    }
    hub.finish().await;
}
