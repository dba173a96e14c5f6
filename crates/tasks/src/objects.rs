//! Boxes around the things on a picture.
//!
//! Always: a box is told in pixels of the caller's picture and lies on it; of boxes of one label that cover nearly the
//! same, the best is told; what is no finite number is no box.

use registry::task::{Activation, Coordinates, Form, Objects, Picture, Unit};
use serde::Serialize;
use tensor::{DataType, Tensor};

use crate::picture::Placed;
use crate::refusal::Refusal;
use crate::rows;
use crate::scores::{Outcome, activate, highest};

/// A thing and the box around it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Object {
    pub label: String,
    pub score: f32,
    #[serde(rename = "box")]
    pub edges: Edges,
}

/// In pixels from the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Edges {
    pub xmin: f32,
    pub ymin: f32,
    pub xmax: f32,
    pub ymax: f32,
}

/// The most boxes of a picture that are compared with each other.
const MAX_CANDIDATES: usize = 10_000;

/// What classes come in.
const CLASSES: [DataType; 3] = [DataType::Fp32, DataType::Int64, DataType::Int32];

/// A box in pixels of the model's input.
struct Candidate {
    class: usize,
    score: f32,
    /// Left, upper, right, lower.
    edges: [f64; 4],
    told: Edges,
}

/// Whether outputs of these types and shapes hold boxes for so many pictures.
pub(crate) fn fits(objects: &Objects, outputs: &[&Tensor], count: usize) -> bool {
    let (count, classes) = (count as u64, objects.classes() as u64);
    let floats = |output: &Tensor| output.datatype() == DataType::Fp32;
    match (&objects.form, outputs) {
        (Form::One { boxes_axis, objectness, .. }, [one]) => {
            let values = 4 + u64::from(*objectness) + classes;
            let last = *boxes_axis == 1;
            floats(one)
                && matches!(one.shape(), [n, first, second] if *n == count && values == if last { *second } else { *first })
        }
        (Form::Apart { .. }, [boxes, scores, rest @ ..]) => {
            // A model that takes one picture may have no axis for many.
            let many = match boxes.shape() {
                [n, _, 4] if *n == count => &boxes.shape()[..2],
                [_, 4] if count == 1 => &boxes.shape()[..1],
                _ => return false,
            };
            let (same, each) = (|shape: &[u64]| shape == many, [many, &[classes]].concat());
            let classed = match rest {
                [] => scores.shape() == each,
                [classes] => same(scores.shape()) && same(classes.shape()) && CLASSES.contains(&classes.datatype()),
                _ => false,
            };
            floats(boxes) && floats(scores) && classed
        }
        _ => false,
    }
}

/// The boxes of each picture, the best first.
pub(crate) fn decode(
    objects: &Objects,
    picture: &Picture,
    placed: &[Placed],
    outputs: &[&Tensor],
) -> Result<Vec<Outcome>, Refusal> {
    let wrong = Refusal::Answer { reason: "expected boxes and their scores for each picture" };
    if !fits(objects, outputs, placed.len()) {
        return Err(wrong);
    }
    let count = placed.len();
    let sides = [f64::from(picture.width), f64::from(picture.height)];
    let numbers: Vec<Vec<f32>> =
        outputs.iter().map(|output| rows::small(output)).collect::<Option<_>>().ok_or(wrong)?;
    let outcome = |(at, placed): (usize, &Placed)| {
        let own = |numbers: &'_ Vec<f32>| {
            let size = numbers.len() / count;
            at * size..(at + 1) * size
        };
        let own: Vec<&[f32]> = numbers.iter().map(|numbers| &numbers[own(numbers)]).collect();
        let kept = apart(objects, candidates(objects, placed, &own, sides));
        Outcome::Objects { objects: kept.into_iter().map(|candidate| named(objects, candidate)).collect() }
    };
    Ok(placed.iter().enumerate().map(outcome).collect())
}

