//! Outputs that are a sequence of maps, one map a row, as two tensors.
//!
//! `ZipMap`, which exporters put behind classifiers, makes them of a plain matrix. Here the matrix comes back under the
//! output's own name, and what its columns stand for under the name with [`SUFFIX`].
//!
//! Always: the keys stand in the order of the runtime's maps, which is sorted; every row has the same ones, or the run
//! fails; no two outputs have one name, or the model does not load. The keys have an axis of one row in front, so that
//! nobody who tells calls apart by rows takes them for some.

use ort::value::{DynMapValueType, DynSequenceValueType, TensorElementType, ValueRef, ValueType};
use tensor::{DataType, Port, Tensor};

use crate::data::text;

/// What follows an output's name in the name of its keys.
pub(crate) const SUFFIX: &str = ".keys";

/// The two tensors that stand for such an output.
#[derive(Debug)]
pub(crate) struct Maps {
    pub(crate) values: Port,
    pub(crate) keys: Port,
}

impl Maps {
    /// If an output of this type is a sequence of maps from whole numbers or texts to FP32.
    pub(crate) fn of(name: &str, kind: &ValueType) -> Option<Maps> {
        let ValueType::Sequence(row) = kind else { return None };
        let ValueType::Map { key, value: TensorElementType::Float32 } = **row else { return None };
        let datatype = match key {
            TensorElementType::Int64 => DataType::Int64,
            TensorElementType::String => DataType::Bytes,
            _ => return None,
        };
        Some(Maps {
            values: Port { name: name.to_owned(), datatype: DataType::Fp32, shape: vec![None, None] },
            keys: Port { name: format!("{name}{SUFFIX}"), datatype, shape: vec![Some(1), None] },
        })
    }

    /// The tensors of an answer: values `[rows, keys]`, keys `[1, keys]`.
    pub(crate) fn read(&self, value: ValueRef<'_>) -> Result<[Tensor; 2], String> {
        match self.keys.datatype {
            DataType::Int64 => {
                let table = self.table::<i64>(value)?;
                self.tensors(&table, |name, shape| Tensor::int64(name, shape, &table.keys))
            }
            _ => {
                let table = self.table::<String>(value)?;
                self.tensors(&table, |name, shape| Tensor::strings(name, shape, &table.keys))
            }
        }
    }

    fn table<K: Key>(&self, value: ValueRef<'_>) -> Result<Table<K>, String> {
        let name = &self.values.name;
        let rows = value.downcast::<DynSequenceValueType>().map_err(text)?;
        let rows = rows.try_extract_sequence::<DynMapValueType>().map_err(text)?;
        let mut table = Table { rows: rows.len(), keys: Vec::new(), values: Vec::new() };
        for (place, row) in rows.into_iter().enumerate() {
            let (keys, values): (Vec<K>, Vec<f32>) =
                row.try_extract_key_values::<K, f32>().map_err(text)?.into_iter().unzip();
            if place == 0 {
                table.keys = keys;
            } else if keys != table.keys {
                return Err(format!("output {name:?} has other keys in row {place} than in row 0"));
            }
            table.values.extend_from_slice(&values);
            if size_of_val(&*table.values) > tensor::MAX_BYTES {
                return Err(format!("output {name:?} has more than {} bytes", tensor::MAX_BYTES));
            }
        }
        Ok(table)
    }

    fn tensors<K>(
        &self,
        table: &Table<K>,
        keys: impl FnOnce(&str, &[u64]) -> Result<Tensor, tensor::Mismatch>,
    ) -> Result<[Tensor; 2], String> {
        let count = table.keys.len() as u64;
        let values = Tensor::fp32(&*self.values.name, &[table.rows as u64, count], &table.values);
        let told = |mismatch| format!("output {mismatch}");
        Ok([values.map_err(told)?, keys(&self.keys.name, &[1, count]).map_err(told)?])
    }
}

/// The keys have a name that the model did not choose, so an output of the model may have it already.
pub(crate) fn check_names(ports: &[Port]) -> Result<(), String> {
    for (place, port) in ports.iter().enumerate() {
        if ports[..place].iter().any(|other| other.name == port.name) {
            let rule = format!("the keys of a sequence of maps get its name and {SUFFIX:?}");
            return Err(format!("two outputs are called {:?}; {rule}", port.name));
        }
    }
    Ok(())
}

/// What the maps are when their keys are the same: one line of keys, and a matrix.
struct Table<K> {
    rows: usize,
    keys: Vec<K>,
    values: Vec<f32>,
}

/// What keys can be.
trait Key: ort::value::IntoTensorElementType + Clone + std::hash::Hash + Eq {}

impl Key for i64 {}

impl Key for String {}
