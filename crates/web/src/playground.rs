//! The form to run a model with, where its answer comes, and code that sends the same.
//!
//! Always: the form says all there is to know without a script, and a script alone makes it run: the page beside is
//! whole without one.

use maud::{Markup, Render, html};

use crate::figure::Money;
use crate::link;

/// The most bytes of a text that a call takes.
const MAX_TEXT: &str = "65536";

/// A form, and the models that are run with it: one, or two side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playground {
    /// What both take.
    pub form: Form,
    pub runners: Vec<Runner>,
    /// Where the hub is reached, for code that is taken elsewhere: without a slash at the end.
    pub hub: String,
    /// The page's own address on the hub: where one comes back to from signing in.
    pub here: String,
    /// Somebody is signed in.
    pub signed_in: bool,
}

/// A model that is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    pub owner: String,
    pub name: String,
    /// What one call costs, and the same in the other unit.
    pub price: Money,
    pub price_converted: Option<Money>,
    /// The whole price in words, where it is more than a price per call.
    pub price_terms: Option<String>,
    /// In OPG: a call is not to cost more than what is shown. None where it depends on what is sent.
    pub max_cost: Option<String>,
    /// Whether it is in memory, where that is known.
    pub loaded: Option<bool>,
    /// What the viewer's next call is paid from; none: nobody is signed in.
    pub paid_by: Option<PaidBy>,
}

/// What a call is paid from, with what is left there, in OPG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaidBy {
    Nobody,
    Promo { left: String },
    Cash { left: String },
    Trial { left: String },
    Short { cash: String, promo: String },
}

/// What a model takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    Text,
    File,
    Picture,
    Sound,
    /// Rows of a table; several where a call may have them.
    Rows {
        columns: Vec<Column>,
        many: bool,
    },
    /// The newest steps of these columns; without names there is one.
    History {
        columns: Vec<String>,
        window: u64,
    },
    Tensors(Vec<TensorField>),
}

/// A column of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub number: bool,
    /// The texts it may hold; none are named: any.
    pub choices: Vec<String>,
}

/// An input of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorField {
    pub name: String,
    /// In the protocol's words: `FP32`.
    pub datatype: String,
    /// Its axes; `None` is one of any size.
    pub shape: Vec<Option<u64>>,
    /// JSON to begin with; none: values are made up in the browser, for they are too many for a page.
    pub sample: Option<String>,
}