/// The boxes of one picture that have a score that is high enough, the best first.
fn candidates(objects: &Objects, placed: &Placed, numbers: &[&[f32]], sides: [f64; 2]) -> Vec<Candidate> {
    let classes = objects.classes();
    let mut found = Vec::new();
    let mut take = |four: [f32; 4], scores: &mut dyn Iterator<Item = (usize, f32)>| {
        let something = |(class, _): &(usize, f32)| objects.background.is_none_or(|none| none as usize != *class);
        let best = highest(scores.filter(something));
        let best = best.filter(|(_, score)| score.is_finite() && *score >= objects.threshold.0);
        let Some(((class, score), edges)) = best.zip(edges(objects, four, sides)) else { return };
        found.extend(told(placed, &edges).map(|told| Candidate { class, score, edges, told }));
    };
    match (&objects.form, numbers) {
        (Form::One { boxes_axis, objectness, .. }, [one]) => {
            let values = 4 + usize::from(*objectness) + classes;
            let boxes = one.len() / values;
            // From one value of a box to the next, and from one box to the next.
            let (step, next) = if *boxes_axis == 1 { (1, values) } else { (boxes, 1) };
            let mut row = vec![0.0; classes];
            for at in (0..boxes).map(|at| at * next) {
                let value = |place: usize| one[at + place * step];
                let first = values - classes;
                row.iter_mut().enumerate().for_each(|(class, score)| *score = value(first + class));
                activate(objects.activation, &mut row);
                let mut sure = [if *objectness { value(4) } else { 1.0 }];
                if *objectness && objects.activation == Activation::Sigmoid {
                    activate(Activation::Sigmoid, &mut sure);
                }
                let scores = row.iter().map(|score| score * sure[0]);
                take([value(0), value(1), value(2), value(3)], &mut scores.enumerate());
            }
        }
        (Form::Apart { .. }, [boxes, scores, rest @ ..]) => {
            let mut row = vec![0.0; classes];
            for (at, four) in boxes.as_chunks::<4>().0.iter().enumerate() {
                match rest {
                    [named, ..] => {
                        let mut score = [scores[at]];
                        activate(objects.activation, &mut score);
                        let class = named[at];
                        if class >= 0.0 && class.fract() == 0.0 {
                            take(*four, &mut std::iter::once((class as usize, score[0])));
                        }
                    }
                    [] => {
                        row.copy_from_slice(&scores[at * classes..(at + 1) * classes]);
                        activate(objects.activation, &mut row);
                        take(*four, &mut row.iter().copied().enumerate());
                    }
                }
            }
        }
        _ => {}
    }
    found.sort_by(|one, other| other.score.total_cmp(&one.score));
    found.truncate(MAX_CANDIDATES);
    found
}

/// A box's edges in pixels of the model's input; none where it covers nothing.
fn edges(objects: &Objects, four: [f32; 4], [width, height]: [f64; 2]) -> Option<[f64; 4]> {
    let [a, b, c, d] = four.map(f64::from);
    let [left, top, right, bottom] = match objects.coordinates {
        Coordinates::Xyxy => [a, b, c, d],
        Coordinates::Yxyx => [b, a, d, c],
        Coordinates::Xywh => [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0],
    };
    let edges = match objects.unit {
        Unit::Pixel => [left, top, right, bottom],
        Unit::Relative => [left * width, top * height, right * width, bottom * height],
    };
    let good = edges.iter().all(|edge| edge.is_finite()) && edges[0] < edges[2] && edges[1] < edges[3];
    good.then_some(edges)
}

/// Of those that cover nearly the same under one label, the best.
fn apart(objects: &Objects, candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if kept.len() == objects.most as usize {
            break;
        }
        let hides = |better: &Candidate| {
            better.class == candidate.class && overlap(&better.edges, &candidate.edges) > f64::from(objects.overlap.0)
        };
        if !kept.iter().any(hides) {
            kept.push(candidate);
        }
    }
    kept
}

/// What both cover, as a share of what they cover together.
fn overlap(one: &[f64; 4], other: &[f64; 4]) -> f64 {
    let side = |from: usize, to: usize| (one[to].min(other[to]) - one[from].max(other[from])).max(0.0);
    let area = |edges: &[f64; 4]| (edges[2] - edges[0]) * (edges[3] - edges[1]);
    let both = side(0, 2) * side(1, 3);
    both / (area(one) + area(other) - both)
}

/// On the caller's picture; none where nothing of it is on it.
fn told(placed: &Placed, edges: &[f64; 4]) -> Option<Edges> {
    let edge = |at: usize| {
        let axis = at % 2;
        let (size, from, to) = (f64::from(placed.size[axis]), f64::from(placed.from[axis]), f64::from(placed.to[axis]));
        ((edges[at] - from) * size / to).clamp(0.0, size) as f32
    };
    let edges = Edges { xmin: edge(0), ymin: edge(1), xmax: edge(2), ymax: edge(3) };
    (edges.xmin < edges.xmax && edges.ymin < edges.ymax).then_some(edges)
}

