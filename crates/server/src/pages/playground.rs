//! The form of a release, from its task or else its contract, and what its next call costs the viewer.

use hub::{Caller, Hub, PaidBy};
use ledger::{Amount, Purse};
use registry::task::{Column, ColumnKind, Kind};
use registry::{Contract, sample_inputs};
use serde_json::value::RawValue;
use store::Repository;
use tasks::Interpreter;
use tensor::{Port, Signature, Tensor};

use super::figures;
use crate::problem::Refused;

/// An input with more elements, axes of any size taken as 1, is made up in the browser: a page must stay small.
const MAX_ELEMENTS: u64 = 256;
/// The most characters of a sample on the page.
const MAX_SAMPLE: usize = 2_000;

/// The form for a viewer, on the page at `here`.
pub(super) async fn playground(
    hub: &Hub,
    viewer: Option<&Caller>,
    callable: &hub::Callable,
    repository: &Repository,
    cost: Amount,
    here: String,
) -> Result<web::Playground, Refused> {
    let example = hub.example_inputs(viewer, repository, callable).await?;
    Ok(web::Playground {
        form: form(&callable.release.contract, example.as_deref()),
        runners: vec![runner(hub, viewer, callable, cost).await?],
        hub: hub.options().public_url.clone(),
        here,
        signed_in: viewer.is_some(),
    })
}

/// A model that is run, and what its call is paid from.
async fn runner(
    hub: &Hub,
    viewer: Option<&Caller>,
    callable: &hub::Callable,
    cost: Amount,
) -> Result<web::Runner, Refused> {
    let name = &callable.release.model.name;
    let price = callable.release.price_at(hub.now());
    let terms = figures::terms(&price);
    let paid_by = match viewer {
        Some(viewer) => Some(paid_by(hub.paid_by(viewer, callable, cost).await?)),
        None => None,
    };
    Ok(web::Runner {
        owner: name.owner().to_string(),
        name: name.name().to_owned(),
        price: figures::price(&price),
        price_converted: figures::converted(&price, hub.settings().rate),
        // What depends on the input is not known before it is there.
        max_cost: terms.is_none().then(|| cost.to_string()),
        price_terms: terms,
        loaded: hub.loaded(callable),
        paid_by,
    })
}

fn paid_by(paid: PaidBy) -> web::PaidBy {
    match paid {
        PaidBy::Nobody => web::PaidBy::Nobody,
        PaidBy::Purse { purse: Purse::Promo, left } => web::PaidBy::Promo { left: left.to_string() },
        PaidBy::Purse { purse: Purse::Cash, left } => web::PaidBy::Cash { left: left.to_string() },
        PaidBy::Trial { left } => web::PaidBy::Trial { left: left.to_string() },
        PaidBy::Short { cash, promo } => web::PaidBy::Short { cash: cash.to_string(), promo: promo.to_string() },
    }
}

/// What a release takes: values of its task, or else the tensors of its contract.
pub(super) fn form(contract: &Contract, example: Option<&[Tensor]>) -> web::Form {
    let Some(task) = &contract.task else { return tensors(&contract.signature, example) };
    match &task.kind {
        Kind::FileType { .. } => web::Form::File,
        Kind::FeatureExtraction { .. } | Kind::TextClassification { .. } | Kind::TokenClassification { .. } => {
            web::Form::Text
        }
        Kind::ImageClassification { .. } | Kind::ObjectDetection { .. } | Kind::ImageToText { .. } => {
            web::Form::Picture
        }
        Kind::AudioClassification { .. } => web::Form::Sound,
        Kind::TabularClassification { columns, .. } | Kind::TabularRegression { columns, .. } => web::Form::Rows {
            columns: columns.iter().map(column).collect(),
            many: Interpreter::new(contract, None).is_some_and(|interpreter| interpreter.takes_many()),
        },
        Kind::TimeSeriesForecasting { series, .. } => {
            web::Form::History { columns: series.columns.clone(), window: u64::from(series.window) }
        }
    }
}

fn column(column: &Column) -> web::Column {
    web::Column {
        name: column.name.clone(),
        number: column.kind == ColumnKind::Number,
        choices: column.categories.clone(),
    }
}

