//! Writes pages with invented data into a folder, to be looked at in a browser:
//! `cargo run --profile ci -p web --example preview -- FOLDER`.
//!
//! Nothing in it was measured: all names and figures are made up, and the models' summaries say so.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use web::{
    Access, Change, CheckKind, CheckRow, Choice, Chosen, Chrome, Code, Compared, FacetGroup, FacetValue, FoundRow,
    Home, HomeFigures, Labels, Model, ModelFigures, ModelRow, Money, PortRow, Problem, Ratio, ReleaseRow, Role, Search,
    Share,
};
use web::{Lately, Shelf, ShelfKind, TaskCount};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::args_os().nth(1).unwrap_or("preview".into()));
    fs::create_dir_all(folder.join("static"))?;
    let script = web::asset(web::playground_name()).map(|asset| String::from_utf8_lossy(asset.bytes).into_owned());
    let modules: Vec<_> =
        script.iter().flat_map(|text| text.split("\"./").skip(1)).filter_map(|rest| rest.split('"').next()).collect();
    for name in [web::style_name(), web::icon_name(), web::playground_name()].into_iter().chain(modules) {
        let asset = web::asset(name).expect("assets are found by their names");
        fs::write(folder.join("static").join(name), asset.bytes)?;
    }
    let write = |name: &str, page: String| write(&folder, name, &page);
    write("home", web::home(&home()))?;
    write("empty", web::home(&Home { shelves: Vec::new(), figures: HomeFigures::default(), ..home() }))?;
    write("model", web::model(&model()))?;
    write("bare", web::model(&bare()))?;
    let form = |form| web::model(&Model { playground: Some(playground(form)), ..model() });
    let column = |name: &str, choices: &[&str]| web::Column {
        name: name.into(),
        number: choices.is_empty(),
        choices: choices.iter().map(ToString::to_string).collect(),
    };
    let columns = vec![column("age", &[]), column("fare", &[]), column("port", &["cork", "dover", "le havre"])];
    write("rows", form(web::Form::Rows { columns, many: true }))?;
    write("picture", form(web::Form::Picture))?;
    write("sound", form(web::Form::Sound))?;
    write("history", form(web::Form::History { columns: Vec::new(), window: 24 }))?;
    write("tensors", form(tensors()))?;
    write("compare", web::compare(&compare()))?;
    write("wide", web::model(&wide()))?;
    write("search", web::search(&search()))?;
    write("diff", web::diff(&diff()))?;
    write("problem", web::problem(&problem()))
}

/// Links of the pages are absolute; a folder opened in a browser has no root, so assets get relative ones.
fn write(folder: &Path, name: &str, page: &str) -> io::Result<()> {
    fs::write(folder.join(name).with_extension("html"), page.replace("\"/static/", "\"static/"))
}

fn chrome() -> Chrome {
    Chrome { dev: true, hub_name: "Model Hub".into(), viewer: Some("alice".into()) }
}

fn diff() -> web::Diff {
    let field = |field: &str, from: &str, to: &str| web::ChangedField {
        field: field.into(),
        from: Some(from.into()),
        to: Some(to.into()),
    };
    web::Diff {
        chrome: chrome(),
        owner: "alice".into(),
        name: "iris".into(),
        from: "1.00".into(),
        to: "1.01".into(),
        files: vec![web::ChangedFile {
            path: "model.onnx".into(),
            from: Some((120_334, "6b51d431df5d7f14".into())),
            to: Some((120_402, "0f4e6a3b9d2c7788".into())),
        }],
        contract: vec![field("deadline_ms", "10000", "5000")],
        terms: vec![field("price", "0.002 OPG per call", "0.001 OPG per call")],
        texts: vec![web::ChangedText {
            path: "README.md".into(),
            diff: "@@ -1,3 +1,3 @@\n # Iris\n \n-Tells two irises apart.\n+Tells three irises apart.\n".into(),
            cut: false,
        }],
        left_out: 0,
    }
}

fn search() -> Search {
    let value = |value: &str, count| FacetValue { value: value.into(), count, link: format!("/search?task={value}") };
    let sort = |value: &str, label: &str, chosen| Choice { value: value.into(), label: label.into(), chosen };
    Search {
        chrome: chrome(),
        query: "flowers".into(),
        max_price: "0.01".into(),
        kept: vec![("tag".into(), "botany".into())],
        sorts: vec![sort("relevance", "Best match", true), sort("new", "Newest", false)],
        chosen: vec![Chosen { label: "tag: botany".into(), without: "/search?q=flowers".into() }],
        facets: vec![
            FacetGroup { title: "Task", values: vec![value("tabular-classification", 1_204), value("fill-mask", 31)] },
            FacetGroup { title: "Licence", values: vec![value("mit", 900), value("apache-2.0", 211)] },
        ],
        wrong: None,
        total: Some(1_235),
        complete: true,
        first: true,
        search: "0123456789abcdef0123456789abcdef".into(),
        models: (0..).zip(rows()).map(|(position, model)| FoundRow { position, model }).collect(),
        more: Some("/search?q=flowers&cursor=x".into()),
    }
}

