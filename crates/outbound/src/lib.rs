//! Requests that the hub sends to addresses strangers have named: webhooks, and servers that run models.
//!
//! Always: what is asked is on the open internet, checked where the connection is made and not before, so that a name
//! that answers once like this and once like that gains nothing; redirects are not followed, proxies not used; an answer
//! is waited for up to a time and read up to a size, and all answers together have a size too. Whoever stops waiting
//! ends the connection; nobody's thread waits.
//!
//! Absent on purpose: what is sent, retries, secrets.

mod line;
mod public;
mod room;
mod target;

use std::error::Error;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Response};

use line::{Line, Lines};
pub use public::is_public;
use room::{Room, Taken};
use target::Target;

/// How long a webhook may take, from looking up the name to the last byte of the answer's head.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// The most that the bodies of all answers may hold at a time.
const ROOM: usize = 512 * 1024 * 1024;

/// Why nothing came back, or nothing that could be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    #[error("expected an address like https://example.com/hook")]
    NoAddress,
    #[error("https is needed, not {scheme}")]
    NotHttps { scheme: String },
    #[error("an address carries no user name and no password")]
    Login,
    /// Where it is instead stays here: strangers who read this are not to learn the names of our network.
    #[error("{host} is not on the open internet")]
    Private { host: String, address: IpAddr },
    /// No connection, or one that was cut before the head of an answer had come.
    #[error("{reason}")]
    NoAnswer { reason: String },
    #[error("no answer in time")]
    TimedOut,
    #[error("the answer is not HTTP/1.1: {reason}")]
    NotHttp { reason: String },
    /// The answer had begun.
    #[error("the answer ended before it was whole: {reason}")]
    Cut { reason: String },
    #[error("the answer has more than {limit} bytes")]
    TooLarge { limit: usize },
    /// Other answers fill the room that all have together.
    #[error("too many answers are being read")]
    Full,
}

/// Which addresses may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The open internet, over https.
    Public,
    /// Everything, plain http too: for a hub whose users are trusted, and for trying out.
    Anywhere,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub url: &'a str,
    pub headers: &'a [(&'static str, String)],
    /// With a body it is a POST, without one a GET.
    pub body: Option<Bytes>,
    /// Until when all of the answer must have come.
    pub deadline: Instant,
    /// The most bytes the answer's body may have.
    pub limit: usize,
    /// Over a connection that was not used before: one that was kept may be closed by the time it is used.
    pub fresh: bool,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
    headers: HeaderMap,
    _room: Taken,
}

impl Answer {
    /// The one value of a header; none if there are two, or if it is no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { value.to_str().ok() }
    }
}

/// The way out. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    lines: Lines,
    reach: Reach,
    room: Room,
}

impl Client {
    pub fn new(reach: Reach) -> Client {
        Client { lines: Lines::new(reach), reach, room: Room::of(ROOM) }
    }

    /// Whether an address could be asked, as far as it can be told from its form.
    pub fn check(&self, url: &str) -> Result<(), Failed> {
        Target::read(url, self.reach).map(drop)
    }

