//! Files on their way to a hub, from a hub and from one hub to another, over connections that break.

use std::fs;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use whole::{Hub, fixture, modelhub, request, until};

const MIB: u64 = 1024 * 1024;
const PRICE: &str = "  price: { per_call: \"0.002 OPG\" }";

/// `modelhub` against this address, with a cache of its own.
fn command(url: &str, key: &str, home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(modelhub());
    command.args(args).arg("--json").env("MODELHUB_URL", url).env("MODELHUB_KEY", key);
    command.env("XDG_CACHE_HOME", home.join("cache")).env_remove("HF_TOKEN").env_remove("HF_ENDPOINT");
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn succeeds(mut command: Command) -> Value {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error} in {}", said(&output)))
}

fn fails(mut command: Command, with: &str) {
    let output = command.output().expect("it starts");
    assert!(output.status.code() == Some(1) && said(&output).contains(with), "{command:?}: {}", said(&output));
}

/// A model with a large file beside it that nobody can pack or guess.
fn large(home: &Path, bytes: u64) -> PathBuf {
    let folder = home.join("large");
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(fixture("scaler.onnx"), folder.join("model.onnx")).expect("the fixture is there");
    let mut file = fs::File::create(folder.join("data.txt")).expect("a file");
    let mut state = 88172645463325252_u64;
    for _ in 0..bytes / MIB {
        let mut piece = Vec::with_capacity(MIB as usize);
        while piece.len() < MIB as usize {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            piece.extend_from_slice(&state.to_le_bytes());
        }
        file.write_all(&piece).expect("it is written");
    }
    folder
}

/// Stands between a client and a hub, counts what passes and breaks the connections once, when so much has passed.
struct Line {
    url: String,
    /// Where the hub is; a hub that starts again may be elsewhere.
    hub: Arc<Mutex<String>>,
    passed: Arc<AtomicU64>,
    broke: Receiver<()>,
    mended: Sender<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToTheHub,
    FromTheHub,
}