fn rows() -> Vec<ModelRow> {
    let row = |owner: &str, name: &str, summary: &str, task: &str, price: Money, paid_calls, earned: &str| ModelRow {
        owner: owner.into(),
        name: name.into(),
        verified: owner == "alice",
        summary: format!("{summary} (invented)"),
        task: (!task.is_empty()).then(|| task.into()),
        price,
        price_converted: None,
        paid_calls,
        creators_earned: earned.into(),
    };
    vec![
        row(
            "alice",
            "iris",
            "Tells three kinds of iris apart by four lengths",
            "tabular-classification",
            Money::opg("0.002"),
            48_211,
            "91.6009",
        ),
        row(
            "bob",
            "minilm-sst2",
            "Says whether an English sentence sounds content or cross",
            "text-classification",
            Money::usd("0.0002"),
            1_930_448,
            "2104.188320001",
        ),
        row(
            "carol",
            "fraud-gbt-2026",
            "Scores card payments for fraud from 31 features; retrained every month on new cases from four countries",
            "tabular-classification",
            Money::opg("0.01"),
            7_411_002,
            "16009.22",
        ),
        row(
            "organisation-with-a-long-handle-abcd",
            "a-model-whose-name-is-as-long-as-names-may-be-so-that-one-sees-what-it-does-to-the-row",
            "Wraps",
            "time-series-forecasting",
            Money::opg("0.000000001"),
            0,
            "0",
        ),
        row("dana", "echo", "Gives back what it gets", "", Money::opg("0"), 0, "0"),
    ]
}

fn home() -> Home {
    let lately = |model: ModelRow| Lately {
        payers: model.paid_calls / 9_000,
        paid: model.paid_calls / 12,
        earned: model.creators_earned.clone(),
        week: model.paid_calls / 40,
        week_before: model.paid_calls / 60,
        created: "2026-11-23T10:04:31.207Z".into(),
        model,
    };
    let shelf = |kind| Shelf { kind, models: rows().into_iter().map(lately).collect() };
    let task = |task: &str, models| TaskCount { task: task.into(), models, link: "/search".into() };
    Home {
        chrome: chrome(),
        figures: HomeFigures {
            models_listed: Some(1_204),
            paid_to_creators: Some("18240.553120004".into()),
            paid_calls: Some(9_412_077),
            paid_calls_succeeded: Some(Ratio { part: 9_412_077, whole: 9_421_950 }),
        },
        tasks: vec![task("tabular-classification", 812), task("text-classification", 391)],
        shelves: [ShelfKind::New, ShelfKind::Used, ShelfKind::Earning, ShelfKind::Rising].map(shelf).into(),
    }
}

