//! The interface to be read: whatever stands in its tables is text, and has an address.

use web::{Answered, Chapter, Chrome, Field, Kind, Operation, Reference, ReferenceChapter, ReferenceLine, Type};

const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>--><!--";

fn chrome() -> Chrome {
    Chrome { dev: false, hub_name: "Model Hub".into(), viewer: None }
}

fn line(text: &str) -> ReferenceLine {
    ReferenceLine { id: text.into(), method: "GET".into(), path: text.into(), summary: text.into() }
}

fn list(text: &str) -> Reference {
    let lines = vec![line(text)];
    Reference {
        chrome: chrome(),
        chapters: vec![ReferenceChapter { key: text.into(), title: text.into(), note: text.into(), lines }],
        query: text.into(),
        codes: vec![(404, text.into(), text.into())],
    }
}

fn kind(text: &str) -> Kind {
    Kind { before: text.into(), named: Some(text.into()), behind: text.into() }
}

fn chapter(text: &str) -> Chapter {
    let field = Field { name: text.into(), place: text.into(), kind: kind(text), required: false, what: text.into() };
    let answered = Answered {
        status: 200,
        what: text.into(),
        content: vec![(text.into(), kind(text))],
        headers: vec![field.clone()],
    };
    Chapter {
        chrome: chrome(),
        key: text.into(),
        title: text.into(),
        note: text.into(),
        chapters: vec![(text.into(), text.into())],
        operations: vec![Operation {
            line: line(text),
            description: text.into(),
            who: text.into(),
            parameters: vec![field.clone()],
            bodies: vec![(text.into(), kind(text))],
            answers: vec![answered],
            refusals: vec![(404, vec![text.into(), text.into()])],
            example: text.into(),
        }],
        types: vec![Type { name: text.into(), what: text.into(), form: text.into(), fields: vec![field] }],
    }
}

/// The names of all tags, in their order.
fn names(page: &str) -> Vec<&str> {
    page.split('<').skip(1).filter_map(|rest| rest.split([' ', '>']).next()).collect()
}

#[test]
fn hostile_texts_never_become_markup() {
    let harmless = "a".repeat(HOSTILE.chars().count());
    for (hostile, harmless) in [
        (web::reference(&list(HOSTILE)), web::reference(&list(&harmless))),
        (web::reference_chapter(&chapter(HOSTILE)), web::reference_chapter(&chapter(&harmless))),
    ] {
        assert_eq!(names(&hostile), names(&harmless));
        assert!(!hostile.contains("style=") && !hostile.contains("<script>"));
        assert_eq!(hostile.matches("<table").count(), hostile.matches("<caption").count(), "tables have captions");
    }
}

#[test]
fn links_stay_on_this_hub() {
    for page in [web::reference(&list("//evil.example/")), web::reference_chapter(&chapter("//evil.example/"))] {
        for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let own = link.starts_with('#') || (link.starts_with('/') && !link.starts_with("//"));
            assert!(own, "{link}");
        }
    }
}

#[test]
fn the_script_that_narrows_the_list_is_served_under_the_name_it_is_asked_for_by() {
    let page = web::reference(&list("abc"));
    let script = page.split("src=\"/static/").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(script.starts_with("reference-"));
    assert_eq!(web::asset(script).unwrap().content_type, "text/javascript; charset=utf-8");
}