/// A class without a label is told by its number.
fn named(objects: &Objects, Candidate { class, score, told, .. }: Candidate) -> Object {
    let label = objects.label(class).map_or_else(|| class.to_string(), str::to_owned);
    Object { label, score, edges: told }
}

#[cfg(test)]
mod tests {
    use registry::task::{Channels, Layout, Letterbox, Real};

    use super::*;

    fn objects(form: Form) -> Objects {
        Objects {
            labels: vec!["cat".to_owned(), "dog".to_owned()],
            form,
            coordinates: Coordinates::Xywh,
            unit: Unit::Pixel,
            activation: Activation::None,
            background: None,
            threshold: Real(0.5),
            overlap: Real(0.5),
            most: 3,
        }
    }

    fn picture() -> Picture {
        let (mean, std, layout, channels) = ([Real(0.0); 3], [Real(1.0); 3], Layout::Nchw, Channels::Rgb);
        let letterbox = Some(Letterbox { pad: Real(114.0), middle: true });
        Picture { input: "x".to_owned(), width: 100, height: 100, resize: None, mean, std, layout, channels, letterbox }
    }

    /// A picture of 400 × 200 on a sheet of 100 × 100: a quarter as large, 25 from above.
    const PLACED: Placed = Placed { size: [400, 200], from: [0, 25], to: [100, 50] };

    fn found(objects: &Objects, outputs: &[Tensor]) -> Result<Vec<(String, f32, [f32; 4])>, Refusal> {
        let outputs: Vec<&Tensor> = outputs.iter().collect();
        let outcomes = decode(objects, &picture(), &[PLACED], &outputs)?;
        let [Outcome::Objects { objects }] = &outcomes[..] else { panic!("{outcomes:?}") };
        let four = |Edges { xmin, ymin, xmax, ymax }: Edges| [xmin, ymin, xmax, ymax];
        Ok(objects.iter().map(|object| (object.label.clone(), object.score, four(object.edges))).collect())
    }

    fn cat(score: f32, edges: [f32; 4]) -> (String, f32, [f32; 4]) {
        ("cat".to_owned(), score, edges)
    }

    fn dog(score: f32, edges: [f32; 4]) -> (String, f32, [f32; 4]) {
        ("dog".to_owned(), score, edges)
    }

    /// x, y, width, height, cat, dog. The second shares 300 / 500 of both with the first, the third 200 / 600.
    const ROWS: [[f32; 6]; 6] = [
        [50.0, 50.0, 20.0, 20.0, 0.9, 0.1],
        [55.0, 50.0, 20.0, 20.0, 0.8, 0.1],
        [60.0, 50.0, 20.0, 20.0, 0.7, 0.1],
        [55.0, 50.0, 20.0, 20.0, 0.1, 0.6],
        [10.0, 10.0, 20.0, 20.0, 0.95, 0.0],
        [50.0, 50.0, 20.0, 20.0, 0.4, 0.49],
    ];

    #[test]
    fn boxes_come_back_to_the_callers_picture_in_both_orientations() {
        // By hand: left 40 · 4, upper (40 - 25) · 4. The fifth lies above the picture: 20 - 25 < 0.
        let expected = vec![
            cat(0.9, [160.0, 60.0, 240.0, 140.0]),
            cat(0.7, [200.0, 60.0, 280.0, 140.0]),
            dog(0.6, [180.0, 60.0, 260.0, 140.0]),
        ];
        let one = |boxes_axis| Form::One { output: "y".to_owned(), boxes_axis, objectness: false };
        let rows = Tensor::fp32("y", &[1, 6, 6], ROWS.as_flattened()).unwrap();
        let turned: Vec<f32> = (0..6).flat_map(|value| ROWS.map(|row| row[value])).collect();
        let columns = Tensor::fp32("y", &[1, 6, 6], &turned).unwrap();
        for (axis, output) in [(1, rows), (2, columns)] {
            assert_eq!(found(&objects(one(axis)), &[output]).unwrap(), expected, "axis {axis}");
        }
        // With room for more and without a limit on what is shared, all that are sure enough are told.
        let mut wide = objects(one(1));
        (wide.most, wide.overlap) = (10, Real(1.0));
        let rows = [Tensor::fp32("y", &[1, 6, 6], ROWS.as_flattened()).unwrap()];
        assert_eq!(found(&wide, &rows).unwrap().len(), 4);
        wide.most = 1;
        assert_eq!(found(&wide, &rows).unwrap(), expected[..1]);
    }

