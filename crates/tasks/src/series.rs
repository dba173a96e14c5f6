//! What comes after a history.
//!
//! Always: the model sees the newest steps, as many as it takes; what was done to the numbers before is undone on the
//! answer, in double precision; steps are counted from 1, the first behind the history.

use registry::task::{Forecast, MAX_ANSWERS, Order, Scaling, Series};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::to_raw_value;
use tensor::{DataType, Port, Tensor};

use crate::given::Given;
use crate::history::{self, History};
use crate::refusal::{Refusal, clip};
use crate::rows;
use crate::scores::Outcome;

/// One step of one column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ahead {
    pub step: u32,
    /// Where the history said when it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Where columns have names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// With quantiles the one called 0.5, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
}

/// Numbers by their quantiles, which rise.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantiles(pub Vec<(String, f64)>);

impl Serialize for Quantiles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(quantile, value)| map.serialize_entry(quantile, value))?;
        map.end()
    }
}

/// What an answer needs to know of a history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Past {
    /// Of each column: what was taken away, and what it was divided by.
    scales: Vec<(f64, f64)>,
    /// Seconds since 1970 of the first step ahead, and from one to the next.
    clock: Option<(u64, u64)>,
}

/// Before histories are read: whether a call may ask for so much.
pub(crate) fn bounded(forecast: &Forecast, count: usize) -> Result<(), Refusal> {
    let numbers = forecast.numbers().saturating_mul(count as u64);
    let much = Refusal::Together { what: "numbers of forecasts", count: numbers, limit: MAX_ANSWERS };
    if numbers > MAX_ANSWERS { Err(much) } else { Ok(()) }
}

pub(crate) fn encode(series: &Series, port: &Port, given: &[Given]) -> Result<(Vec<Tensor>, Vec<Past>), Refusal> {
    let (window, width) = (series.window as usize, series.width());
    rows::bounded(given.len(), window * width)?;
    let mut numbers = Vec::with_capacity(given.len() * window * width);
    let mut pasts = Vec::with_capacity(given.len());
    for (at, given) in given.iter().enumerate() {
        let History { columns, clock } = history::read(&series.columns, given, at)?;
        let length = columns[0].len();
        let name = |place: usize| series.columns.get(place).map(|name| clip(name));
        for (place, column) in columns.iter().enumerate() {
            if column.len() != length {
                let (column, given) = (name(place).unwrap_or_default(), column.len());
                return Err(Refusal::Uneven { at, column, given, expected: length });
            }
        }
        if length < window {
            return Err(Refusal::ShortHistory { at, column: name(0), given: length, needed: series.window });
        }
        let newest: Vec<&[f64]> = columns.iter().map(|column| &column[length - window..]).collect();
        let scales: Vec<(f64, f64)> = newest.iter().enumerate().map(|(at, column)| scale(series, at, column)).collect();
        let scaled = |place: usize, step: usize| {
            let (mean, deviation) = scales[place];
            let value = (newest[place][step] - mean) / deviation;
            let known = value.is_finite() && (port.datatype == DataType::Fp64 || (value as f32).is_finite());
            let step = length - window + step;
            let refuse = || Refusal::Step { at, column: name(place), step, given: columns[place][step].to_string() };
            if known { Ok(value) } else { Err(refuse()) }
        };
        for at in 0..window * width {
            let (place, step) = match series.order {
                Order::StepsColumns => (at % width, at / width),
                Order::ColumnsSteps => (at / window, at % window),
            };
            numbers.push(scaled(place, step)?);
        }
        let behind = |(first, step): (u64, u64)| Some((first.checked_add(step.checked_mul(length as u64)?)?, step));
        pasts.push(Past { scales, clock: clock.and_then(behind) });
    }
    let (n, steps, columns) = (given.len() as u64, window as u64, width as u64);
    let shape = match (port.shape.len(), series.order) {
        (2, _) => vec![n, steps],
        (_, Order::StepsColumns) => vec![n, steps, columns],
        (_, Order::ColumnsSteps) => vec![n, columns, steps],
    };
    Ok((vec![rows::numbers(port, shape, numbers.into_iter())?], pasts))
}