fn tensors(signature: &Signature, example: Option<&[Tensor]>) -> web::Form {
    let field = |port: &Port| web::TensorField {
        name: port.name.clone(),
        datatype: port.datatype.to_string(),
        shape: port.shape.clone(),
        sample: sample(port, example),
    };
    web::Form::Tensors(signature.inputs.iter().map(field).collect())
}

/// The example's values for an input, or made-up ones, as JSON: lists in lists. None where they are too many.
fn sample(port: &Port, example: Option<&[Tensor]>) -> Option<String> {
    let given = example.and_then(|tensors| tensors.iter().find(|tensor| tensor.name() == port.name));
    let shown = given.filter(|tensor| tensor.element_count() as u64 <= MAX_ELEMENTS).and_then(nested);
    shown.or_else(|| nested(&made_up(port)?))
}

fn made_up(port: &Port) -> Option<Tensor> {
    let count = port.shape.iter().try_fold(1_u64, |product, axis| product.checked_mul(axis.unwrap_or(1)));
    count.filter(|count| *count <= MAX_ELEMENTS)?;
    sample_inputs(&Signature { inputs: vec![port.clone()], outputs: Vec::new() }).ok()?.pop()
}

/// A tensor as JSON, a list for each axis.
pub(crate) fn nested(tensor: &Tensor) -> Option<String> {
    let mut flat = Vec::new();
    tensor.write_json(&mut flat);
    let values: Vec<Box<RawValue>> = serde_json::from_slice(&flat).ok()?;
    let mut parts: Vec<String> = values.into_iter().map(|value| value.get().to_owned()).collect();
    if parts.len() != tensor.element_count() {
        return None;
    }
    for axis in tensor.shape().iter().rev() {
        // Lists of nothing have no values to be put into.
        let size = usize::try_from(*axis).ok().filter(|size| *size > 0)?;
        parts = parts.chunks(size).map(|row| format!("[{}]", row.join(", "))).collect();
    }
    parts.pop().filter(|text| parts.is_empty() && text.len() <= MAX_SAMPLE)
}

#[cfg(test)]
mod tests {
    use tensor::DataType;

    use super::*;

    fn port(datatype: DataType, shape: &[Option<u64>]) -> Port {
        Port { name: "x".to_owned(), datatype, shape: shape.to_vec() }
    }

    #[test]
    fn made_up_values_are_lists_in_lists() {
        let shown = |datatype, shape: &[Option<u64>]| sample(&port(datatype, shape), None);
        assert_eq!(shown(DataType::Fp32, &[None, Some(2)]).as_deref(), Some("[[0.125, 0.25]]"));
        assert_eq!(shown(DataType::Int64, &[Some(2), Some(1), None]).as_deref(), Some("[[[0]], [[1]]]"));
        assert_eq!(shown(DataType::Bytes, &[None]).as_deref(), Some("[\"sample\"]"));
        assert_eq!(shown(DataType::Fp32, &[]).as_deref(), Some("0.125"));
        assert_eq!(shown(DataType::Fp16, &[Some(1)]).as_deref(), Some("[0.125]"));
    }

    #[test]
    fn inputs_too_large_for_a_page_are_made_up_elsewhere() {
        for shape in [&[Some(1), Some(3), Some(224), Some(224)][..], &[Some(u64::MAX), Some(2)], &[Some(0)]] {
            assert_eq!(sample(&port(DataType::Fp32, shape), None), None, "{shape:?}");
        }
    }

    #[test]
    fn an_example_comes_before_what_is_made_up() {
        let example = [Tensor::strings("x", &[2], &["a \"b\"", "c, d"]).unwrap()];
        let shown = sample(&port(DataType::Bytes, &[None]), Some(&example));
        assert_eq!(shown.as_deref(), Some(r#"["a \"b\"", "c, d"]"#));
        let long = [Tensor::fp32("x", &[1_000], &[0.5; 1_000]).unwrap()];
        assert_eq!(sample(&port(DataType::Fp32, &[None]), Some(&long)).as_deref(), Some("[0.125]"));
    }
}
