//! A server of the Open Inference Protocol that does as it is told, well or badly, down to the bytes it sends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::{Data, InferRequest};
use engine::{Call, Remote};
use tensor::{DataType, Port, Signature, Tensor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// `POST /v2/models/net/infer`
    pub(crate) line: String,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    pub(crate) fn is_infer(&self) -> bool {
        self.line.ends_with("/infer")
    }
}

/// What is done about a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes; the connection stays.
    Bytes(Vec<u8>),
    /// These bytes, and then the connection is closed.
    Cut(Vec<u8>),
    /// These bytes, one after the other with a pause between them.
    Drip(Vec<u8>, Duration),
    /// These bytes, and then the others again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// Nothing.
    Hang,
    /// The reply, once the gate is open.
    Behind(watch::Receiver<bool>, Box<Reply>),
}

type Handler = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

/// Ends with the test.
pub(crate) struct Server {
    pub(crate) url: String,
    log: Arc<Mutex<Vec<Received>>>,
    pub(crate) connections: Arc<AtomicUsize>,
    /// Connections that the other side has ended.
    pub(crate) left: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/prefix", listener.local_addr().unwrap());
        let (log, connections) = (Arc::<Mutex<Vec<Received>>>::default(), Arc::<AtomicUsize>::default());
        let (leave, left) = watch::channel(0);
        let handler: Handler = Arc::new(handler);
        let (kept, counted) = (Arc::clone(&log), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let (handler, log, leave) = (Arc::clone(&handler), Arc::clone(&kept), leave.clone());
                serving.spawn(async move {
                    // An error is the other side gone.
                    let _ = serve(stream, &handler, &log).await;
                    leave.send_modify(|left| *left += 1);
                });
            }
        });
        Server { url, log, connections, left, task }
    }

    /// All requests until now.
    pub(crate) fn log(&self) -> Vec<Received> {
        self.log.lock().unwrap().clone()
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.log().iter().filter(|received| received.is_infer()).count()
    }

    /// The echo on this server.
    pub(crate) fn remote(&self) -> Remote {
        Remote {
            url: self.url.clone(),
            host: self.url.split('/').nth(2).unwrap().to_owned(),
            model: "net".to_owned(),
            version: None,
            owner: [7; 16],
            signature: signature(),
        }
    }
}

async fn serve(mut stream: TcpStream, handler: &Handler, log: &Mutex<Vec<Received>>) -> std::io::Result<()> {
    loop {
        let Some(received) = receive(&mut stream).await? else { return Ok(()) };
        let mut reply = handler(&received);
        log.lock().unwrap().push(received);
        while let Reply::Behind(mut gate, behind) = reply {
            gate.wait_for(|open| *open).await.unwrap();
            reply = *behind;
        }
        match reply {
            Reply::Bytes(bytes) => stream.write_all(&bytes).await?,
            Reply::Cut(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Reply::Drip(bytes, pause) => {
                for byte in bytes {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(pause).await;
                }
            }
            Reply::Endless(first, again) => {
                stream.write_all(&first).await?;
                loop {
                    stream.write_all(&again).await?;
                }
            }
            // The other side gives up.
            Reply::Hang => {
                let mut rest = [0; 1];
                stream.read_exact(&mut rest).await?;
            }
            Reply::Behind(..) => unreachable!("all gates were waited for"),
        }
    }
}

async fn receive(stream: &mut TcpStream) -> std::io::Result<Option<Received>> {
    let mut bytes = Vec::new();
    let mut some = [0; 16 * 1024];
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut some).await? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&some[..read]),
        }
    };
    let mut body = bytes.split_off(head);
    let head = String::from_utf8(bytes).unwrap();
    let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let mut received = Received { line, head, body: Vec::new() };
    let length = received.header("content-length").map_or(0, |length| length.parse().unwrap());
    while body.len() < length {
        match stream.read(&mut some).await? {
            0 => return Ok(None),
            read => body.extend_from_slice(&some[..read]),
        }
    }
    received.body = body;
    Ok(Some(received))
}

/// `x` FP32 [n, 2] → `y`, the same, and `n` INT64 [1], how many rows there were.
pub(crate) fn signature() -> Signature {
    let port =
        |name: &str, datatype, shape: &[Option<u64>]| Port { name: name.to_owned(), datatype, shape: shape.to_vec() };
    Signature {
        inputs: vec![port("x", DataType::Fp32, &[None, Some(2)])],
        outputs: vec![port("y", DataType::Fp32, &[None, Some(2)]), port("n", DataType::Int64, &[Some(1)])],
    }
}

pub(crate) const METADATA: &str = r#"{"name":"net","versions":["1"],"platform":"toy",
    "inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],
    "outputs":[{"name":"y","datatype":"FP32","shape":[-1,2]},{"name":"n","datatype":"INT64","shape":[1]}]}"#;

pub(crate) fn x(values: &[f32]) -> Vec<Tensor> {
    vec![Tensor::fp32("x", &[values.len() as u64 / 2, 2], values).unwrap()]
}

pub(crate) fn call(values: &[f32], limit_ms: u64) -> Call {
    Call { inputs: x(values), deadline: Instant::now() + Duration::from_millis(limit_ms), caller: [1; 16] }
}

/// A whole HTTP answer.
pub(crate) fn http(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} Word\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// What a good server answers.
pub(crate) fn good(received: &Received, binary: bool) -> Reply {
    let json = |text: &str| Reply::Bytes(http(200, "", text.as_bytes()));
    match received.line.as_str() {
        "GET /prefix/v2" if binary => json(r#"{"name":"toy","version":"1","extensions":["binary_tensor_data"]}"#),
        "GET /prefix/v2" => json(r#"{"name":"toy","version":"1","extensions":[]}"#),
        "GET /prefix/v2/models/net" | "GET /prefix/v2/models/net/versions/3" => json(METADATA),
        "GET /prefix/v2/models/net/ready" => json("{}"),
        line if line.ends_with("/infer") => echo(received),
        _ => Reply::Bytes(http(404, "", br#"{"error":"nothing here"}"#)),
    }
}

fn echo(received: &Received) -> Reply {
    let head = received.header("inference-header-content-length").map(|head| head.parse().unwrap());
    let request = InferRequest::read(&received.body, head).unwrap();
    let [input] = &request.inputs[..] else { panic!("one input") };
    let (name, shape) = ("y".to_owned(), input.shape.clone());
    let y = match input.data {
        Data::Json(data) => Tensor::from_json(name, DataType::Fp32, shape, data.get()).unwrap(),
        Data::Binary(bytes) => Tensor::new(name, DataType::Fp32, shape, bytes.to_vec()).unwrap(),
    };
    let n = Tensor::int64("n", &[1], &[input.shape[0] as i64]).unwrap();
    // Not in the order of the signature.
    answer(&[n, y], request.binary_data_output)
}

/// An answer of these outputs.
pub(crate) fn answer(outputs: &[Tensor], binary: bool) -> Reply {
    let mut json = br#"{"model_name":"net","outputs":["#.to_vec();
    for (place, output) in outputs.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        output.write_object(&mut json, binary);
    }
    json.extend_from_slice(b"]}");
    let headers = if binary { format!("inference-header-content-length: {}\r\n", json.len()) } else { String::new() };
    if binary {
        outputs.iter().for_each(|output| json.extend_from_slice(output.bytes()));
    }
    Reply::Bytes(http(200, &headers, &json))
}