/// What is taken away from a column, and what it is divided by.
fn scale(series: &Series, place: usize, column: &[f64]) -> (f64, f64) {
    match &series.scaling {
        Scaling::None => (0.0, 1.0),
        Scaling::Fixed { mean, std } => (mean[place].0, std[place].0),
        Scaling::Instance => {
            let size = column.len() as f64;
            let mean = column.iter().sum::<f64>() / size;
            let deviation = (column.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / size).sqrt();
            // What never changes has none.
            (mean, if deviation > 0.0 { deviation } else { 1.0 })
        }
    }
}

/// Whether an output of this type and shape has a number for each step, column and quantile.
pub(crate) fn fits(series: &Series, forecast: &Forecast, output: &Tensor, count: usize) -> bool {
    let (count, steps, targets) = (count as u64, u64::from(forecast.horizon), forecast.targets.len() as u64);
    let mut shape = output.shape();
    if !forecast.quantiles.is_empty() {
        let Some((last, rest)) = shape.split_last() else { return false };
        if *last != forecast.quantiles.len() as u64 {
            return false;
        }
        shape = rest;
    }
    let whole = match series.order {
        Order::StepsColumns => shape == [count, steps, targets],
        Order::ColumnsSteps => shape == [count, targets, steps],
    };
    matches!(output.datatype(), DataType::Fp32 | DataType::Fp64) && (whole || targets == 1 && shape == [count, steps])
}

pub(crate) fn decode(
    series: &Series,
    forecast: &Forecast,
    pasts: &[Past],
    output: &Tensor,
) -> Result<Vec<Outcome>, Refusal> {
    let wrong = Refusal::Answer { reason: "expected a number for each step, column and quantile" };
    let values = rows::doubles(output).filter(|_| fits(series, forecast, output, pasts.len())).ok_or(wrong)?;
    let (steps, targets) = (forecast.horizon as usize, forecast.targets.len());
    let each = forecast.quantiles.len().max(1);
    // A number that was a float is told as one, where nothing was done to it.
    let plain = series.scaling == Scaling::None && output.datatype() == DataType::Fp32;
    let outcomes = values.chunks_exact(steps * targets * each).zip(pasts).map(|(own, past)| {
        let mut told = Vec::with_capacity(steps * targets);
        for (target, place) in forecast.targets.iter().enumerate() {
            let (mean, deviation) = past.scales[*place as usize];
            for step in 0..steps {
                let at = match series.order {
                    Order::StepsColumns => step * targets + target,
                    Order::ColumnsSteps => target * steps + step,
                };
                let number = |value: &f64| if plain { short(*value) } else { value * deviation + mean };
                let numbers: Vec<f64> = own[at * each..(at + 1) * each].iter().map(number).collect();
                told.push(ahead(series, forecast, past, (*place, step as u32), numbers));
            }
        }
        Outcome::Forecast { forecast: told }
    });
    Ok(outcomes.collect())
}

fn ahead(series: &Series, forecast: &Forecast, past: &Past, (place, step): (u32, u32), numbers: Vec<f64>) -> Ahead {
    let time = |(first, each): (u64, u64)| history::written(first.checked_add(each.checked_mul(step.into())?)?);
    let middle = match forecast.quantiles.is_empty() {
        true => Some(0),
        false => forecast.quantiles.iter().position(|quantile| quantile.parse() == Ok(0.5)),
    };
    let value = middle.map(|middle| numbers[middle]);
    let quantiles = forecast.quantiles.iter().cloned().zip(numbers).collect::<Vec<_>>();
    Ahead {
        step: step + 1,
        time: past.clock.and_then(time),
        column: series.columns.get(place as usize).cloned(),
        value,
        quantiles: Some(Quantiles(quantiles)).filter(|_| !forecast.quantiles.is_empty()),
    }
}

/// The double that is written as the float is.
fn short(value: f64) -> f64 {
    (value as f32).to_string().parse().unwrap_or(value)
}

/// A history that rises, to try the model with.
pub(crate) fn sample(series: &Series) -> Given {
    let steps: Vec<f64> = (0..series.window).map(|step| 1.0 + f64::from(step % 100) / 8.0).collect();
    let json = match &series.columns[..] {
        [] => to_raw_value(&steps),
        names => to_raw_value(&names.iter().map(|name| (name, &steps)).collect::<std::collections::BTreeMap<_, _>>()),
    };
    Given::Json(json.expect("plain values are JSON"))
}

