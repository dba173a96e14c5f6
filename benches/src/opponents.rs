//! The simplest things that could do the same.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use engine::Backend;
use tensor::Tensor;

use crate::load::Came;

/// Answers every POST with the same bytes, as fast as axum can.
pub(crate) fn constant() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let answer = |body: axum::body::Bytes| async move {
            // The body is taken whole, as the hub has to.
            let _ = body.len();
            r#"{"model_name":"constant","model_version":"1","outputs":[{"name":"label","datatype":"INT64","shape":[1],"data":[1]}]}"#
        };
        let app = axum::Router::new().fallback(answer);
        axum::serve(listener, app).await.context("the constant server ended")
    })
}

/// Runs the model over and over, with nothing around it: a small one, or a sentence encoder on so many sentences of so many
/// tokens.
pub(crate) fn session(
    model: &Path,
    library: &Path,
    lasting: Duration,
    sentences: Option<(u64, u64)>,
) -> anyhow::Result<()> {
    let mut onnx = engine_onnx::Onnx::open(library).map_err(|e| anyhow!("{e}"))?;
    let mut session = onnx.load(std::fs::read(model)?).map_err(|e| anyhow!("{e}"))?;
    let inputs = match sentences {
        Some((rows, tokens)) => sentence(rows, tokens),
        None => vec![input(session.signature())?],
    };
    let mut times = Vec::with_capacity(1 << 20);
    let start = Instant::now();
    while start.elapsed() < lasting {
        let asked = Instant::now();
        let outputs = session.run(&inputs).map_err(|e| anyhow!("{e}"))?;
        std::hint::black_box(outputs);
        times.push(asked.elapsed());
    }
    println!("{}", serde_json::to_string(&Came::of(times, start.elapsed()))?);
    Ok(())
}

/// Token ids as short texts have them, all of them attended to.
pub(crate) fn sentence(rows: u64, tokens: u64) -> Vec<Tensor> {
    let filled = |name: &str, number: i64| {
        Tensor::int64(name, &[rows, tokens], &vec![number; (rows * tokens) as usize]).expect("a good tensor")
    };
    vec![filled("input_ids", 2_023), filled("attention_mask", 1), filled("token_type_ids", 0)]
}

/// One row of four numbers: what both models take.
pub(crate) fn input(signature: &tensor::Signature) -> anyhow::Result<Tensor> {
    let port = signature.inputs.first().context("a model without inputs")?;
    Tensor::fp32(port.name.clone(), &[1, 4], &[5.1, 3.5, 1.4, 0.2]).map_err(|e| anyhow!("{e}"))
}
