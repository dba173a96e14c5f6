//! Rows of named columns, laid out as the model's inputs.

use std::collections::BTreeMap;

use registry::task::{Column, ColumnKind};
use serde::Deserialize;
use tensor::{DataType, Port, Tensor};

use crate::given::Given;
use crate::refusal::{Refusal, clip};
use crate::rows;

/// The most bytes of a row's JSON.
const MAX_ROW_BYTES: usize = 256 * 1024;
const EXPECTED: &str = "an object with the model's columns, of at most 262144 bytes";

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum Cell {
    Nothing(()),
    Flag(bool),
    Number(f64),
    Text(String),
}

type Row = BTreeMap<String, Cell>;

/// One tensor for each input that columns name.
pub(crate) fn encode(columns: &[Column], ports: &[Port], given: &[Given]) -> Result<Vec<Tensor>, Refusal> {
    rows::bounded(given.len(), columns.len())?;
    let mut table = Vec::with_capacity(given.len());
    for (at, given) in given.iter().enumerate() {
        table.push(row(columns, given, at)?);
    }
    let inputs = ports.iter().filter_map(|port| {
        let mut own: Vec<&Column> = columns.iter().filter(|column| column.input == port.name).collect();
        own.sort_by_key(|column| column.place);
        (!own.is_empty()).then(|| input(port, &own, &table))
    });
    inputs.collect()
}

fn input(port: &Port, own: &[&Column], table: &[Row]) -> Result<Tensor, Refusal> {
    let shape = vec![table.len() as u64, own.len() as u64];
    let cells = || table.iter().enumerate().flat_map(|(at, row)| own.iter().map(move |column| (at, *column, row)));
    if port.datatype == DataType::Bytes {
        let texts = cells().map(|(at, column, row)| match &row[&column.name] {
            Cell::Text(text) if column.categories.is_empty() || column.categories.contains(text) => Ok(text.as_str()),
            Cell::Text(text) => {
                let known = column.categories.iter().take(32).map(|category| clip(category)).collect();
                Err(Refusal::Category { at, column: clip(&column.name), given: clip(text), known })
            }
            other => Err(wrong(at, column, other)),
        });
        let texts: Vec<&str> = texts.collect::<Result<_, _>>()?;
        return Ok(Tensor::strings(port.name.clone(), &shape, &texts)?);
    }
    let numbers = cells().map(|(at, column, row)| number(port, column, &row[&column.name], at));
    let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
    Ok(rows::numbers(port, shape, numbers.into_iter())?)
}

/// What is missing in the middle of numbers is NaN, which pipelines are made to impute; whole numbers have none.
fn number(port: &Port, column: &Column, cell: &Cell, at: usize) -> Result<f64, Refusal> {
    let (least, most) = match port.datatype {
        DataType::Int32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        // Up to here a double counts one by one.
        DataType::Int64 => (-9_007_199_254_740_992.0, 9_007_199_254_740_992.0),
        DataType::Fp64 => (f64::MIN, f64::MAX),
        _ => (f64::from(f32::MIN), f64::from(f32::MAX)),
    };
    let whole = matches!(port.datatype, DataType::Int32 | DataType::Int64);
    match cell {
        Cell::Nothing(()) if !whole => Ok(f64::NAN),
        Cell::Number(number) if (least..=most).contains(number) && (!whole || number.fract() == 0.0) => Ok(*number),
        other => Err(wrong(at, column, other)),
    }
}

fn wrong(at: usize, column: &Column, cell: &Cell) -> Refusal {
    let given = match cell {
        Cell::Nothing(()) => "null".to_owned(),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => format!("\"{}\"", clip(text)),
    };
    Refusal::Cell { at, column: clip(&column.name), given, kind: column.kind }
}

fn row(columns: &[Column], given: &Given, at: usize) -> Result<Row, Refusal> {
    let json = given.as_json(at, EXPECTED)?;
    let refuse = || Refusal::Kind { at, given: clip(json), expected: EXPECTED };
    if json.len() > MAX_ROW_BYTES {
        return Err(refuse());
    }
    let row: Row = serde_json::from_str(json).map_err(|_| refuse())?;
    if let Some(column) = row.keys().find(|name| !columns.iter().any(|column| column.name == **name)) {
        let known = columns.iter().take(32).map(|column| clip(&column.name)).collect();
        return Err(Refusal::NoColumn { at, column: clip(column), known });
    }
    match columns.iter().find(|column| !row.contains_key(&column.name)) {
        Some(Column { name, kind, .. }) => Err(Refusal::MissingColumn { at, column: clip(name), kind: *kind }),
        None => Ok(row),
    }
}

