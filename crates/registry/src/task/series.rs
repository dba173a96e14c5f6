//! How a history becomes numbers, and an output what comes next.

use serde::{Deserialize, Serialize};
use tensor::DataType;

use crate::task::Double;
use crate::task::card::ScalingCard;
use crate::task::fit::{Fitting, TaskError, fits, rows, typed};
use crate::text::clip;

/// The end of a history: so many steps of each column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    pub input: String,
    /// Without names there is one, and a history is a list of numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    pub window: u32,
    pub order: Order,
    pub scaling: Scaling,
}

words! {
    /// The order of the axes behind the first, of input and output.
    Order, "steps_columns or columns_steps", { StepsColumns => "steps_columns", ColumnsSteps => "columns_steps" }
}

/// What is done to each column before the model sees it, and undone on what it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    None,
    /// The same for all: `(value - mean) / std`, with a pair for each column.
    Fixed {
        mean: Vec<Double>,
        std: Vec<Double>,
    },
    /// By the window's own mean and deviation.
    Instance,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    pub output: String,
    pub horizon: u32,
    /// The columns that are told, by their places.
    pub targets: Vec<u32>,
    /// What the last axis of the output is; none: there is one number for each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<String>,
}

/// The most numbers of a window.
const MAX_NUMBERS: u64 = 1 << 20;
/// The most numbers of a forecast, and of all those of a call.
pub const MAX_ANSWERS: u64 = 1 << 18;
const FLOATS: &[DataType] = &[DataType::Fp32, DataType::Fp64];

impl Series {
    /// How many columns a history has.
    pub fn width(&self) -> usize {
        self.columns.len().max(1)
    }
}

impl Forecast {
    /// How many numbers it has.
    pub fn numbers(&self) -> u64 {
        u64::from(self.horizon) * (self.targets.len() * self.quantiles.len().max(1)) as u64
    }
}

impl Fitting<'_> {
    pub(super) fn series(&self) -> Result<Series, TaskError> {
        let port = self.input(self.card.input.as_deref(), &["past_values", "context"])?;
        typed(port, FLOATS)?;
        rows(port)?;
        let columns = self.card.series.clone();
        let width = columns.len().max(1) as u64;
        let (order, steps) = match port.shape[..] {
            [_, steps] => (Order::StepsColumns, steps),
            [_, first, second] => {
                let usual = if first == Some(width) && second != Some(width) {
                    Order::ColumnsSteps
                } else {
                    Order::StepsColumns
                };
                let order = self.card.order.unwrap_or(usual);
                (order, if order == Order::StepsColumns { first } else { second })
            }
            _ => (Order::StepsColumns, None),
        };
        let missing = TaskError::Missing { task: self.card.word, field: "window" };
        let steps = steps.and_then(|steps| u32::try_from(steps).ok()).filter(|steps| *steps > 0);
        let window = self.card.window.or(steps).ok_or(missing)?;
        let needed = match port.shape.len() {
            2 if width == 1 => vec![None, Some(u64::from(window))],
            _ => shape(order, u64::from(window), width),
        };
        fits(port, &needed)?;
        if u64::from(window) * width > MAX_NUMBERS {
            return Err(TaskError::Window { steps: window, columns: width, limit: MAX_NUMBERS });
        }
        Ok(Series { input: port.name.clone(), columns, window, order, scaling: self.scaling(width)? })
    }

    fn scaling(&self, width: u64) -> Result<Scaling, TaskError> {
        let card = self.card;
        let count = |field, numbers: &[Double]| {
            let (given, needed) = (numbers.len(), width);
            if given as u64 == needed { Ok(()) } else { Err(TaskError::Numbers { field, given, needed }) }
        };
        let given = !card.means.is_empty() || !card.stds.is_empty();
        match card.scaling.unwrap_or(if given { ScalingCard::Fixed } else { ScalingCard::None }) {
            ScalingCard::Fixed => {
                count("mean", &card.means)?;
                count("std", &card.stds)?;
                Ok(Scaling::Fixed { mean: card.means.clone(), std: card.stds.clone() })
            }
            _ if given => Err(TaskError::Numbers { field: "mean and std", given: card.means.len(), needed: 0 }),
            ScalingCard::None => Ok(Scaling::None),
            ScalingCard::Instance => Ok(Scaling::Instance),
        }
    }

    pub(super) fn forecast(&self, series: &Series) -> Result<Forecast, TaskError> {
        let port = self.output(self.card.output.as_deref(), &["prediction_outputs", "forecast"])?;
        typed(port, FLOATS)?;
        let quantiles = self.card.quantiles.clone();
        let axes = port.shape.len() - usize::from(!quantiles.is_empty() && !port.shape.is_empty());
        let place = |name: &String| {
            let known = || series.columns.iter().take(16).map(|column| clip(column)).collect();
            let at = series.columns.iter().position(|column| column == name);
            at.map(|at| at as u32).ok_or_else(|| TaskError::NoTarget { name: clip(name), known: known() })
        };
        let targets: Vec<u32> = match self.card.targets.is_empty() {
            false => self.card.targets.iter().map(place).collect::<Result<_, _>>()?,
            true if axes == 2 && series.width() > 1 => {
                return Err(TaskError::Missing { task: self.card.word, field: "targets: the column that is told" });
            }
            true => (0..series.width() as u32).collect(),
        };
        let steps = match (axes, series.order) {
            (3, Order::ColumnsSteps) => port.shape[2],
            (2 | 3, _) => port.shape[1],
            _ => None,
        };
        let missing = TaskError::Missing { task: self.card.word, field: "horizon" };
        let steps = steps.and_then(|steps| u32::try_from(steps).ok()).filter(|steps| *steps > 0);
        let horizon = self.card.horizon.or(steps).ok_or(missing)?;
        let mut needed = match axes {
            2 if targets.len() == 1 => vec![None, Some(u64::from(horizon))],
            _ => shape(series.order, u64::from(horizon), targets.len() as u64),
        };
        if !quantiles.is_empty() {
            needed.push(Some(quantiles.len() as u64));
        }
        fits(port, &needed)?;
        let forecast = Forecast { output: port.name.clone(), horizon, targets, quantiles };
        if forecast.numbers() > MAX_ANSWERS {
            let columns = forecast.numbers() / u64::from(horizon);
            return Err(TaskError::Window { steps: horizon, columns, limit: MAX_ANSWERS });
        }
        Ok(forecast)
    }
}

fn shape(order: Order, steps: u64, columns: u64) -> Vec<Option<u64>> {
    match order {
        Order::StepsColumns => vec![None, Some(steps), Some(columns)],
        Order::ColumnsSteps => vec![None, Some(columns), Some(steps)],
    }
}
