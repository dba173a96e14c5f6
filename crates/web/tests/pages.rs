//! What every page keeps, whatever is put into it.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what is missing fails the test")]

use web::{
    Access, CardHtml, Change, CheckKind, CheckRow, Chrome, Code, Compared, FileRow, Home, HomeFigures, Labels, Model,
    ModelFigures, ModelRow, Money, PortRow, Problem, Ratio, ReleaseRow, Role, Share,
};

/// Breaks out of text, attributes and comments wherever one forgets to escape it.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1) style=x>--><!--";

fn chrome(text: &str) -> Chrome {
    Chrome { dev: true, hub_name: text.into() }
}

/// A home page with `text` in each of its texts.
fn home(text: &str) -> Home {
    Home {
        chrome: chrome(text),
        figures: HomeFigures {
            models_listed: Some(1),
            paid_to_creators: Some(text.into()),
            paid_calls: Some(1_234_567),
            paid_calls_succeeded: Some(Ratio { part: 998, whole: 1_000 }),
        },
        models: vec![ModelRow {
            owner: text.into(),
            name: text.into(),
            summary: text.into(),
            task: Some(text.into()),
            price: Money::usd(text),
            paid_calls: 7,
            creators_earned: text.into(),
        }],
        more: Some(format!("?after={text}")),
    }
}

/// A model's page with `text` in each of its texts.
fn model(text: &str) -> Model {
    let many = || vec![text.to_owned(); 20];
    Model {
        chrome: chrome(text),
        owner: text.into(),
        name: text.into(),
        summary: text.into(),
        task: Some(text.into()),
        license: Some(text.into()),
        access: Access::Sealed,
        runs_on: None,
        price: Money::opg(text),
        price_converted: Some(Money::usd(text)),
        price_terms: None,
        figures: ModelFigures {
            paid_calls: 7,
            creators_earned: text.into(),
            paid_calls_succeeded: Ratio { part: 7, whole: 8 },
        },
        shares: [(Role::Fee, 500), (Role::Royalty, 1_900), (Role::Creator, 7_600)]
            .map(|(role, basis_points)| Share {
                who: text.into(),
                role,
                builds_on: Some((text.into(), text.into())),
                basis_points,
                amount: text.into(),
            })
            .into(),
        examples: vec![Code { title: text.into(), language: text.into(), text: text.into() }],
        card: web::card_html(text),
        inputs: vec![PortRow { name: text.into(), datatype: text.into(), shape: vec![None, Some(4)] }; 20],
        outputs: vec![PortRow { name: text.into(), datatype: text.into(), shape: Vec::new() }],
        labels: vec![
            Labels { output: text.into(), labels: many() },
            Labels { output: text.into(), labels: vec![text.into()] },
        ],
        files: [true, false].map(|open| FileRow { path: text.into(), size: 1_234, open }).into(),
        releases: vec![ReleaseRow {
            number: text.into(),
            released: text.into(),
            digest: text.into(),
            change: Change::Minor,
            price: Money::opg(text),
            latest: true,
        }],
        checks: vec![CheckRow {
            release: text.into(),
            kind: CheckKind::TwoRunners,
            run: 1_234,
            agreed: 1_231,
            differed: 2,
            failed: 1,
            compared: Compared::Digest,
            last: text.into(),
            difference: Some(text.into()),
        }],
    }
}

fn problem(text: &str) -> Problem {
    Problem { chrome: chrome(text), status: 404, code: text.into(), message: text.into(), hint: Some(text.into()) }
}

fn pages(text: &str) -> [(&'static str, String); 4] {
    let empty = Home { models: Vec::new(), more: None, figures: HomeFigures::default(), ..home(text) };
    [
        ("home", web::home(&home(text))),
        ("empty home", web::home(&empty)),
        ("model", web::model(&model(text))),
        ("problem", web::problem(&problem(text))),
    ]
}

/// All tags of a page, without angle brackets. Attribute values of our pages hold no bare `>`.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|rest| rest.split('>').next().expect("split gives at least one")).collect()
}