fn model() -> Model {
    let share = |who: &str, role, basis_points, amount: &str| Share {
        who: who.into(),
        role,
        builds_on: (role == Role::Royalty).then(|| ("erin".into(), "minilm".into())),
        basis_points,
        amount: amount.into(),
    };
    Model {
        chrome: chrome(),
        owner: "bob".into(),
        name: "minilm-sst2".into(),
        summary: "Says whether an English sentence sounds content or cross (invented)".into(),
        task: Some("text-classification".into()),
        license: Some("apache-2.0".into()),
        access: Access::Sealed,
        runs_on: None,
        loaded: Some(false),
        price: Money::opg("0.002"),
        price_converted: Some(Money::usd("0.00021")),
        coming_price: None,
        price_terms: None,
        figures: ModelFigures {
            paid_calls: 1_930_448,
            creators_earned: "2104.188320001".into(),
            paid_calls_succeeded: Ratio { part: 1_930_448, whole: 1_931_020 },
        },
        shares: vec![
            share("bob", Role::Creator, 5_985, "0.001197"),
            share("carol", Role::Creator, 2_565, "0.000513"),
            share("erin", Role::Royalty, 950, "0.00019"),
            share("hub", Role::Fee, 500, "0.0001"),
        ],
        playground: Some(playground(web::Form::Text)),
        examples: vec![
            Code {
                title: "curl".into(),
                language: "sh".into(),
                text: "curl https://hub.example/v2/models/bob/minilm-sst2/infer \\\n  -H \"Authorization: Bearer $MODELHUB_KEY\" \\\n  -H 'Content-Type: application/json' \\\n  -d '{\"inputs\": [{\"name\": \"input_ids\", \"shape\": [1, 4], \"datatype\": \"INT64\", \"data\": [101, 2307, 3185, 102]}]}'".into(),
            },
            Code {
                title: "Python".into(),
                language: "python".into(),
                text: "import os, requests\n\nanswer = requests.post(\n    \"https://hub.example/v2/models/bob/minilm-sst2/infer\",\n    headers={\"Authorization\": \"Bearer \" + os.environ[\"MODELHUB_KEY\"]},\n    json={\"inputs\": [{\"name\": \"input_ids\", \"shape\": [1, 4],\n                      \"datatype\": \"INT64\", \"data\": [101, 2307, 3185, 102]}]},\n)\nprint(answer.json()[\"outputs\"], answer.headers[\"X-Cost\"])".into(),
            },
        ],
        card: web::card_html(CARD),
        card_says: web::CardSays {
            score: 85,
            missing: vec![web::MissingPart {
                part: "limits".into(),
                weight: 15,
                how: "a section \"Limitations\": where it fails, for whom it is worse, what to look out for".into(),
            }],
            notices: Vec::new(),
            bases: vec![web::Base { name: "alice/minilm".into(), here: true, royalty: Some("5%".into()) }],
        },
        inputs: vec![
            PortRow { name: "input_ids".into(), datatype: "INT64".into(), shape: vec![None, None] },
            PortRow { name: "attention_mask".into(), datatype: "INT64".into(), shape: vec![None, None] },
        ],
        outputs: vec![PortRow { name: "logits".into(), datatype: "FP32".into(), shape: vec![None, Some(2)] }],
        labels: vec![Labels { output: "logits".into(), labels: vec!["cross".into(), "content".into()] }],
        files: [("README.md", 4_120, true), ("model.onnx", 90_387_606, false), ("onnx/tokenizer.json", 711_661, true)]
            .map(|(path, size, open)| web::FileRow { path: path.into(), size, open, scan: web::Scan::Clean })
            .into_iter()
            .chain([web::FileRow {
                path: "pytorch_model.bin".into(),
                size: 90_402_118,
                open: false,
                scan: web::Scan::Notice("it is a pickle, which can run anything; this one imports only what rebuilds data".into()),
            }])
            .collect(),
        releases: vec![
            release("2.00", "2026-11-23T10:04:31.207Z", Change::Major, Money::opg("0.002"), true),
            release("1.01", "2026-09-02T17:45:00Z", Change::Minor, Money::usd("0.0002"), false),
            release("1.00", "2026-08-30T08:00:12Z", Change::First, Money::opg("0.004"), false),
        ],
        checks: vec![
            check("2.00", CheckKind::Examples, 3, 0, Compared::Tolerance),
            check("2.00", CheckKind::TwoRunners, 4, 0, Compared::Digest),
            check("2.00", CheckKind::ReExecution, 19_304, 1, Compared::Digest),
        ],
        verified: Some(web::Verified { note: "example.org".into(), at: "2026-11-24T08:00:00Z".into() }),
        restricted: None,
        decisions: Vec::new(),
        report: None,
        operator: false,
    }
}

fn check(release: &str, kind: CheckKind, run: u64, differed: u64, compared: Compared) -> CheckRow {
    CheckRow {
        release: release.into(),
        kind,
        run,
        agreed: run - differed,
        differed,
        failed: 0,
        compared,
        last: "2026-11-23T10:05:02.100Z".into(),
        difference: (differed > 0).then(|| "output \"logits\" differs in 1 of 2 elements, by up to 1.2e-1".into()),
    }
}

fn release(number: &str, released: &str, change: Change, price: Money, latest: bool) -> ReleaseRow {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into();
    ReleaseRow {
        number: number.into(),
        released: released.into(),
        digest,
        change,
        price,
        latest,
        yanked: None,
        before: None,
    }
}

fn playground(form: web::Form) -> web::Playground {
    web::Playground {
        form,
        runners: vec![runner("minilm-sst2")],
        hub: "https://hub.example".into(),
        here: "/bob/minilm-sst2".into(),
        signed_in: true,
    }
}

fn runner(name: &str) -> web::Runner {
    web::Runner {
        owner: "bob".into(),
        name: name.into(),
        price: Money::opg("0.002"),
        price_converted: Some(Money::usd("0.00021")),
        price_terms: None,
        max_cost: Some("0.002".into()),
        loaded: Some(false),
        paid_by: Some(web::PaidBy::Promo { left: "99.25".into() }),
    }
}

fn tensors() -> web::Form {
    let field = |name: &str, datatype: &str, shape: &[Option<u64>], sample: Option<&str>| web::TensorField {
        name: name.into(),
        datatype: datatype.into(),
        shape: shape.into(),
        sample: sample.map(Into::into),
    };
    web::Form::Tensors(vec![
        field("features", "FP32", &[None, Some(4)], Some("[[0.125, 0.25, 0.375, 0.5]]")),
        field("image", "FP32", &[Some(1), Some(3), Some(224), Some(224)], None),
    ])
}

