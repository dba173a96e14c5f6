//! A hub whose models lie in a bucket, on a real server that speaks as S3 does: `cargo xtask test` brings one, names it in
//! `MODELHUB_TEST_S3` and its keys where a hub looks for them, and runs what is ignored here.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use whole::{Hub, modelhub, request};

const PRICE: &str = "  price: { per_call: \"0.002 OPG\" }";
const BODY: &str = r#"{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}"#;

fn endpoint() -> String {
    std::env::var("MODELHUB_TEST_S3").expect("cargo xtask test names the server")
}

fn settings(place: &str) -> String {
    format!("blobs = \"{place}\"\ns3_endpoint = \"{}\"\n", endpoint())
}

/// `modelhub ARGS --json`, which succeeds.
fn run(args: &[&str]) -> Value {
    let output = Command::new(modelhub()).args(args).arg("--json").output().expect("it starts");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error} in {said}"))
}

/// `modelhub ARGS`, which fails. Gives what it says.
fn fails(args: &[&str]) -> String {
    let output = Command::new(modelhub()).args(args).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}

#[test]
#[ignore = "needs a server that speaks as S3 does; cargo xtask test brings one"]
fn s3_a_hub_publishes_runs_serves_starts_again_and_is_restored_with_its_models_in_a_bucket() {
    let place = format!("s3://hub/whole/{}", std::process::id());
    let mut hub = Hub::with_settings(&settings(&place));
    let data = hub.data();
    let folder = data.to_str().expect("a plain path").to_owned();
    let alice = hub.account("alice");
    hub.admin(&["deposit", "alice", "1", "--reference", "bucket"]);
    hub.publish(&alice, "alice/iris", "scaler.onnx", PRICE);
    assert_eq!(hub.infer(&alice, "alice/iris", BODY).status, 200);
    assert_eq!(files(&data.join("blobs")), [data.join("blobs/lock")], "no model's file stays in the folder");

    let model = fs::read(whole::fixture("scaler.onnx")).expect("the fixture is there");
    let bearer = format!("Bearer {alice}");
    let download = |hub: &Hub, range: &str| {
        let headers = [("Authorization", bearer.as_str()), ("Range", range)];
        request(&hub.url, "GET", "/alice/iris/resolve/main/model.onnx", &headers, b"").expect("the hub answers")
    };
    let part = download(&hub, "bytes=10-99");
    assert_eq!((part.status, &part.body[..]), (206, &model[10..100]));
    assert_eq!(download(&hub, "bytes=0-").body, model);

    hub.kill();
    // All that is here is a copy.
    fs::remove_dir_all(data.join("cache")).expect("engines had files there");
    hub.start_again();
    assert_eq!(hub.infer(&alice, "alice/iris", BODY).status, 200, "it is brought here once more");
    assert_eq!(files(&data.join("cache")).len(), 1);
    assert_eq!(download(&hub, &format!("bytes={}-", model.len() - 7)).body, model[model.len() - 7..]);

    let found = run(&["fsck", "--deep", "--data", &folder]);
    assert_eq!(found["in_order"], true, "{found}");
    assert!(
        found["named_blobs"].as_u64() >= Some(2) && found["read_bytes"].as_u64() > Some(model.len() as u64),
        "{found}"
    );
    let found = run(&["audit", "--deep", "--data", &folder]);
    assert!(found["in_order"] == true && found["deep"]["blobs"].as_u64() >= Some(2), "{found}");

    let backup = hub.home().join("backup");
    let made = run(&["backup", backup.to_str().expect("a plain path"), "--data", &folder]);
    assert!(made["models_in"] == place.as_str() && made["new_models_files"] == 0, "{made}");
    assert!(files(&backup.join("blobs")).is_empty(), "they stay where they are");
    run(&["fsck", "--deep", "--data", backup.to_str().expect("a plain path")]);
    hub.kill();
    let restored = Hub::restored(&backup);
    assert_eq!(restored.infer(&alice, "alice/iris", BODY).status, 200);
    let (in_order, said) = restored.audit();
    assert!(in_order, "{said}");

    let secret = std::env::var("AWS_SECRET_ACCESS_KEY").expect("cargo xtask test names it");
    for file in files(hub.home()) {
        let bytes = fs::read(&file).unwrap_or_default();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{} has the bucket's key", file.display());
    }
}

#[test]
#[ignore = "needs a server that speaks as S3 does; cargo xtask test brings one"]
fn s3_a_hub_keeps_to_where_its_models_were_begun() {
    let place = format!("s3://hub/begun/{}", std::process::id());
    let mut hub = Hub::with_settings(&settings(&place));
    let folder = hub.data().to_str().expect("a plain path").to_owned();
    hub.kill();
    fs::remove_file(hub.data().join("modelhub.toml")).expect("it was written");
    let said = fails(&["serve", "--data", &folder]);
    assert!(said.contains(&format!("start it with --blobs {place}")), "{said}");
    let said = fails(&["serve", "--data", &folder, "--blobs", "s3://hub/other", "--s3-endpoint", &endpoint()]);
    assert!(said.contains("s3://hub/other") && said.contains(&place), "{said}");

    // The place is taken, whoever else asks for it.
    let other = hub.home().join("other");
    let other = other.to_str().expect("a plain path");
    let said = fails(&["serve", "--data", other, "--blobs", &place, "--s3-endpoint", &endpoint()]);
    assert!(said.contains("another hub"), "{said}");
    // Nobody listens there.
    let said = fails(&["serve", "--data", other, "--blobs", "s3://nowhere", "--s3-endpoint", "http://127.0.0.1:9"]);
    assert!(said.contains("s3://nowhere") && said.contains("hint: the bucket has to be there"), "{said}");
    // What came to nothing binds nobody.
    let mut begun = Hub::start();
    let folder = begun.data().to_str().expect("a plain path").to_owned();
    begun.kill();
    let said = fails(&["serve", "--data", &folder, "--blobs", &place, "--s3-endpoint", &endpoint()]);
    assert!(said.contains("start it without --blobs"), "{said}");
}