impl Line {
    /// Breaks after this many bytes, and stays broken until it is mended.
    fn to(hub: &str, direction: Direction, limit: u64) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (hub, passed) = (Arc::new(Mutex::new(hub.to_owned())), Arc::new(AtomicU64::new(0)));
        let (say, broke) = channel();
        let (mended, wait) = channel();
        let line = Line { url, hub: hub.clone(), passed: passed.clone(), broke, mended };
        let (say, wait) = (Arc::new(Mutex::new(say)), Arc::new(Mutex::new(wait)));
        let broken = Arc::new(AtomicBool::new(false));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let address = hub.lock().expect("no panic").trim_start_matches("http://").to_owned();
                // A hub that is not there hangs up.
                let Ok(server) = TcpStream::connect(address) else { continue };
                let ways = [(Direction::ToTheHub, &client, &server), (Direction::FromTheHub, &server, &client)];
                for (way, from, to) in ways {
                    let (mut from, mut to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                    let counted = (way == direction).then(|| passed.clone());
                    let (broken, say, wait) = (broken.clone(), say.clone(), wait.clone());
                    thread::spawn(move || {
                        let mut piece = vec![0; 64 * 1024];
                        while let Ok(size @ 1..) = from.read(&mut piece) {
                            if to.write_all(&piece[..size]).is_err() {
                                break;
                            }
                            let Some(passed) = &counted else { continue };
                            let all = passed.fetch_add(size as u64, Ordering::Relaxed) + size as u64;
                            if all > limit && !broken.swap(true, Ordering::Relaxed) {
                                say.lock().expect("no panic").send(()).expect("the test waits");
                                wait.lock().expect("no panic").recv().expect("the test mends it");
                                break;
                            }
                        }
                        let _ = from.shutdown(Shutdown::Both);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        line
    }

    fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// How many bytes wait among a hub's temporary files.
fn waiting(hub: &Hub) -> u64 {
    let files = fs::read_dir(hub.data().join("blobs/tmp")).expect("a folder").flatten();
    files.filter_map(|file| file.metadata().ok()).map(|found| found.len()).max().unwrap_or(0)
}

#[test]
fn an_upload_goes_on_where_it_was_after_a_cut_and_after_the_hub_was_killed() {
    let mut hub = Hub::start();
    let alice = hub.account("alice");
    let folder = large(hub.home(), 24 * MIB);
    let home = hub.home().to_owned();
    let publish = |url: &str, name: &str| {
        command(url, &alice, &home, &["publish", folder.to_str().expect("a plain path"), name, "--price", "0.001 OPG"])
    };
    let line = Line::to(&hub.url, Direction::ToTheHub, 12 * MIB);
    let publishing = start(publish(&line.url, "alice/large"));
    line.broke.recv().expect("it breaks");
    until("the hub has written some of it", || waiting(&hub) >= 8 * MIB);
    hub.kill();
    hub.start_again();
    line.hub.lock().expect("no panic").clone_from(&hub.url);
    line.mended.send(()).expect("it waits");
    let ended = publishing.wait_with_output().expect("it ends");
    assert!(ended.status.success(), "{}", said(&ended));
    assert!(line.passed() < (24 + 5) * MIB, "{} bytes were sent for 24 MiB", line.passed());
    assert_eq!(hub.get("/v2/models/alice/large", "").json()["release"], "1.00");
    assert_eq!(waiting(&hub), 0, "nothing is left of it");

    // What is there is not sent again, under no other name either.
    let line = Line::to(&hub.url, Direction::ToTheHub, u64::MAX);
    succeeds(publish(&line.url, "alice/twin"));
    assert!(line.passed() < MIB, "{} bytes were sent again", line.passed());
}

#[test]
fn a_pull_goes_on_where_it_was_and_leaves_what_is_sealed() {
    let hub = Hub::start();
    let (alice, bob) = (hub.account("alice"), hub.account("bob"));
    let folder = large(hub.home(), 24 * MIB);
    let path = folder.to_str().expect("a plain path");
    let terms = ["--price", "0.001 OPG", "--access", "open"];
    succeeds(command(&hub.url, &alice, hub.home(), &[&["publish", path, "alice/large"][..], &terms].concat()));
    let line = Line::to(&hub.url, Direction::FromTheHub, 12 * MIB);
    let to = hub.home().join("pulled");
    let pull = |url: &str, key: &str, model: &str| {
        command(url, key, hub.home(), &["pull", model, to.to_str().expect("a plain path")])
    };
    let pulling = start(pull(&line.url, &bob, "alice/large@1.00"));
    line.broke.recv().expect("it breaks");
    line.mended.send(()).expect("it waits");
    let ended = pulling.wait_with_output().expect("it ends");
    assert!(ended.status.success(), "{}", said(&ended));
    assert!(line.passed() < (24 + 5) * MIB, "{} bytes came for 24 MiB", line.passed());
    for file in ["data.txt", "model.onnx"] {
        let (there, here) = (fs::read(folder.join(file)), fs::read(to.join(file)));
        assert!(there.expect("it was there") == here.expect("it is here"), "{file}");
    }
    assert!(!to.join(".modelhub").exists(), "no half is left");

    fs::write(to.join("model.onnx"), "spoiled").expect("a file");
    let again = succeeds(pull(&hub.url, &bob, "alice/large"));
    let state = |told: &Value, path: &str| {
        let files = told["files"].as_array().expect("files");
        files.iter().find(|file| file["path"] == path).map(|file| file["state"].clone()).unwrap_or_default()
    };
    assert_eq!((state(&again, "data.txt"), state(&again, "model.onnx")), (json!("there"), json!("fetched")));

    hub.publish(&alice, "alice/iris", "scaler.onnx", PRICE);
    let to = hub.home().join("iris");
    let pull = |key: &str| command(&hub.url, key, hub.home(), &["pull", "alice/iris", to.to_str().expect("plain")]);
    let sealed = succeeds(pull(&bob));
    assert_eq!((state(&sealed, "README.md"), state(&sealed, "model.onnx")), (json!("fetched"), json!("sealed")));
    assert!(to.join("README.md").is_file() && !to.join("model.onnx").exists());
    assert_eq!(state(&succeeds(pull(&alice)), "model.onnx"), "fetched", "its owner reads it");
    fails(command(&hub.url, &bob, hub.home(), &["pull", "alice/nothing"]), "alice/nothing");
}

#[test]
fn a_model_moves_from_one_hub_to_another_with_card_and_licence() {
    let (here, there) = (Hub::start(), Hub::start());
    let (alice, carol) = (there.account("alice"), here.account("carol"));
    there.publish(&alice, "alice/iris", "scaler.onnx", &format!("{PRICE}\n  access: open"));
    there.publish(&alice, "alice/secret", "scaler.onnx", PRICE);
    let import = |args: &[&str], token: &str| {
        let mut import = command(&here.url, &carol, here.home(), &[&["import"], args].concat());
        if !token.is_empty() {
            import.env("HF_TOKEN", token);
        }
        import.args(["--from", &there.url]);
        import
    };
    let imported = succeeds(import(&["hf:alice/iris"], ""));
    assert_eq!((&imported["model"], &imported["release"]), (&json!("carol/iris"), &json!("1.00")));
    let told = here.get("/api/models/carol/iris", "").json();
    assert_eq!(told["cardData"]["license"], "apache-2.0");
    let card = |hub: &Hub, model: &str| hub.get(&format!("/{model}/resolve/main/README.md"), "").body;
    assert!(card(&here, "carol/iris") == card(&there, "alice/iris"), "the card is the same, byte for byte");
    let same = succeeds(import(&["hf:alice/iris@1.00", "carol/iris"], ""));
    assert_eq!((&same["change"], &same["sealed"]), (&json!("same"), &json!(false)));

    fails(import(&["hf:alice/secret"], ""), "model.onnx is not given to us");
    succeeds(import(&["hf:alice/secret"], &alice));
    assert_eq!(here.get("/v2/models/carol/secret", "").status, 200);

    let folder = large(there.home(), MIB);
    let path = folder.to_str().expect("a plain path");
    let terms = ["--price", "1 OPG", "--access", "open"];
    succeeds(command(&there.url, &alice, there.home(), &[&["publish", path, "alice/bare"][..], &terms].concat()));
    fails(import(&["hf:alice/bare"], ""), "its card names no price");
    fails(import(&["hf:alice/bare", "--price", "0.5 OPG", "--max-bytes", "1000"], ""), "above --max-bytes 1000");
    let bare = succeeds(import(&["hf:alice/bare", "--price", "0.5 OPG", "--only", "*.onnx"], ""));
    assert_eq!((&bare["model"], &bare["price"]), (&json!("carol/bare"), &json!("0.5 OPG per call")));
    let files = here.get("/api/models/carol/bare", "").json()["siblings"].clone();
    assert_eq!(files, json!([{"rfilename": "model.onnx"}]), "what was not asked for stayed there");
}

/// A server that answers each request as it is told, and notes its head.
fn server(answer: impl Fn(&str) -> (String, Vec<u8>) + Send + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let heads = Arc::new(Mutex::new(Vec::new()));
    let noted = heads.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|size| size > 2) {}
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            noted.lock().expect("no panic").push(head.to_ascii_lowercase());
            let (first, body) = answer(&path);
            let mut stream = stream;
            let head = format!("HTTP/1.1 {first}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            // A client that has seen enough may have gone.
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    (url, heads)
}

/// The name that git gives to `abc`.
const ABC: &str = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f";

fn info(siblings: &Value) -> Vec<u8> {
    json!({"id": "a/b", "sha": "0".repeat(40), "siblings": siblings}).to_string().into_bytes()
}

#[test]
fn a_hub_that_lies_gets_neither_the_token_nor_out_of_the_folder() {
    let hub = Hub::start();
    let carol = hub.account("carol");
    let import = |from: &str| {
        let mut import = command(&hub.url, &carol, hub.home(), &["import", "hf:a/b", "--price", "1 OPG"]);
        import.args(["--from", from]).env("HF_TOKEN", "secret-token");
        import
    };
    // The bytes lie elsewhere, as they do on the public hub: they are fetched, and the token stays.
    let (elsewhere, heads) = server(|_| ("200 OK".to_owned(), b"abc".to_vec()));
    let siblings = json!([{"rfilename": "model.onnx", "size": 3, "blobId": ABC}]);
    let (listed, to) = (siblings.clone(), elsewhere.clone());
    let (redirecting, asked) = server(move |path| {
        if path.starts_with("/api/") {
            return ("200 OK".to_owned(), info(&listed));
        }
        (format!("302 Found\r\nLocation: {to}/blob"), Vec::new())
    });
    // Three bytes are no model, and that it is the hub who says so shows that they arrived.
    fails(import(&redirecting), "publish_refused");
    assert!(asked.lock().expect("no panic").iter().all(|head| head.contains("authorization: bearer secret-token")));
    let heads = heads.lock().expect("no panic").clone();
    assert!(!heads.is_empty() && heads.iter().all(|head| !head.contains("secret-token") && !head.contains(&carol)));

    // Other bytes than those it named.
    let (lying, _) = server(move |path| {
        let body = if path.starts_with("/api/") { info(&siblings) } else { b"abd".to_vec() };
        ("200 OK".to_owned(), body)
    });
    fails(import(&lying), "what came is not what the hub announced");

    for path in ["../evil", "/etc/evil", "a/../../evil", ".modelhub/evil"] {
        let siblings = json!([{"rfilename": path, "size": 3, "blobId": ABC}]);
        let (climbing, _) = server(move |_| ("200 OK".to_owned(), info(&siblings)));
        let to = hub.home().join("deep/er");
        fails(import(&climbing), "error: ");
        fails(command(&climbing, "", hub.home(), &["pull", "a-b/c", to.to_str().expect("a plain path")]), "error: ");
        assert!(!hub.home().join("deep/evil").exists() && !hub.home().join("evil").exists(), "{path}");
    }
    let many: Vec<Value> = (0..10_001).map(|n| json!({"rfilename": n.to_string(), "size": 3, "blobId": ABC})).collect();
    let (endless, _) = server(move |_| ("200 OK".to_owned(), info(&json!(many))));
    fails(import(&endless), "at most 10000 are taken");
    let (circling, _) = server(|path| (format!("302 Found\r\nLocation: {path}"), Vec::new()));
    fails(import(&circling), "error: ");
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[test]
fn what_was_pushed_becomes_a_release_by_hand() {
    let hub = Hub::start();
    let alice = hub.account("alice");
    let bearer = format!("Bearer {alice}");
    let post = |path: &str, body: &str| {
        let answer = hub.post(path, &[("Authorization", &bearer)], body).expect("the hub answers");
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
    };
    let push = |files: &[(&str, &[u8])]| {
        let mut lines = json!({"key": "header", "value": {"summary": "a push"}}).to_string();
        for (path, bytes) in files {
            let value = json!({"path": path, "content": base64(bytes), "encoding": "base64"});
            lines += &format!("\n{}", json!({"key": "file", "value": value}));
        }
        post("/api/models/alice/iris/commit/main", &lines);
    };
    post("/api/repos/create", r#"{"name": "iris"}"#);
    let cli = |args: &[&str]| command(&hub.url, &alice, hub.home(), &[&["release", "alice/iris"], args].concat());
    push(&[
        ("model.onnx", &fs::read(fixture("scaler.onnx")).expect("the fixture is there")),
        ("README.md", b"# Iris\n"),
    ]);
    assert_eq!(succeeds(cli(&["--status"])), json!({"model": "alice/iris", "draft": null}));
    fails(cli(&[]), "no price");
    let tried = succeeds(cli(&["--price", "0.001 OPG", "--dry-run"]));
    assert_eq!((&tried["release"], &tried["sealed"]), (&json!("1.00"), &json!(false)));
    assert_eq!(hub.get("/v2/models/alice/iris", "").status, 404);
    let released = succeeds(cli(&["--price", "0.001 OPG", "--revision", "refs/heads/main", "--release", "1.00"]));
    assert_eq!((&released["release"], &released["sealed"]), (&json!("1.00"), &json!(true)));
    assert!(
        released["verdicts"].as_array().is_some_and(|verdicts| verdicts.iter().any(|one| one["step"] == "dry run"))
    );
    push(&[("README.md", b"---\nmodelhub: { price: { per_call: \"-1 OPG\" } }\n---\n"), ("more.txt", b"more")]);
    let refused = succeeds(cli(&["--status"]));
    assert!(refused["draft"]["refused"].as_str().is_some_and(|why| why.contains("-1")), "{refused}");
    fails(cli(&["--revision", "nowhere"]), "revision_not_found");
}

#[test]
fn the_interface_answers_as_it_is_documented() {
    let hub = Hub::start();
    let alice = hub.account("alice");
    // SHA-256 of "abc".
    let path = "/api/v1/uploads/alice/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let bearer = format!("Bearer {alice}");
    let put = |range: &str, bytes: &[u8]| {
        let headers = [("Authorization", bearer.as_str()), ("Content-Range", range)];
        request(&hub.url, "PUT", path, &headers, bytes).expect("the hub answers")
    };
    let offset = || {
        let head = request(&hub.url, "HEAD", path, &[("Authorization", bearer.as_str())], b"");
        // An answer to HEAD has the length of a body and no body.
        head.map(|answer| (answer.status, answer.header("Upload-Offset").map(str::to_owned))).ok()
    };
    assert_eq!(put("bytes 0-1/3", b"ab").status, 202);
    until("the half waits", || offset() == Some((404, Some("2".to_owned()))));
    assert_eq!(put("bytes 0-0/3", b"a").status, 202, "whoever begins anew is not held up");
    assert_eq!(put("bytes 2-2/3", b"c").status, 201);
    assert_eq!(offset().map(|(status, _)| status), Some(200));
}

/// The most that a hub may hold of memory whatever passes through it.
const MOST_MEMORY_KIB: u64 = 150 * 1024;

#[test]
fn a_file_above_two_gib_goes_up_and_comes_down_and_passes_through_little_memory() {
    const BORDER: u64 = 1 << 31;
    const SIZE: u64 = BORDER + 54_321;
    let hub = Hub::start();
    let alice = hub.account("alice");
    let folder = hub.home().join("huge");
    fs::create_dir(&folder).expect("a folder");
    fs::copy(fixture("scaler.onnx"), folder.join("model.onnx")).expect("the fixture is there");
    // Mostly holes, so that the test's own copy takes no room; with words where a number of 31 or 32 bits would break.
    let mut file = fs::File::create(folder.join("data.bin")).expect("a file");
    file.set_len(SIZE).expect("it may be so long");
    let word = |at: u64| format!("these are the bytes from {at:10}").into_bytes();
    let length = word(0).len() as u64;
    let across = BORDER - length * 2 - 7;
    let words = [(0, word(0)), (across, word(across).repeat(4)), (SIZE - length, word(SIZE))];
    for (at, word) in &words {
        file.seek(SeekFrom::Start(*at)).and_then(|_| file.write_all(word)).expect("it is written");
    }
    fs::write(folder.join("README.md"), format!("---\nmodelhub:\n{PRICE}\n---\n# Huge\n\nA fixture.\n"))
        .expect("a card");
    let args = ["publish", folder.to_str().expect("a plain path"), "alice/huge"];
    succeeds(command(&hub.url, &alice, hub.home(), &args));

    let bearer = format!("Bearer {alice}");
    let path = "/alice/huge/resolve/main/data.bin";
    let part = |from: u64, to: u64| {
        let range = format!("bytes={from}-{to}");
        let headers = [("Authorization", bearer.as_str()), ("Range", range.as_str())];
        let answer = request(&hub.url, "GET", path, &headers, b"").expect("the hub answers");
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(answer.header("content-range"), Some(format!("bytes {from}-{to}/{SIZE}").as_str()));
        answer.body
    };
    for (at, word) in &words {
        assert_eq!(part(*at, at + word.len() as u64 - 1), *word, "from {at}");
    }
    // Across the border, and far to both sides of it.
    let around = part(BORDER - 1_000_000, SIZE - 1);
    let mut expected = vec![0; around.len()];
    for (at, word) in &words[1..] {
        let at = (at - (BORDER - 1_000_000)) as usize;
        expected[at..at + word.len()].copy_from_slice(word);
    }
    assert!(around == expected, "the bytes around 2^31 are others");
    let status = fs::read_to_string(format!("/proc/{}/status", hub.pid())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
    let peak: u64 = peak.trim().trim_end_matches(" kB").trim().parse().expect("a number");
    assert!(peak <= MOST_MEMORY_KIB, "{peak} KiB at the most, and {MOST_MEMORY_KIB} are allowed");
}