#[cfg(test)]
mod tests {
    use registry::task::Double;
    use serde_json::{Value, json};

    use super::*;

    fn series(columns: &[&str], window: u32, order: Order, scaling: Scaling) -> Series {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Series { input: "x".to_owned(), columns, window, order, scaling }
    }

    fn forecast(horizon: u32, targets: &[u32], quantiles: &[&str]) -> Forecast {
        let quantiles = quantiles.iter().map(|quantile| (*quantile).to_owned()).collect();
        Forecast { output: "y".to_owned(), horizon, targets: targets.to_vec(), quantiles }
    }

    fn encoded(series: &Series, axes: usize, histories: &[&str]) -> Result<(Tensor, Vec<Past>), String> {
        let port = Port { name: "x".to_owned(), datatype: DataType::Fp32, shape: vec![None; axes] };
        let given: Vec<Given> = histories.iter().map(|text| Given::File(text.as_bytes().to_vec())).collect();
        let (mut inputs, pasts) = encode(series, &port, &given).map_err(|refusal| refusal.to_string())?;
        Ok((inputs.remove(0), pasts))
    }

    fn told(series: &Series, forecast: &Forecast, pasts: &[Past], shape: &[u64], values: &[f32]) -> Value {
        let output = Tensor::fp32("y", shape, values).unwrap();
        serde_json::to_value(decode(series, forecast, pasts, &output).unwrap()).unwrap()
    }