impl Form {
    /// What the scripts call it.
    fn word(&self) -> &'static str {
        match self {
            Form::Text => "text",
            Form::File => "file",
            Form::Picture => "picture",
            Form::Sound => "sound",
            Form::Rows { .. } => "row",
            Form::History { .. } => "history",
            Form::Tensors(_) => "tensors",
        }
    }

    /// What it is, in words.
    pub fn said(&self) -> String {
        match self {
            Form::Text => "a text".to_owned(),
            Form::File => "a file".to_owned(),
            Form::Picture => "a picture".to_owned(),
            Form::Sound => "a sound".to_owned(),
            Form::Rows { columns, .. } => {
                format!("rows of {}", columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", "))
            }
            Form::History { columns, .. } if columns.is_empty() => "a history of one column".to_owned(),
            Form::History { columns, .. } => format!("a history of {}", columns.join(", ")),
            Form::Tensors(fields) => {
                let field = |field: &TensorField| format!("{} {} [{}]", field.name, field.datatype, axes(&field.shape));
                fields.iter().map(field).collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// The form whose values both models take, if there is one.
    pub fn shared(&self, other: &Form) -> Option<Form> {
        match (self, other) {
            (Form::Rows { columns, many }, Form::Rows { columns: others, many: other_many }) => {
                let same = columns.len() == others.len()
                    && columns.iter().all(|column| others.iter().any(|other| other.fits(column)));
                same.then(|| Form::Rows {
                    columns: columns.iter().map(|column| column.narrowed(others)).collect(),
                    many: *many && *other_many,
                })
            }
            (Form::History { columns, window }, Form::History { columns: others, window: other }) => {
                (columns == others).then(|| Form::History { columns: columns.clone(), window: *window.max(other) })
            }
            (Form::Tensors(fields), Form::Tensors(others)) => {
                let shared = |field: &TensorField| others.iter().find_map(|other| field.shared(other));
                let fields: Vec<_> = fields.iter().filter_map(shared).collect();
                (fields.len() == others.len() && self.size() == others.len()).then_some(Form::Tensors(fields))
            }
            (one, other) => (one == other).then(|| one.clone()),
        }
    }

    fn size(&self) -> usize {
        if let Form::Tensors(fields) = self { fields.len() } else { 1 }
    }
}

impl Column {
    fn fits(&self, other: &Column) -> bool {
        let shares = |choice: &String| self.choices.is_empty() || self.choices.contains(choice);
        self.name == other.name
            && self.number == other.number
            && (other.choices.is_empty() || other.choices.iter().any(shares))
    }

    /// The same with what others take as well.
    fn narrowed(&self, others: &[Column]) -> Column {
        let other = others.iter().find(|other| other.name == self.name).unwrap_or(self);
        let choices = match (self.choices.is_empty(), other.choices.is_empty()) {
            (true, _) => other.choices.clone(),
            (_, true) => self.choices.clone(),
            _ => self.choices.iter().filter(|choice| other.choices.contains(choice)).cloned().collect(),
        };
        Column { choices, ..self.clone() }
    }
}

impl TensorField {
    fn shared(&self, other: &TensorField) -> Option<TensorField> {
        let axes = self.shape.iter().zip(&other.shape);
        let shape: Option<Vec<_>> = axes
            .map(|(one, other)| match (one, other) {
                (Some(one), Some(other)) if one != other => None,
                (one, other) => Some(one.or(*other)),
            })
            .collect();
        let same = self.name == other.name && self.datatype == other.datatype && self.shape.len() == other.shape.len();
        let shape = shape.filter(|_| same)?;
        // A sample of the one has the shape of the one.
        let sample = self
            .sample
            .clone()
            .filter(|_| shape == self.shape)
            .or_else(|| other.sample.clone().filter(|_| shape == other.shape));
        Some(TensorField { shape, sample, ..self.clone() })
    }
}

/// The form, a place for each answer, and code where there is some.
pub(crate) fn playground(view: &Playground, codes: Option<&Markup>) -> Markup {
    let (columns, window) = match &view.form {
        Form::History { columns, window } => (Some(texts(columns)), Some(*window)),
        _ => (None, None),
    };
    html! {
        div.playground.two[view.runners.len() > 1] id="playground" data-playground=(view.form.word()) data-hub=(view.hub) data-login=(login(&view.here))
            data-columns=[columns] data-window=[window] {
            form.ask aria-label="Input" novalidate {
                (fields(&view.form))
                @for runner in &view.runners { (pays(runner, view.runners.len() > 1)) }
                div.actions {
                    @if view.signed_in {
                        button type="submit" disabled data-wakes { @if view.runners.len() > 1 { "Run both" } @else { "Run" } }
                    } @else {
                        a.button href=(login(&view.here)) data-login { "Sign in to run" }
                    }
                    button.quiet type="button" disabled data-wakes data-do="share" { "Copy link" }
                }
                p.status role="status" {}
                noscript { p.note { "This form needs a script" @if codes.is_some() { "; the commands on this page need none" } "." } }
            }
            @for runner in &view.runners { (answer(runner, view.runners.len() > 1)) }
            @if let Some(codes) = codes {
                section.codes aria-labelledby="codes" {
                    h3 #codes { "Code" }
                    div.box data-tabs="Languages" { (codes) }
                    p.note.says { "Set MODELHUB_KEY to a key of yours." }
                    div.actions {
                        button.quiet type="button" disabled data-wakes data-do="copy" data-said="Copy code" { "Copy code" }
                        button.quiet type="button" hidden data-do="save" { "Save" }
                    }
                }
            }
        }
    }
}

fn login(here: &str) -> String {
    format!("/login?next={}", link::segment(here))
}

fn fields(form: &Form) -> Markup {
    html! {
        @match form {
            Form::Text => label.field {
                span { "Text" }
                textarea name="value" rows="6" maxlength=(MAX_TEXT) spellcheck="false" { "A text to try the model with." }
            },
            Form::File => (file("File", "any", None, "Use a sample file")),
            Form::Picture => (file("Picture", "PNG or JPEG", Some("image/png,image/jpeg"), "Use a sample picture")),
            Form::Sound => (file("Sound", "WAV", Some(".wav,audio/wav,audio/x-wav"), "Use a sample sound")),
            Form::Rows { columns, many } => {
                fieldset.row data-row {
                    legend { "Row 1" }
                    @for column in columns { (cell(column)) }
                }
                @if *many { button.quiet.add type="button" disabled data-wakes data-do="add-row" { "Add a row" } }
            }
            Form::History { columns, window } => {
                label.field {
                    span {
                        "History "
                        span.note {
                            "the newest last, at least " span.num { (window) } " steps"
                            @if !columns.is_empty() { " of " (columns.join(", ")) }
                            "; JSON, or a table with commas"
                        }
                    }
                    textarea name="value" rows="6" spellcheck="false" {}
                }
                label.field { span { "Or a CSV file" } input type="file" accept=".csv,.tsv,text/csv" disabled data-wakes; }
            }
            Form::Tensors(fields) => { @for field in fields { (tensor(field)) } }
        }
    }
}

fn file(what: &str, kinds: &str, accept: Option<&str>, sample: &str) -> Markup {
    html! {
        label.field {
            span { (what) " " span.note { (kinds) ", at most 16 MiB" } }
            input type="file" name="file" accept=[accept] disabled data-wakes;
        }
        div.preview data-preview { p.note { "Nothing is chosen yet." } }
        button.quiet.add type="button" disabled data-wakes data-do="sample" { (sample) }
    }
}

fn cell(column: &Column) -> Markup {
    html! {
        label.field {
            span { (column.name) }
            @if column.number {
                input type="text" inputmode="decimal" name=(column.name) data-column="number" value="1" maxlength="40" autocomplete="off";
            } @else if column.choices.is_empty() {
                input type="text" name=(column.name) data-column="text" value="a" maxlength="1000" autocomplete="off" spellcheck="false";
            } @else {
                select name=(column.name) data-column="text" {
                    @for choice in &column.choices { option value=(choice) { (choice) } }
                }
            }
        }
    }
}

fn tensor(field: &TensorField) -> Markup {
    let shape: Vec<_> =
        field.shape.iter().map(|axis| axis.map_or("null".to_owned(), |size| size.to_string())).collect();
    let said = if field.shape.is_empty() { "a single value".to_owned() } else { axes(&field.shape) };
    let kind = match field.datatype.as_str() {
        "BYTES" => "texts",
        "BOOL" => "true or false",
        _ => "numbers",
    };
    html! {
        fieldset.tensor data-tensor=(field.name) data-datatype=(field.datatype) data-shape={ "[" (shape.join(",")) "]" }
            data-generate[field.sample.is_none()] {
            legend { code { (field.name) } " " span.note { (field.datatype) ", " (said) } }
            label.field {
                span.hidden { (field.name) ", " (kind) " as JSON" }
                textarea name=(field.name) rows="3" spellcheck="false" placeholder={ "JSON: " (kind) ", lists in lists" } {
                    @if let Some(sample) = &field.sample { (sample) }
                }
            }
            @if field.datatype != "BYTES" {
                label.field.inline { span { "or a .npy file" } input type="file" accept=".npy" disabled data-wakes; }
            }
        }
    }
}

/// `any × 4`
fn axes(shape: &[Option<u64>]) -> String {
    let axis = |axis: &Option<u64>| axis.map_or("any".to_owned(), |size| size.to_string());
    shape.iter().map(axis).collect::<Vec<_>>().join(" × ")
}

fn pays(runner: &Runner, named: bool) -> Markup {
    html! {
        p.pays {
            @if named { strong { (runner.owner) "/" (runner.name) } ": " }
            (runner.price) " a call"
            @if let Some(other) = &runner.price_converted { ", about " (other) }
            @if let Some(terms) = &runner.price_terms { " (" (terms) ")" }
            @if let Some(paid) = &runner.paid_by { ", " (paid) }
            ". "
            span data-state={ (runner.owner) "/" (runner.name) } {
                @match runner.loaded {
                    Some(true) => "Warm: it is loaded.",
                    Some(false) => "Cold: the first call loads it.",
                    None => {}
                }
            }
        }
    }
}

impl Render for PaidBy {
    fn render(&self) -> Markup {
        let opg = |amount: &String| Money::opg(amount.clone());
        html! {
            @match self {
                PaidBy::Nobody => "free",
                PaidBy::Promo { left } => { "from your promo, " (opg(left)) }
                PaidBy::Cash { left } => { "from your cash, " (opg(left)) }
                PaidBy::Trial { left } => { "as a free trial, " (opg(left)) " left" }
                PaidBy::Short { cash, promo } => {
                    "which you lack: you have " (opg(cash)) " cash and " (opg(promo)) " promo"
                }
            }
        }
    }
}

fn answer(runner: &Runner, named: bool) -> Markup {
    let model = format!("{}/{}", runner.owner, runner.name);
    html! {
        section.answer data-model=(model) data-max-cost=[runner.max_cost.as_ref()] aria-label={ "Answer of " (model) } {
            h3 { @if named { a href=(link::model(&runner.owner, &runner.name)) { (model) } } @else { "Answer" } }
            div.box data-tabs={ "Answer of " (model) } {
                p.note { "What it answers stands here, with what it cost and a receipt. Inputs are not stored." }
            }
            p.told.note {}
        }
    }
}

/// A JSON list of texts.
fn texts(list: &[String]) -> String {
    let quoted = |text: &String| {
        let mut out = String::from("\"");
        for letter in text.chars() {
            match letter {
                '"' | '\\' => out.extend(['\\', letter]),
                control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
                plain => out.push(plain),
            }
        }
        out + "\""
    };
    format!("[{}]", list.iter().map(quoted).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, shape: &[Option<u64>]) -> TensorField {
        TensorField { name: name.into(), datatype: "FP32".into(), shape: shape.into(), sample: Some("[1]".into()) }
    }

    fn column(name: &str, choices: &[&str]) -> Column {
        Column { name: name.into(), number: false, choices: choices.iter().map(ToString::to_string).collect() }
    }

    fn rows(columns: Vec<Column>) -> Form {
        Form::Rows { columns, many: true }
    }

    #[test]
    fn two_models_share_what_both_take() {
        let of = |shape: &[Option<u64>]| Form::Tensors(vec![field("x", shape)]);
        let shared = of(&[None, Some(4)]).shared(&of(&[Some(1), Some(4)]));
        assert_eq!(shared, Some(Form::Tensors(vec![field("x", &[Some(1), Some(4)])])));
        assert_eq!(of(&[None, Some(4)]).shared(&of(&[None, Some(5)])), None);
        assert_eq!(of(&[None]).shared(&of(&[None, None])), None);
        let two = Form::Tensors(vec![field("x", &[None]), field("y", &[None])]);
        assert_eq!(two.shared(&Form::Tensors(vec![field("x", &[None])])), None);
        assert_eq!(Form::Tensors(vec![field("x", &[None])]).shared(&two), None);
        assert_eq!(Form::Text.shared(&Form::Text), Some(Form::Text));
        assert_eq!(Form::Text.shared(&Form::Picture), None);
    }

    #[test]
    fn two_tables_share_their_columns_and_the_categories_that_both_know() {
        let one = rows(vec![column("port", &["cork", "dover"]), column("deck", &[])]);
        let other = rows(vec![column("deck", &["a"]), column("port", &["dover", "bath"])]);
        let both = rows(vec![column("port", &["dover"]), column("deck", &["a"])]);
        assert_eq!(one.shared(&other), Some(both));
        assert_eq!(one.shared(&rows(vec![column("port", &["bath"]), column("deck", &[])])), None);
        assert_eq!(one.shared(&rows(vec![column("port", &[])])), None);
    }

    #[test]
    fn a_sample_that_does_not_fit_what_is_shared_is_left_out() {
        let (one, other) = (field("x", &[None, Some(2)]), field("x", &[Some(3), None]));
        assert_eq!(one.shared(&other).map(|both| (both.shape, both.sample)), Some((vec![Some(3), Some(2)], None)));
    }

    #[test]
    fn names_of_columns_are_json_whatever_they_are() {
        assert_eq!(texts(&["a\"\\\n".into(), "é".into()]), r#"["a\"\\\u000a","é"]"#);
    }
}