#[test]
fn hostile_texts_never_become_markup() {
    // Of the same length: what fits into the bar depends on it.
    let harmless = "a".repeat(HOSTILE.chars().count());
    for ((name, hostile), (_, harmless)) in pages(HOSTILE).iter().zip(&pages(&harmless)) {
        assert_eq!(names_outside_of_card(hostile), names_outside_of_card(harmless), "{name}");
    }
}

/// The names of all tags but those of the card's section: a card of nothing but hostile markup is an empty one.
fn names_outside_of_card(page: &str) -> Vec<&str> {
    let card = page.find("<h2 id=\"card\"").unwrap_or(page.len());
    let after = page[card..].find("</section>").map_or(page.len(), |length| card + length);
    let parts = [&page[..card], &page[after..]];
    parts.into_iter().flat_map(tags).map(|tag| tag.split(' ').next().unwrap()).collect()
}

#[test]
fn no_page_holds_a_script_a_style_or_a_handler() {
    for text in [HOSTILE, "abc"] {
        for (name, page) in pages(text) {
            for tag in tags(&page) {
                let lower = tag.to_ascii_lowercase();
                assert!(
                    !["script", "style", "img", "iframe", "object", "embed", "base", "form"]
                        .iter()
                        .any(|banned| lower.split(' ').next() == Some(banned)),
                    "{name}: <{tag}>"
                );
                // Outside of quotes: what stands in a value is text.
                let outside: String = lower.split('"').step_by(2).collect();
                assert!(!outside.contains("style="), "{name}: <{tag}>");
                assert!(!outside.contains(" on"), "{name}: <{tag}>");
            }
        }
    }
    for (name, page) in pages("abc") {
        assert!(!page.contains("<script") && !page.contains("style=") && !page.contains("javascript:"), "{name}");
    }
}

#[test]
fn no_page_asks_another_host_for_anything() {
    for (name, page) in pages("//evil.example/") {
        for tag in tags(&page) {
            for attribute in ["src=\"", "href=\""] {
                if let Some((_, rest)) = tag.split_once(attribute) {
                    let own = rest.starts_with(['?', '#']) || (rest.starts_with('/') && !rest.starts_with("//"));
                    assert!(own, "{name}: <{tag}>");
                }
            }
        }
    }
    let style = std::str::from_utf8(web::asset(web::style_name()).unwrap().bytes).unwrap();
    assert!(!style.contains("url(") && !style.contains("@import"));
}

#[test]
fn every_page_can_be_walked_by_keyboard_and_by_landmarks() {
    for (name, page) in pages("abc") {
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{name}");
        for once in [
            "<h1",
            "<main id=\"main\"",
            "href=\"#main\"",
            "<header class=\"top\"",
            "<footer",
            "<title>",
            "name=\"viewport\"",
        ] {
            assert_eq!(page.matches(once).count(), 1, "{name}: {once}");
        }
        assert_eq!(page.matches("<table").count(), page.matches("<caption").count(), "{name}: tables have captions");
        for tag in tags(&page).iter().filter(|tag| tag.starts_with("th ") || **tag == "th") {
            assert!(tag.contains("scope="), "{name}: <{tag}>");
        }
        for tag in tags(&page).iter().filter(|tag| tag.starts_with("svg")) {
            assert!(tag.contains("aria-hidden") || tag.contains("class=\"piece"), "{name}: <{tag}>");
        }
        let mut ids: Vec<_> = tags(&page)
            .iter()
            .filter_map(|tag| tag.split_once(" id=\""))
            .map(|(_, id)| id.split('"').next().unwrap().to_owned())
            .collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name}: ids are unique");
    }
}

#[test]
fn a_development_hub_says_so_on_every_page_and_others_do_not() {
    for (name, page) in pages("abc") {
        assert!(page.contains("Development hub"), "{name}");
        assert!(page.contains("every new account"), "{name}");
    }
    let real = Home { chrome: Chrome { dev: false, hub_name: "Model Hub".into() }, ..home("abc") };
    assert!(!web::home(&real).contains("Development hub"));
}