    #[test]
    fn the_newest_steps_are_seen_and_steps_ahead_are_told() {
        let plain = series(&[], 3, Order::StepsColumns, Scaling::None);
        let clocked = r#"{"history": [9, 9, 1, 2, 3], "start": "2026-01-30", "step": "1d"}"#;
        let (input, pasts) = encoded(&plain, 2, &[clocked, "[4, 5, 6]"]).unwrap();
        assert_eq!(input, Tensor::fp32("x", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap());
        assert_eq!(encoded(&plain, 3, &["[4, 5, 6]"]).unwrap().0.shape(), [1, 3, 1]);
        let answers = told(&plain, &forecast(2, &[0], &[]), &pasts, &[2, 2], &[1.1, 1.2, 7.0, f32::NAN]);
        // The fifth step was on the third of February.
        let clocked = json!([
            {"step": 1, "time": "2026-02-04T00:00:00Z", "value": 1.1},
            {"step": 2, "time": "2026-02-05T00:00:00Z", "value": 1.2},
        ]);
        let plain = json!([{"step": 1, "value": 7.0}, {"step": 2, "value": null}]);
        assert_eq!(answers, json!([{"forecast": clocked}, {"forecast": plain}]));
    }

    #[test]
    fn columns_stand_in_the_models_order_and_what_was_done_to_them_is_undone() {
        let fixed = Scaling::Fixed { mean: vec![Double(10.0), Double(0.5)], std: vec![Double(2.0), Double(0.25)] };
        let history = r#"{"b": [0.5, 1], "a": [12, 8]}"#;
        for (order, expected) in
            [(Order::StepsColumns, [1.0, 0.0, -1.0, 2.0]), (Order::ColumnsSteps, [1.0, -1.0, 0.0, 2.0])]
        {
            let series = series(&["a", "b"], 2, order, fixed.clone());
            let (input, pasts) = encoded(&series, 3, &[history]).unwrap();
            assert_eq!(input, Tensor::fp32("x", &[1, 2, 2], &expected).unwrap());
            // Steps of a: 3, 4; of b: -1, 0.
            let values = if order == Order::StepsColumns { [3.0, -1.0, 4.0, 0.0] } else { [3.0, 4.0, -1.0, 0.0] };
            let answers = told(&series, &forecast(2, &[0, 1], &[]), &pasts, &[1, 2, 2], &values);
            let rows = json!([
                {"step": 1, "column": "a", "value": 16.0}, {"step": 2, "column": "a", "value": 18.0},
                {"step": 1, "column": "b", "value": 0.25}, {"step": 2, "column": "b", "value": 0.5},
            ]);
            assert_eq!(answers, json!([{"forecast": rows}]));
            let one = told(&series, &forecast(1, &[1], &[]), &pasts, &[1, 1], &[4.0]);
            assert_eq!(one, json!([{"forecast": [{"step": 1, "column": "b", "value": 1.5}]}]));
        }
    }

    /// Golden values: numpy, of 2, 4, 6: mean 4, deviation 1.632993161855452.
    #[test]
    fn a_window_may_be_scaled_by_itself_and_quantiles_have_names() {
        let own = series(&[], 3, Order::StepsColumns, Scaling::Instance);
        let (input, pasts) = encoded(&own, 2, &["[100, 2, 4, 6]", "[5, 5, 5]"]).unwrap();
        let found = rows::floats(&input).unwrap();
        for (found, golden) in found.iter().zip([-1.224_744_9, 0.0, 1.224_744_9, 0.0, 0.0, 0.0]) {
            assert!((found - golden).abs() < 1e-6, "{found} {golden}");
        }
        let forecast = forecast(1, &[0], &["0.1", "0.50", "0.9"]);
        let answers = told(&own, &forecast, &pasts, &[2, 1, 3], &[-1.0, 0.0, 2.0, -1.0, 0.0, 2.0]);
        let second = json!({"step": 1, "value": 5.0, "quantiles": {"0.1": 4.0, "0.50": 5.0, "0.9": 7.0}});
        assert_eq!(answers[1], json!({"forecast": [second]}));
        let ahead = &answers[0]["forecast"][0];
        assert!((ahead["quantiles"]["0.9"].as_f64().unwrap() - 7.265_986_323_710_904).abs() < 1e-12, "{ahead}");
        assert_eq!((&ahead["value"], &ahead["quantiles"]["0.50"]), (&json!(4.0), &json!(4.0)));
    }

    #[test]
    fn what_is_too_short_or_no_number_is_refused() {
        let plain = series(&[], 3, Order::StepsColumns, Scaling::None);
        let two = series(&["a", "b"], 2, Order::StepsColumns, Scaling::None);
        for (series, history, reason) in [
            (&plain, "[1, 2]", "input 0 has 2 steps; the model needs 3, the newest at the end"),
            (&plain, "[]", "input 0 has 0 steps; the model needs 3"),
            (
                &plain,
                "[1, 2, 1e39]",
                "input 0 has 1000000000000000000000000000000000000000 at step 2; expected a finite",
            ),
            (&two, r#"{"a": [1, 2], "b": [1]}"#, "has 1 steps of the column \"b\", and 2 in the first column"),
            (&two, r#"{"a": [1], "b": [1]}"#, "has 1 steps of the column \"a\"; the model needs 2"),
        ] {
            let refused = encoded(series, series.columns.len().max(1) + 1, &[history]).unwrap_err();
            assert!(refused.contains(reason), "{history}: {refused}");
        }
        assert!(
            encode(
                &plain,
                &Port { name: "x".to_owned(), datatype: DataType::Fp32, shape: vec![None; 2] },
                &[sample(&plain)]
            )
            .is_ok()
        );
        assert!(
            encode(
                &two,
                &Port { name: "x".to_owned(), datatype: DataType::Fp64, shape: vec![None; 3] },
                &[sample(&two)]
            )
            .is_ok()
        );
        assert!(bounded(&forecast(512, &[0], &["0.5", "0.9"]), 256).is_ok());
        let much = bounded(&forecast(512, &[0], &["0.5", "0.9"]), 257).unwrap_err().to_string();
        assert!(much.contains("263168 numbers of forecasts together; expected at most 262144"), "{much}");
        let past = [Past { scales: vec![(0.0, 1.0)], clock: None }];
        let six = [0.0; 6];
        for (forecast, shape) in [
            (forecast(2, &[0], &[]), &[1u64, 3][..]),
            (forecast(2, &[0], &[]), &[2, 2, 1]),
            (forecast(2, &[0], &["0.5"]), &[1, 2]),
            (forecast(2, &[0], &[]), &[]),
            (forecast(2, &[0], &["0.5"]), &[]),
        ] {
            let count = shape.iter().product::<u64>() as usize;
            let output = Tensor::fp32("y", shape, &six[..count]).unwrap();
            assert!(decode(&plain, &forecast, &past, &output).is_err(), "{shape:?}");
        }
    }
}