    /// Sends a JSON body and gives the status of the answer, whose body is not read.
    pub async fn post(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Result<u16, Failed> {
        let mut all = vec![("content-type", "application/json".to_owned())];
        all.extend_from_slice(headers);
        let deadline = Instant::now() + TIMEOUT;
        let body = Some(Bytes::from(body));
        let request = Request { url, headers: &all, body, deadline, limit: 0, fresh: true };
        let target = Target::read(url, self.reach)?;
        let (_line, answer) = in_time(deadline, self.send(&target, &request)).await?;
        Ok(answer.status().as_u16())
    }

    /// Sends a request and reads the answer.
    pub async fn ask(&self, request: Request<'_>) -> Result<Answer, Failed> {
        let target = Target::read(request.url, self.reach)?;
        in_time(request.deadline, async {
            let (line, answer) = self.send(&target, &request).await?;
            let (head, body) = answer.into_parts();
            let (body, room) = self.read(body, request.limit).await?;
            self.lines.keep(&target, line);
            Ok(Answer { status: head.status.as_u16(), body, headers: head.headers, _room: room })
        })
        .await
    }

    /// Sends a request and reads the head of the answer.
    async fn send(&self, target: &Target, request: &Request<'_>) -> Result<(Line, Response<Incoming>), Failed> {
        let kept = if request.fresh { None } else { self.lines.kept(target).await };
        let mut line = match kept {
            Some(line) => line,
            None => self.lines.connect(target).await?,
        };
        let answer = line.sender.send_request(http(target, request)?).await.map_err(|error| {
            let reason = told(&error);
            if error.is_parse() { Failed::NotHttp { reason } } else { Failed::NoAnswer { reason } }
        })?;
        Ok((line, answer))
    }

    async fn read(&self, mut body: Incoming, limit: usize) -> Result<(Bytes, Taken), Failed> {
        if body.size_hint().lower() > limit as u64 {
            return Err(Failed::TooLarge { limit });
        }
        let (mut bytes, mut room) = (Vec::new(), self.room.take());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Failed::Cut { reason: told(&error) })?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(Failed::TooLarge { limit });
            }
            if !room.grow(data.len()) {
                return Err(Failed::Full);
            }
            bytes.extend_from_slice(&data);
        }
        Ok((bytes.into(), room))
    }
}

/// What the other side is sent.
fn http(target: &Target, request: &Request<'_>) -> Result<hyper::Request<Full<Bytes>>, Failed> {
    let unfit = |_| Failed::NoAddress;
    let mut sent = hyper::Request::new(Full::new(request.body.clone().unwrap_or_default()));
    *sent.method_mut() = if request.body.is_some() { Method::POST } else { Method::GET };
    *sent.uri_mut() = target.path.parse().map_err(unfit)?;
    let headers = sent.headers_mut();
    let host = HeaderValue::from_str(&target.authority).map_err(|_| Failed::NoAddress)?;
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("modelhub/", env!("CARGO_PKG_VERSION"))));
    for (name, value) in request.headers {
        let value = HeaderValue::from_str(value).map_err(|_| Failed::NoAddress)?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(sent)
}

async fn in_time<T>(deadline: Instant, asked: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    tokio::time::timeout_at(deadline.into(), asked).await.unwrap_or(Err(Failed::TimedOut))
}