fn compare() -> web::Compare {
    let head = |name: &str, price: &str| web::Head {
        owner: "bob".into(),
        name: name.into(),
        summary: "Says whether an English sentence sounds content or cross (invented)".into(),
        task: Some("text-classification".into()),
        license: Some("apache-2.0".into()),
        price: Money::opg(price),
        price_converted: Some(Money::usd("0.00021")),
        price_terms: None,
        release: "2.00".into(),
        paid_calls_succeeded: Ratio { part: 1_930_448, whole: 1_931_020 },
        checks: Ratio { part: 19_303, whole: 19_304 },
    };
    web::Compare {
        chrome: chrome(),
        asked: ["bob/minilm-sst2".into(), "bob/other".into()],
        wrong: None,
        heads: vec![head("minilm-sst2", "0.002"), head("other", "0.001")],
        playground: Some(web::Playground {
            runners: vec![runner("minilm-sst2"), runner("other")],
            here: "/compare".into(),
            ..playground(web::Form::Text)
        }),
        takes: Vec::new(),
    }
}

/// As little as a model can have.
fn bare() -> Model {
    Model {
        name: "echo".into(),
        summary: String::new(),
        task: None,
        license: None,
        access: Access::Open,
        runs_on: None,
        loaded: None,
        playground: None,
        price: Money::opg("0"),
        price_converted: None,
        coming_price: None,
        price_terms: None,
        figures: ModelFigures {
            paid_calls: 0,
            creators_earned: "0".into(),
            paid_calls_succeeded: Ratio { part: 0, whole: 0 },
        },
        shares: Vec::new(),
        card: web::card_html(""),
        card_says: web::CardSays { score: 0, missing: Vec::new(), notices: Vec::new(), bases: Vec::new() },
        labels: Vec::new(),
        checks: Vec::new(),
        releases: vec![release("1.00", "2026-11-23T10:04:31Z", Change::First, Money::opg("0"), true)],
        ..model()
    }
}

/// As much as a model can have.
fn wide() -> Model {
    let ports = |count: usize| {
        (0..count)
            .map(|place| PortRow {
                name: format!("feature_{place:02}_of_a_long_name"),
                datatype: "FP32".into(),
                shape: vec![None, Some(3), Some(224), Some(224)],
            })
            .collect()
    };
    let share = |who: String, role, basis_points| Share {
        who,
        role,
        builds_on: None,
        basis_points,
        amount: "0.000166666".into(),
    };
    Model {
        chrome: Chrome { dev: false, ..chrome() },
        owner: "organisation-with-a-long-handle-abcd".into(),
        name: "a-model-whose-name-is-as-long-as-names-may-be-so-that-one-sees-what-it-does-to-the-row".into(),
        inputs: ports(31),
        outputs: ports(2),
        labels: vec![Labels {
            output: "logits".into(),
            labels: (0..1_200).map(|place| format!("class {place}")).collect(),
        }],
        shares: [
            share("hub".into(), Role::Fee, 250),
            share("frank".into(), Role::Royalty, 750),
            share("gina".into(), Role::Royalty, 1_000),
        ]
        .into_iter()
        .chain(
            (0..6)
                .map(|place| share(format!("receiver-{place}"), Role::Creator, if place < 4 { 1_333 } else { 1_334 })),
        )
        .collect(),
        ..model()
    }
}

fn problem() -> Problem {
    Problem {
        chrome: chrome(),
        status: 404,
        code: "model_not_found".into(),
        message: "No model is named alice/irsi, or you may not see it.".into(),
        hint: Some("Check the spelling: owner and name are taken without regard to case.".into()),
    }
}

const CARD: &str = r#"# MiniLM on SST-2

An invented card that uses what cards use. A small sentence encoder, **fine-tuned** on film reviews, that answers with two
logits: *cross* and *content*. It was made by [nobody](https://example.com/).

## What it is good for

Short English sentences about one thing. It is not good at irony, at anything longer than `128` tokens, or at:

- other languages,
- several opinions in one sentence,
  - or none at all,
- law.

> Treat the answer as a hint. A sentence that is neither gets a coin toss[^1].

[^1]: Which is what one deserves for asking.

## How well

| set | examples | accuracy | 95 % interval |
|---|--:|--:|:-:|
| validation | 872 | 0.914 | 0.893 – 0.931 |
| our own, unseen | 4,120 | 0.887 | 0.877 – 0.896 |

## How to use it

```python
tokens = tokenizer("a great film", return_tensors="np")
print(session.run(None, dict(tokens)))
```

![a plot of accuracy over length](plot.png)

1. Tokenise.
2. Call.
3. Take the larger of the two.

---

### Licence

Apache-2.0, as the model that it builds on.
"#;