/// A row that could come, to try the model with.
pub(crate) fn sample(columns: &[Column]) -> Given {
    let cell = |column: &Column| match column.kind {
        ColumnKind::Number => serde_json::Value::from(1),
        ColumnKind::Category => serde_json::Value::from(column.categories.first().map_or("a", String::as_str)),
    };
    let row: serde_json::Map<_, _> = columns.iter().map(|column| (column.name.clone(), cell(column))).collect();
    Given::Json(serde_json::value::to_raw_value(&row).expect("plain values are JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, datatype: DataType, width: u64) -> Port {
        Port { name: name.to_owned(), datatype, shape: vec![None, Some(width)] }
    }

    fn column(name: &str, kind: ColumnKind, input: &str, place: u32) -> Column {
        Column { name: name.to_owned(), kind, input: input.to_owned(), place, categories: Vec::new() }
    }

    fn columns() -> Vec<Column> {
        vec![
            column("age", ColumnKind::Number, "x", 0),
            column("colour", ColumnKind::Category, "colour", 0),
            column("size", ColumnKind::Number, "x", 1),
        ]
    }

    fn encoded(rows: &[&str]) -> Result<Vec<Tensor>, String> {
        let ports = [port("x", DataType::Fp32, 2), port("colour", DataType::Bytes, 1)];
        let given: Vec<Given> = rows.iter().map(|row| Given::File(row.as_bytes().to_vec())).collect();
        encode(&columns(), &ports, &given).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn columns_find_their_places_whatever_order_they_come_in() {
        let rows = [r#"{"size": 2, "age": 1.5, "colour": "red"}"#, r#"{"colour": "", "age": null, "size": -3}"#];
        let inputs = encoded(&rows).unwrap();
        let numbers = rows::floats(&inputs[0]).unwrap();
        assert_eq!((inputs[0].shape(), &numbers[..2], numbers[3]), (&[2, 2][..], &[1.5, 2.0][..], -3.0));
        assert!(numbers[2].is_nan(), "what is missing is for the model to impute");
        assert_eq!(inputs[1], Tensor::strings("colour", &[2, 1], &["red", ""]).unwrap());
    }

    #[test]
    fn rows_that_do_not_fit_are_refused_by_column() {
        for (row, reason) in [
            (r#"{"age": 1, "colour": "red"}"#, "input 0 lacks the column \"size\", a number"),
            (
                r#"{"age": 1, "colour": "red", "size": 1, "siez": 2}"#,
                "no column \"siez\"; the model has age, colour, size",
            ),
            (r#"{"age": "1", "colour": "red", "size": 1}"#, "has \"1\" in the column \"age\"; expected a number"),
            (r#"{"age": 1, "colour": 7, "size": 1}"#, "has 7 in the column \"colour\"; expected a text"),
            (r#"{"age": 1e300, "colour": "red", "size": 1}"#, "in the column \"age\""),
            ("[1]", "input 0 is [1]; expected an object"),
            ("{", "expected an object"),
        ] {
            let refused = encoded(&[row]).unwrap_err();
            assert!(refused.contains(reason), "{row}: {refused}");
        }
    }

    #[test]
    fn categories_that_are_named_are_all_there_are() {
        let mut column = column("colour", ColumnKind::Category, "colour", 0);
        column.categories = vec!["red".to_owned(), "blue".to_owned()];
        let one = |given: Given| encode(&[column.clone()], &[port("colour", DataType::Bytes, 1)], &[given]);
        assert!(one(sample(&[column.clone()])).is_ok());
        let refused = one(Given::File(br#"{"colour": "rde"}"#.to_vec())).unwrap_err().to_string();
        assert_eq!(refused, "input 0 has \"rde\" in the column \"colour\"; expected one of red, blue");
    }

    #[test]
    fn whole_numbers_are_not_rounded() {
        let columns = [column("n", ColumnKind::Number, "n", 0)];
        let one = |row: &str| encode(&columns, &[port("n", DataType::Int64, 1)], &[Given::File(row.into())]);
        assert_eq!(one(r#"{"n": 7}"#).unwrap(), [Tensor::int64("n", &[1, 1], &[7]).unwrap()]);
        for row in [r#"{"n": 7.5}"#, r#"{"n": null}"#, r#"{"n": 1e17}"#] {
            assert!(one(row).is_err(), "{row}");
        }
    }
}