/// An error with what caused it.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some say their cause themselves.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl Reach {
    fn admits(self, host: &str, address: IpAddr) -> Result<(), Failed> {
        match self {
            Reach::Public if !is_public(address) => Err(Failed::Private { host: host.to_owned(), address }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn an_address_is_refused_by_its_form() {
        let client = Client::new(Reach::Public);
        for (url, failed) in [
            ("", Failed::NoAddress),
            ("example.com/hook", Failed::NoAddress),
            ("https://", Failed::NoAddress),
            ("http://example.com/", Failed::NotHttps { scheme: "http".to_owned() }),
            ("ftp://example.com/", Failed::NotHttps { scheme: "ftp".to_owned() }),
            ("https://me:secret@example.com/", Failed::Login),
        ] {
            assert_eq!(client.check(url), Err(failed), "{url}");
        }
        for url in ["https://127.0.0.1/", "https://[::1]:80/", "https://localhost/", "https://169.254.169.254/latest"] {
            assert!(matches!(client.check(url), Err(Failed::Private { .. })), "{url}");
        }
        client.check("https://example.com/hook?x=1").unwrap();
        client.check("https://1.1.1.1/").unwrap();
        Client::new(Reach::Anywhere).check("http://127.0.0.1:8080/").unwrap();
    }

    #[tokio::test]
    async fn a_name_that_leads_into_our_own_network_is_not_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost.:{}/", listener.local_addr().unwrap().port());
        let failed = Client::new(Reach::Public).post(&url, &[], "{}".to_owned()).await.unwrap_err();
        assert!(matches!(failed, Failed::Private { .. } | Failed::NoAnswer { .. }), "{failed}");
        assert!(!failed.to_string().contains("127.0.0.1") && !failed.to_string().contains("::1"), "{failed}");
        let nobody = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(nobody.is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn what_is_sent_arrives_and_redirects_are_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"{\"a\":1}") {
                let mut some = [0; 1024];
                let read = stream.read(&mut some).await.unwrap();
                request.extend_from_slice(&some[..read]);
            }
            let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(moved.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        });
        let headers = [("webhook-id", "alert_1".to_owned())];
        let status = Client::new(Reach::Anywhere).post(&url, &headers, "{\"a\":1}".to_owned()).await;
        assert_eq!(status, Ok(302));
        let request = server.await.unwrap();
        assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
        assert!(request.to_ascii_lowercase().contains("webhook-id: alert_1\r\n"), "{request}");
    }

    /// Answers every request on every connection with the same bytes, and counts both.
    async fn answering(bytes: Vec<u8>) -> (String, tokio::sync::mpsc::UnboundedReceiver<&'static str>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/a?b=c", listener.local_addr().unwrap());
        let (tell, told) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (tell, bytes) = (tell.clone(), bytes.clone());
                // An error is the test gone.
                let _ = tell.send("connection");
                tokio::spawn(async move {
                    let mut some = [0; 1024];
                    while stream.read(&mut some).await.is_ok_and(|read| read > 0) {
                        let _ = tell.send("request");
                        if stream.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        (url, told)
    }

    fn get(url: &str, limit: usize) -> Request<'_> {
        let deadline = Instant::now() + Duration::from_secs(10);
        Request { url, headers: &[], body: None, deadline, limit, fresh: false }
    }

    #[tokio::test]
    async fn an_answer_is_read_up_to_its_limit_and_its_connection_is_used_again() {
        let (url, mut told) =
            answering(b"HTTP/1.1 201 Made\r\na: b\r\nc: d\r\nc: e\r\ncontent-length: 3\r\n\r\nabc".to_vec()).await;
        let client = Client::new(Reach::Anywhere);
        for fresh in [false, false, true, false] {
            let answer = client.ask(Request { fresh, ..get(&url, 3) }).await.unwrap();
            assert_eq!((answer.status, &answer.body[..]), (201, &b"abc"[..]));
            assert_eq!((answer.header("a"), answer.header("c"), answer.header("d")), (Some("b"), None, None));
        }
        assert_eq!(client.ask(get(&url, 2)).await.unwrap_err(), Failed::TooLarge { limit: 2 });
        let mut seen = Vec::new();
        while let Ok(what) = told.try_recv() {
            seen.push(what);
        }
        let fresh = ["connection", "request"];
        assert_eq!(seen, [&fresh[..], &fresh[1..], &fresh[..], &fresh[1..], &fresh[1..]].concat());
    }

    #[tokio::test]
    async fn what_all_answers_hold_together_is_bounded_and_comes_back() {
        let (url, _told) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc".to_vec()).await;
        let client = Client { room: Room::of(5), ..Client::new(Reach::Anywhere) };
        let one = client.ask(get(&url, 3)).await.unwrap();
        assert_eq!(client.ask(get(&url, 3)).await.unwrap_err(), Failed::Full);
        drop(one);
        client.ask(get(&url, 3)).await.unwrap();
    }

    #[tokio::test]
    async fn how_nothing_came_is_told_apart() {
        let client = Client::new(Reach::Anywhere);
        let of = async |bytes: &[u8]| {
            let (url, _told) = answering(bytes.to_vec()).await;
            let deadline = Instant::now() + Duration::from_millis(200);
            client.ask(Request { deadline, ..get(&url, 100) }).await.unwrap_err()
        };
        assert_eq!(of(b"HTTP/1.1 200 OK\r\n").await, Failed::TimedOut);
        assert_eq!(of(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").await, Failed::TimedOut);
        assert!(matches!(of(b"220 mail.example ESMTP\r\n").await, Failed::NotHttp { .. }));
        let nobody = client.ask(get("http://127.0.0.1:1/", 100)).await.unwrap_err();
        assert!(matches!(&nobody, Failed::NoAnswer { reason } if reason.contains("refused")), "{nobody}");
    }
}