    #[test]
    fn boxes_scores_and_classes_may_come_apart() {
        let apart = |classes: Option<&str>| Form::Apart {
            boxes: "b".to_owned(),
            scores: "s".to_owned(),
            classes: classes.map(str::to_owned),
        };
        let mut objects = objects(apart(Some("c")));
        (objects.coordinates, objects.unit) = (Coordinates::Yxyx, Unit::Relative);
        let boxes =
            Tensor::fp32("b", &[1, 3, 4], &[0.5, 0.0, 0.75, 0.5, 0.375, 0.0, 0.9, 1.5, 0.4, 0.4, 0.5, 0.5]).unwrap();
        let scores = Tensor::fp32("s", &[1, 3], &[0.75, 0.5, 0.499]).unwrap();
        let classes = Tensor::int64("c", &[1, 3], &[1, 7, 0]).unwrap();
        let expected = [
            dog(0.75, [0.0, 100.0, 200.0, 200.0]),
            // A class without a name, over the edge of the picture.
            ("7".to_owned(), 0.5, [0.0, 50.0, 400.0, 200.0]),
        ];
        assert_eq!(found(&objects, &[boxes.clone(), scores, classes]).unwrap(), expected);

        // As DETR has it: a softmax over the labels and nothing, here e⁰·⁵ / (e⁰·⁵ + 2) = 0.4519 and e² / (e² + 2) = 0.787.
        let mut detr = super::tests::objects(apart(None));
        (detr.coordinates, detr.unit, detr.activation) = (Coordinates::Xyxy, Unit::Relative, Activation::Softmax);
        (detr.background, detr.threshold) = (Some(2), Real(0.0));
        let logits = Tensor::fp32("s", &[1, 3, 3], &[0.0, 2.0, 0.0, 0.0, 0.0, 2.0, 0.5, 0.0, 0.0]).unwrap();
        let told = found(&detr, &[boxes, logits]).unwrap();
        let short: Vec<_> = told.iter().map(|(label, score, _)| (label.as_str(), (score * 1e3).round())).collect();
        assert_eq!(short, [("dog", 787.0), ("cat", 452.0), ("cat", 107.0)]);
    }

    #[test]
    fn how_sure_a_model_is_that_there_is_something_counts() {
        let mut objects = objects(Form::One { output: "y".to_owned(), boxes_axis: 1, objectness: true });
        let row = [50.0, 50.0, 20.0, 20.0, 0.75, 0.1, 0.8];
        assert_eq!(found(&objects, &[Tensor::fp32("y", &[1, 1, 7], &row).unwrap()]).unwrap()[0].1, 0.75 * 0.8);
        objects.activation = Activation::Sigmoid;
        objects.threshold = Real(0.2);
        let row = [50.0, 50.0, 20.0, 20.0, 0.0, -9.0, 0.0];
        assert_eq!(found(&objects, &[Tensor::fp32("y", &[1, 1, 7], &row).unwrap()]).unwrap()[0].1, 0.25);
    }

    #[test]
    fn what_is_no_number_is_no_box_and_many_are_few() {
        let one = objects(Form::One { output: "y".to_owned(), boxes_axis: 1, objectness: false });
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in 0..6 {
                let mut row = [50.0, 50.0, 20.0, 20.0, 0.9, 0.1];
                row[place] = bad;
                let told = found(&one, &[Tensor::fp32("y", &[1, 1, 6], &row).unwrap()]).unwrap();
                // A NaN or a low score of the dog leaves the cat.
                let kept = place == 5 && bad != f32::INFINITY;
                assert_eq!(told.len(), usize::from(kept), "{bad} at {place}");
            }
        }
        let turned = [60.0, 60.0, -20.0, 20.0, 0.9, 0.1];
        assert!(found(&one, &[Tensor::fp32("y", &[1, 1, 6], &turned).unwrap()]).unwrap().is_empty());
        let many: Vec<f32> = (0..30_000).flat_map(|at| [50.0, 50.0, 1.0 + at as f32, 1.0, 0.9, 0.0]).collect();
        let told = found(&one, &[Tensor::fp32("y", &[1, 30_000, 6], &many).unwrap()]).unwrap();
        assert_eq!(told.len(), 3);
        assert!(found(&one, &[Tensor::fp32("y", &[1, 0, 6], &[]).unwrap()]).unwrap().is_empty());
        for shape in [&[1u64, 6, 1][..], &[2, 1, 3], &[6], &[1, 1, 1, 6]] {
            assert!(found(&one, &[Tensor::fp32("y", shape, &ROWS[0]).unwrap()]).is_err(), "{shape:?}");
        }
    }
}
