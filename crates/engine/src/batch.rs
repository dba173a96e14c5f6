//! Several calls as one run: inputs joined along their first axis, outputs cut again.
//!
//! Always: only calls whose inputs have the same names, types and further axes are joined; what comes back is cut where
//! the inputs were joined, or not believed.

use tensor::{DataType, Tensor};

/// The first axis that all inputs share; nothing if they have none in common.
pub fn rows(inputs: &[Tensor]) -> Option<u64> {
    let (first, others) = inputs.split_first()?;
    let rows = *first.shape().first()?;
    (rows > 0 && others.iter().all(|tensor| tensor.shape().first() == Some(&rows))).then_some(rows)
}

/// Whether two calls can be one run.
pub fn fit(one: &[Tensor], other: &[Tensor]) -> bool {
    one.len() == other.len()
        && one.iter().all(|tensor| {
            other.iter().any(|same| {
                same.name() == tensor.name()
                    && same.datatype() == tensor.datatype()
                    && same.shape().get(1..) == tensor.shape().get(1..)
            })
        })
}

/// The inputs of all calls as those of one. Nothing if they are more than one call may bring.
pub fn join(calls: &[&[Tensor]]) -> Option<Vec<Tensor>> {
    let joined = calls.first()?.iter().map(|tensor| {
        let mut parts = Vec::with_capacity(calls.len());
        for call in calls {
            parts.push(call.iter().find(|part| part.name() == tensor.name())?);
        }
        let mut shape = tensor.shape().to_vec();
        *shape.first_mut()? = parts.iter().filter_map(|part| part.shape().first()).sum();
        let bytes = parts.iter().map(|part| part.bytes()).collect::<Vec<_>>().concat();
        Tensor::new(tensor.name(), tensor.datatype(), shape, bytes).ok()
    });
    joined.collect()
}

/// Outputs of one run as those of each call, whose rows these are. Nothing if they do not have as many rows.
pub fn split(outputs: &[Tensor], rows: &[u64]) -> Option<Vec<Vec<Tensor>>> {
    let mut calls = vec![Vec::with_capacity(outputs.len()); rows.len()];
    for output in outputs {
        let all = *output.shape().first()?;
        if all == 0 || all != rows.iter().sum::<u64>() {
            return None;
        }
        let mut rest = output.bytes();
        for (call, rows) in calls.iter_mut().zip(rows) {
            let mut shape = output.shape().to_vec();
            shape[0] = *rows;
            let length = match output.datatype() {
                DataType::Bytes => length_of(rest, shape.iter().product())?,
                _ => output.bytes().len() / all as usize * *rows as usize,
            };
            let (bytes, after) = rest.split_at_checked(length)?;
            rest = after;
            call.push(Tensor::new(output.name(), output.datatype(), shape, bytes.to_vec()).ok()?);
        }
    }
    Some(calls)
}

/// How many bytes so many elements of BYTES take.
fn length_of(bytes: &[u8], elements: u64) -> Option<usize> {
    let mut at = 0;
    for _ in 0..elements {
        let length = bytes.get(at..)?.first_chunk::<4>()?;
        at += 4 + u32::from_le_bytes(*length) as usize;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(rows: u64, first: i64) -> Vec<Tensor> {
        let numbers: Vec<i64> = (first..first + 2 * rows as i64).collect();
        let words: Vec<String> = (0..rows).map(|row| "w".repeat(row as usize + first as usize)).collect();
        vec![Tensor::int64("x", &[rows, 2], &numbers).unwrap(), Tensor::strings("s", &[rows], &words).unwrap()]
    }

    #[test]
    fn what_was_joined_is_cut_where_it_was_joined() {
        let calls = [call(1, 3), call(3, 0), call(2, 7)];
        let slices: Vec<&[Tensor]> = calls.iter().map(Vec::as_slice).collect();
        let joined = join(&slices).unwrap();
        assert_eq!(joined[0].shape(), [6, 2]);
        assert_eq!(joined[1].shape(), [6]);
        assert_eq!(split(&joined, &[1, 3, 2]).unwrap(), calls);
    }

    #[test]
    fn outputs_of_another_count_are_not_cut() {
        let outputs = call(3, 0);
        assert_eq!(split(&outputs, &[1, 1]), None);
        assert_eq!(split(&[Tensor::fp32("y", &[], &[1.0]).unwrap()], &[1]), None, "no axis");
        assert_eq!(split(&[Tensor::fp32("y", &[0, 4], &[]).unwrap()], &[0]), None, "no rows");
    }

    #[test]
    fn calls_fit_by_names_types_and_further_axes_in_any_order() {
        let mut turned = call(2, 0);
        turned.reverse();
        assert!(fit(&call(1, 0), &turned));
        let slices: [&[Tensor]; 2] = [&call(1, 0), &turned];
        assert_eq!(join(&slices).unwrap()[0].shape(), [3, 2]);
        let other = vec![Tensor::int64("x", &[1, 3], &[1, 2, 3]).unwrap(), call(1, 0)[1].clone()];
        assert!(!fit(&call(1, 0), &other), "another second axis");
        assert!(!fit(&call(1, 0), &call(1, 0)[..1]), "one is missing");
        let other = vec![Tensor::fp32("x", &[1, 2], &[1.0, 2.0]).unwrap(), call(1, 0)[1].clone()];
        assert!(!fit(&call(1, 0), &other), "another type");
    }

    #[test]
    fn rows_are_the_first_axis_of_all_or_none() {
        assert_eq!(rows(&call(3, 0)), Some(3));
        assert_eq!(rows(&[call(3, 0).remove(0), call(2, 0).remove(1)]), None);
        assert_eq!(rows(&[Tensor::fp32("x", &[], &[1.0]).unwrap()]), None);
        assert_eq!(rows(&[Tensor::fp32("x", &[0], &[]).unwrap()]), None);
        assert_eq!(rows(&[]), None);
    }
}