#[test]
fn figures_that_are_not_given_are_not_shown() {
    let page = web::home(&Home {
        figures: HomeFigures { paid_calls: Some(1_234_567), ..HomeFigures::default() },
        ..home("abc")
    });
    assert!(page.contains("1,234,567"));
    assert!(!page.contains("Models listed") && !page.contains("Succeeded"));
}

#[test]
fn an_empty_hub_names_the_command_that_fills_it() {
    let page = web::home(&Home { models: Vec::new(), ..home("abc") });
    assert!(page.contains("<code>modelhub publish FOLDER</code>"));
}

#[test]
fn amounts_and_examples_stand_on_the_page_to_the_letter() {
    let mut view = model("abc");
    view.price = Money::opg("0.000000001");
    view.examples[0].text = "curl http://127.0.0.1:8080/v2/models/a/b/infer -d '{\"a\": [1.50]}'".into();
    let page = web::model(&view);
    assert!(page.contains("0.000000001<span class=\"unit\">\u{202f}OPG</span>"));
    assert!(page.contains("curl http://127.0.0.1:8080/v2/models/a/b/infer -d '{&quot;a&quot;: [1.50]}'"));
}

#[test]
fn the_bar_is_filled_to_its_end() {
    let page = web::model(&model("abc"));
    let widths: Vec<u32> = tags(&page)
        .iter()
        .filter(|tag| tag.starts_with("svg class=\"piece"))
        .map(|tag| tag.split_once(" width=\"").unwrap().1.split('%').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(widths, [5, 19, 76]);
}

#[test]
fn what_is_long_is_folded_and_what_is_endless_is_counted() {
    let mut view = model("abc");
    view.labels = vec![Labels { output: "logits".into(), labels: vec!["x".into(); 1_200] }];
    let page = web::model(&view);
    assert!(page.contains("<summary>20 inputs, 1 output</summary>"));
    assert!(page.contains("1,200 labels of"));
    assert_eq!(page.matches("<li>x</li>").count(), 1_000);
}

#[test]
fn a_model_without_card_split_or_examples_still_has_a_page() {
    let view = Model {
        card: CardHtml::default(),
        shares: Vec::new(),
        examples: Vec::new(),
        releases: Vec::new(),
        ..model("abc")
    };
    let page = web::model(&view);
    assert!(page.contains("no card yet") && page.contains("Calls are free") && page.contains("No release yet"));
}

#[test]
fn files_that_may_be_read_are_links_and_others_are_none() {
    let file = |path: &str, open| FileRow { path: path.into(), size: 1_234, open };
    let view = Model { files: vec![file("a b/README.md", true), file("model.onnx", false)], ..model("abc") };
    let page = web::model(&view);
    assert!(page.contains("<a href=\"/abc/abc/resolve/main/a%20b/README.md\">a b/README.md</a>"));
    assert!(page.contains("model.onnx<span class=\"note\">, stays here</span>") && !page.contains("main/model.onnx"));
    let many = Model { files: vec![file("x.md", true); 150], ..model("abc") };
    let page = web::model(&many);
    assert!(page.contains("150</span> files, ") && page.contains("50</span> more"));
    assert_eq!(page.matches("x.md</a>").count(), 100);
    assert!(web::model(&Model { files: Vec::new(), ..model("abc") }).contains("No files yet."));
}

#[test]
fn checks_stand_in_numbers_and_nothing_stands_where_there_are_none() {
    let page = web::model(&model("abc"));
    assert!(page.contains("Checks by the hub") && page.contains("1,231") && page.contains("Last difference: abc"));
    let page = web::model(&Model { checks: Vec::new(), ..model("abc") });
    assert!(!page.contains("Checks by the hub"));
}

#[test]
fn inputs_are_said_never_to_be_stored() {
    assert!(web::model(&model("abc")).contains("Inputs are never stored"));
}
