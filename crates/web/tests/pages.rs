//! What every page keeps, whatever is put into it.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what is missing fails the test")]

use web::{
    Access, Base, CardHtml, CardSays, Change, CheckKind, CheckRow, Choice, Chosen, Chrome, Code, Column, Compare,
    Compared, FacetGroup, FacetValue, FileRow, Form, FoundRow, Head, Home, HomeFigures, Labels, MissingPart, Model,
    ModelFigures, ModelRow, Money, PaidBy, Playground, PortRow, Problem, Ratio, ReleaseRow, Role, Runner, Scan, Search,
    Share, TensorField,
};
use web::{
    Account, Bar, CallRow, Calls, Device, EarningRow, Earnings, EntryRow, FreshKey, Health, Join, KeyForm, KeyRow,
    Keys, Login, MoneyPage, Operator, Overview, OwnModel, Receipt, Signing, Status, Topic, Ways,
};
use web::{
    Case, DecisionRow, Moderation, OwnReports, ReportForm, ReportPage, ReportRow, Restricted, Tombstone, Verified,
};
use web::{Lately, MemberRow, OrderLink, Owner, Publish, Publisher, RankedRow, Rankings, Shelf, ShelfKind, TaskCount};
use web::{Wanted, WantedRow};

/// Breaks out of text, attributes and comments wherever one forgets to escape it.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1) style=x>--><!--";

fn chrome(text: &str) -> Chrome {
    Chrome { dev: true, hub_name: text.into(), viewer: Some(text.into()) }
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
        tasks: vec![TaskCount { task: text.into(), models: 1_234, link: format!("/search?task={text}") }],
        shelves: [ShelfKind::New, ShelfKind::Used, ShelfKind::Earning, ShelfKind::Rising]
            .map(|kind| Shelf { kind, models: vec![lately(text)] })
            .into(),
    }
}

fn row(text: &str) -> ModelRow {
    ModelRow {
        owner: text.into(),
        name: text.into(),
        verified: true,
        summary: text.into(),
        task: Some(text.into()),
        price: Money::usd(text),
        price_converted: Some(Money::opg(text)),
        paid_calls: 7,
        creators_earned: text.into(),
    }
}

fn lately(text: &str) -> Lately {
    Lately {
        model: row(text),
        created: text.into(),
        payers: 1_001,
        paid: 1_002,
        earned: text.into(),
        week: 1_003,
        week_before: 1_004,
    }
}

/// An order of models with `text` in each of its texts.
fn ranked(text: &str, raw: bool) -> Rankings {
    let choice = || vec![Choice { value: text.into(), label: text.into(), chosen: true }];
    let class = |chosen| OrderLink { label: "Paid calls", link: format!("/rankings?task={text}"), chosen };
    Rankings {
        chrome: chrome(text),
        task: Some(text.into()),
        tasks: choice(),
        orders: choice(),
        classes: [class(true), class(false)],
        by: "By paying accounts",
        wrong: None,
        models: vec![RankedRow {
            place: 1,
            model: row(text),
            payers: 1_001,
            paid: 1_002,
            trial: 1_003,
            own: 1_004,
            free: 1_005,
            succeeded: Ratio { part: 7, whole: 8 },
            at_least: Some(text.into()),
            p95: Some((text.into(), "ms")),
            average: Some(text.into()),
            earned: text.into(),
            week: 1_006,
            week_before: 1_007,
        }],
        raw,
        rising: true,
        csv: format!("/api/v1/rankings?task={text}"),
        json: format!("/api/v1/rankings?task={text}"),
        more: Some(format!("/rankings?task={text}")),
    }
}

/// An account's page with `text` in each of its texts.
fn owned(text: &str) -> Owner {
    Owner {
        chrome: chrome(text),
        handle: text.into(),
        kind: "Organisation",
        verified: Some(web::Verified { note: text.into(), at: text.into() }),
        since: text.into(),
        models: vec![row(text)],
        more: Some(format!("/{text}?cursor=50")),
        members: Some(vec![MemberRow { handle: text.into(), role: text.into(), since: text.into() }]),
        may_publish: true,
    }
}

fn publishing(text: &str) -> Publish {
    Publish {
        chrome: chrome(text),
        publishers: vec![Publisher { handle: text.into(), chosen: true }],
        hub: text.into(),
        fee: text.into(),
        fee_points: 1_000,
        rate: Some(text.into()),
        file_mib: 512,
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
        loaded: Some(true),
        price: Money::opg(text),
        price_converted: Some(Money::usd(text)),
        coming_price: None,
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
        playground: Some(playground(text, tensors(text))),
        examples: vec![Code { title: text.into(), language: text.into(), text: text.into() }],
        card: web::card_html(text),
        card_says: CardSays {
            score: 65,
            missing: vec![MissingPart { part: text.into(), weight: 15, how: text.into() }],
            notices: vec![text.into()],
            bases: [true, false]
                .map(|here| Base { name: format!("{text}/{text}"), here, royalty: Some(text.into()) })
                .into(),
        },
        inputs: vec![PortRow { name: text.into(), datatype: text.into(), shape: vec![None, Some(4)] }; 20],
        outputs: vec![PortRow { name: text.into(), datatype: text.into(), shape: Vec::new() }],
        labels: vec![
            Labels { output: text.into(), labels: many() },
            Labels { output: text.into(), labels: vec![text.into()] },
        ],
        files: [(true, Scan::Notice(text.into())), (false, Scan::Dangerous(text.into()))]
            .map(|(open, scan)| FileRow { path: text.into(), size: 1_234, open, scan })
            .into(),
        releases: vec![ReleaseRow {
            number: text.into(),
            released: text.into(),
            digest: text.into(),
            change: Change::Minor,
            price: Money::opg(text),
            latest: true,
            yanked: Some(text.into()),
            before: Some(text.into()),
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
        verified: Some(Verified { note: text.into(), at: text.into() }),
        restricted: Some(restricted(text, false)),
        decisions: vec![decision(text)],
        report: Some(report_form(text, true)),
        operator: true,
    }
}

fn restricted(text: &str, taken_down: bool) -> Restricted {
    Restricted { taken_down, reason: text.into(), text: text.into(), at: text.into() }
}

fn decision(text: &str) -> DecisionRow {
    DecisionRow {
        at: text.into(),
        what: "hidden",
        about: text.into(),
        link: Some(format!("/operator/models/{text}/{text}")),
        reason: Some(text.into()),
        text: text.into(),
        by: text.into(),
        note: text.into(),
    }
}

fn report_form(text: &str, signed_in: bool) -> ReportForm {
    ReportForm {
        owner: text.into(),
        name: text.into(),
        signed_in,
        reasons: vec![("malware", "malware")],
        reason: "malware".into(),
        releases: vec![text.into()],
        release: text.into(),
        text: text.into(),
        waits: true,
    }
}

/// Reports and what is made of them, with `text` in each of its texts.
fn moderation_pages(text: &str) -> Vec<(&'static str, String)> {
    let t = || text.to_owned();
    let report = |open| ReportRow {
        id: t(),
        model: (t(), t()),
        release: Some(t()),
        reason: t(),
        text: t(),
        at: t(),
        state: "waits for the operator",
        open,
        answer: Some(t()),
        by: t(),
    };
    let form = |signed_in, wrong| ReportPage { chrome: chrome(text), form: report_form(text, signed_in), wrong };
    let reports = vec![report(true), report(false)];
    let case = Case {
        chrome: chrome(text),
        owner: t(),
        name: t(),
        private: true,
        restricted: Some(restricted(text, true)),
        reports: reports.clone(),
        decisions: vec![decision(text)],
        reasons: vec![("malware", "malware")],
        wrong: Some(t()),
    };
    let own = OwnReports { account: account(text), reports: reports.clone(), more: Some(t()) };
    vec![
        ("report", web::report(&form(true, Some(t())))),
        ("report of nobody", web::report(&form(false, None))),
        ("own reports", web::own_reports(&own)),
        ("no reports", web::own_reports(&OwnReports { reports: Vec::new(), more: None, ..own })),
        ("case", web::case(&case)),
        ("quiet case", web::case(&Case { restricted: None, reports: Vec::new(), decisions: Vec::new(), ..case })),
        (
            "tombstone",
            web::tombstone(&Tombstone {
                chrome: chrome(text),
                owner: t(),
                name: t(),
                restricted: restricted(text, true),
                decisions: vec![decision(text)],
                operator: true,
            }),
        ),
        (
            "moderation",
            web::moderation(&Moderation {
                chrome: chrome(text),
                reports,
                restricted: vec![(t(), t(), restricted(text, true))],
                verified: vec![(t(), Verified { note: t(), at: t() })],
                decisions: vec![decision(text)],
                more: Some(t()),
                wrong: Some(t()),
            }),
        ),
    ]
}

/// A search with `text` in each of its texts.
fn searched(text: &str) -> Search {
    let link = || format!("/search?q={text}");
    Search {
        chrome: chrome(text),
        query: text.into(),
        max_price: text.into(),
        kept: vec![(text.into(), text.into())],
        sorts: vec![Choice { value: text.into(), label: text.into(), chosen: true }],
        chosen: vec![Chosen { label: text.into(), without: link() }],
        facets: vec![FacetGroup {
            title: "Task",
            values: vec![FacetValue { value: text.into(), count: 1_234, link: link() }],
        }],
        wrong: Some(text.into()),
        total: Some(1_234),
        complete: false,
        first: true,
        search: text.into(),
        models: vec![FoundRow { position: 7, model: row(text) }],
        more: Some(link()),
    }
}

fn tensors(text: &str) -> Form {
    let field = |sample| TensorField { name: text.into(), datatype: text.into(), shape: vec![None, Some(4)], sample };
    Form::Tensors(vec![field(Some(text.into())), field(None)])
}

/// A form with `text` in each of its texts.
fn playground(text: &str, form: Form) -> Playground {
    Playground { form, runners: vec![runner(text)], hub: text.into(), here: text.into(), signed_in: true }
}

fn runner(text: &str) -> Runner {
    Runner {
        owner: text.into(),
        name: text.into(),
        price: Money::opg(text),
        price_converted: Some(Money::usd(text)),
        price_terms: Some(text.into()),
        max_cost: Some(text.into()),
        loaded: Some(false),
        paid_by: Some(PaidBy::Short { cash: text.into(), promo: text.into() }),
    }
}

/// Every other form there is.
fn forms(text: &str) -> Vec<Form> {
    let column = |number, choices: &[&str]| Column {
        name: text.into(),
        number,
        choices: choices.iter().map(ToString::to_string).collect(),
    };
    let columns = vec![column(true, &[]), column(false, &[]), column(false, &[text, "b"])];
    let history = Form::History { columns: vec![text.into(), text.into()], window: 24 };
    vec![Form::Text, Form::File, Form::Picture, Form::Sound, Form::Rows { columns, many: true }, history]
}

/// Two models side by side with `text` in each of their texts.
fn compared(text: &str) -> Compare {
    let head = Head {
        owner: text.into(),
        name: text.into(),
        summary: text.into(),
        task: Some(text.into()),
        license: Some(text.into()),
        price: Money::opg(text),
        price_converted: Some(Money::usd(text)),
        price_terms: Some(text.into()),
        release: text.into(),
        paid_calls_succeeded: Ratio { part: 7, whole: 8 },
        checks: Ratio { part: 0, whole: 0 },
    };
    let both = Playground { runners: vec![runner(text); 2], ..playground(text, tensors(text)) };
    Compare {
        chrome: chrome(text),
        asked: [text.into(), text.into()],
        wrong: Some(text.into()),
        heads: vec![head.clone(), head],
        playground: Some(both),
        takes: vec![text.into()],
    }
}

fn problem(text: &str) -> Problem {
    Problem { chrome: chrome(text), status: 404, code: text.into(), message: text.into(), hint: Some(text.into()) }
}

fn account(text: &str) -> Account {
    Account { chrome: chrome(text), handle: text.into(), operator: true }
}

fn signing(text: &str) -> Signing {
    Signing {
        chrome: chrome(text),
        passkeys: Ok(text.into()),
        origin: text.into(),
        next: text.into(),
        wrong: Some(text.into()),
    }
}

/// What those who are signed in, or sign in, are shown, with `text` in each of its texts.
fn account_pages(text: &str) -> Vec<(&'static str, String)> {
    let t = || text.to_owned();
    let form = KeyForm {
        name: t(),
        scopes: vec![("call", "run models", true)],
        max_cost: t(),
        max_day: t(),
        max_month: t(),
        models: t(),
        days: t(),
        rate: t(),
    };
    let key = KeyRow {
        id: t(),
        name: t(),
        scopes: t(),
        bounds: vec![t()],
        created: t(),
        used: Some(t()),
        expires: Some(t()),
        old_until: Some(t()),
    };
    let call = CallRow {
        id: t(),
        at: t(),
        model: (t(), t()),
        release: t(),
        class: t(),
        outcome: t(),
        answered: true,
        cost: t(),
        took_ms: t(),
        cold: true,
    };
    let entry = EntryRow {
        at: t(),
        kind: t(),
        model: Some((t(), t(), t())),
        reference: t(),
        purse: t(),
        amount: t(),
        call: Some(t()),
    };
    let line =
        EarningRow { label: t(), model: Some((t(), t())), class: t(), purse: t(), kind: t(), calls: 7, amount: t() };
    let bar = |value| Bar { label: t(), value, amount: t() };
    let own = OwnModel {
        owner: t(),
        name: t(),
        release: Some(t()),
        price: Some(Money::opg(text)),
        marks: vec!["private"],
        paid_calls: 7,
        earned: t(),
    };
    let overview = Overview {
        account: account(text),
        cash: t(),
        promo: t(),
        held: t(),
        owed: Some(t()),
        cash_in_usd: Some(t()),
        models: vec![own],
        more_models: true,
        organisations: vec![(t(), t())],
    };
    let health = || vec![Health { what: "Engine", says: t(), good: false }];
    vec![
        ("overview", web::overview(&overview)),
        ("empty overview", web::overview(&Overview { models: Vec::new(), ..overview })),
        (
            "keys",
            web::keys(&Keys {
                account: account(text),
                keys: vec![key],
                fresh: Some(FreshKey { name: t(), secret: t(), old_until: Some(t()) }),
                wrong: Some(t()),
                form,
                url: t(),
            }),
        ),
        ("calls", web::calls(&Calls { account: account(text), calls: vec![call], more: Some(t()) })),
        (
            "money",
            web::money(&MoneyPage {
                account: account(text),
                entries: vec![entry],
                more: Some(t()),
                months: vec!["2026-11".into()],
            }),
        ),
        (
            "earnings",
            web::earnings(&Earnings {
                account: account(text),
                paid: t(),
                trial: t(),
                own: t(),
                by: vec![("model", "Model", true)],
                lines: vec![line],
                days: vec![bar(0), bar(7)],
            }),
        ),
        (
            "ways",
            web::ways(&Ways {
                account: account(text),
                passkeys: vec![(t(), t(), t(), Some(t()))],
                wallets: vec![(t(), t(), None)],
                sessions: vec![(t(), t(), t(), None, true)],
                passkeys_here: Ok(None),
                wrong: Some(t()),
            }),
        ),
        ("login", web::login(&Login { signing: signing(text) })),
        ("join", web::join(&Join { signing: signing(text), invitation: Some(t()), by_invitation: true })),
        ("join without a code", web::join(&Join { signing: signing(text), invitation: None, by_invitation: true })),
        (
            "device",
            web::device(&Device {
                chrome: chrome(text),
                code: t(),
                program: Some((t(), t())),
                answered: None,
                wrong: Some(t()),
            }),
        ),
        (
            "receipt",
            web::receipt(&Receipt {
                chrome: chrome(text),
                id: t(),
                model: Some((t(), t())),
                release: t(),
                digest: t(),
                time: t(),
                amount: t(),
                parts: vec![(t(), t())],
                payer: t(),
                input_hash: t(),
                output_hash: t(),
                salt: Some(t()),
                signer: t(),
                signature: t(),
                typed_data: t(),
                hub: t(),
                proven: Err(t()),
            }),
        ),
        (
            "operator",
            web::operator(&Operator {
                chrome: chrome(text),
                health: health(),
                open_reports: 2,
                topics: vec![Topic { title: "Books", lines: vec![("Rows", t(), Some("ms"), "on the disk")] }],
                fee: t(),
                rate: Some(t()),
                missed: vec![(t(), 7, t())],
                classes: vec![(t(), 7, t())],
            }),
        ),
        (
            "status",
            web::status(&Status { chrome: chrome(text), health: health(), version: t(), hub: t(), keys: vec![t()] }),
        ),
    ]
}

/// What changed between two releases, with `text` in each of its texts.
fn diff(text: &str) -> web::Diff {
    let field = web::ChangedField { field: text.into(), from: Some(text.into()), to: None };
    web::Diff {
        chrome: chrome(text),
        owner: text.into(),
        name: text.into(),
        from: text.into(),
        to: text.into(),
        files: vec![web::ChangedFile { path: text.into(), from: None, to: Some((7, text.into())) }],
        contract: vec![field.clone()],
        terms: vec![field],
        texts: vec![web::ChangedText { path: text.into(), diff: text.into(), cut: true }],
        left_out: 3,
    }
}

fn missed_words(text: &str) -> Wanted {
    let row = WantedRow { words: text.into(), accounts: 3, last: text.into() };
    Wanted { chrome: chrome(text), days: 30, least: 3, rows: vec![row] }
}

fn pages(text: &str) -> Vec<(&'static str, String)> {
    let empty = Home { shelves: Vec::new(), tasks: Vec::new(), figures: HomeFigures::default(), ..home(text) };
    let nowhere = Owner { models: Vec::new(), members: None, more: None, may_publish: false, ..owned(text) };
    let mut pages = vec![
        ("home", web::home(&home(text))),
        ("empty home", web::home(&empty)),
        ("model", web::model(&model(text))),
        ("diff", web::diff(&diff(text))),
        ("rankings", web::rankings(&ranked(text, false))),
        ("rankings of all classes", web::rankings(&ranked(text, true))),
        ("empty rankings", web::rankings(&Rankings { models: Vec::new(), ..ranked(text, false) })),
        ("wrong rankings", web::rankings(&Rankings { wrong: Some(text.into()), ..ranked(text, false) })),
        ("wanted", web::wanted(&missed_words(text))),
        ("nothing wanted", web::wanted(&Wanted { rows: Vec::new(), ..missed_words(text) })),
        ("owner", web::owner(&owned(text))),
        ("empty owner", web::owner(&nowhere)),
        ("publish", web::publish(&publishing(text))),
        ("publish nothing", web::publish(&Publish { publishers: Vec::new(), ..publishing(text) })),
        ("search", web::search(&searched(text))),
        ("empty search", web::search(&Search { models: Vec::new(), facets: Vec::new(), ..searched(text) })),
        ("problem", web::problem(&problem(text))),
        ("compare", web::compare(&compared(text))),
        ("compare, each with its own", web::compare(&Compare { playground: None, ..compared(text) })),
    ];
    pages.extend(account_pages(text));
    pages.extend(moderation_pages(text));
    for form in forms(text) {
        let view = Model { playground: Some(playground(text, form)), ..model(text) };
        pages.push(("model, another form", web::model(&view)));
    }
    pages
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
                    !["style", "img", "iframe", "object", "embed", "base"]
                        .iter()
                        .any(|banned| lower.split(' ').next() == Some(banned)),
                    "{name}: <{tag}>"
                );
                // Scripts are files of ours, and forms lead to this hub.
                let script = lower.strip_prefix("script ");
                assert!(
                    script.is_none_or(|rest| rest.starts_with("type=\"module\" src=\"/static/")),
                    "{name}: <{tag}>"
                );
                let action =
                    lower.strip_prefix("form").and_then(|rest| rest.split_once("action=\"")).map(|(_, rest)| rest);
                assert!(action.is_none_or(|to| to.starts_with('/') && !to.starts_with("//")), "{name}: <{tag}>");
                // Outside of quotes: what stands in a value is text.
                let outside: String = lower.split('"').step_by(2).collect();
                assert!(!outside.contains("style="), "{name}: <{tag}>");
                assert!(!outside.contains(" on"), "{name}: <{tag}>");
            }
        }
    }
    for (name, page) in pages("abc") {
        assert_eq!(page.matches("<script").count(), page.matches("></script>").count(), "{name}: no script has a text");
        assert!(!page.contains("style=") && !page.contains("javascript:"), "{name}");
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
            // A picture on the page may have a title of its own.
            let part = if once == "<title>" { page.split("<body").next().unwrap() } else { &page[..] };
            assert_eq!(part.matches(once).count(), 1, "{name}: {once}");
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
    let real = Home { chrome: Chrome { dev: false, hub_name: "Model Hub".into(), viewer: None }, ..home("abc") };
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
    let page = web::home(&Home { shelves: Vec::new(), ..home("abc") });
    assert!(page.contains("<code>modelhub publish FOLDER</code>") && page.contains("href=\"/publish\""));
}

#[test]
fn a_list_without_models_is_not_shown_and_classes_are_never_added_up() {
    let of = |kind, models| Shelf { kind, models };
    let shelves = vec![of(ShelfKind::New, vec![lately("abc")]), of(ShelfKind::Rising, Vec::new())];
    let page = web::home(&Home { shelves, ..home("abc") });
    assert!(page.contains(">New</h2>") && !page.contains(">Rising</h2>") && !page.contains("No model is published"));
    let paid = web::rankings(&ranked("abc", false));
    assert!(paid.contains("1,001") && paid.contains("1,002") && !paid.contains("1,003") && !paid.contains("1,004"));
    let raw = web::rankings(&ranked("abc", true));
    let sum = (1_002 + 1_003 + 1_004 + 1_005).to_string();
    for number in ["1,002", "1,003", "1,004", "1,005"] {
        assert!(raw.contains(number), "{number}");
    }
    assert!(!raw.contains(&sum) && !raw.contains("4,014"));
}

#[test]
fn members_and_a_way_to_publish_are_for_those_who_have_them() {
    let page = web::owner(&owned("abc"));
    assert!(page.contains(">Members</h2>") && page.contains("href=\"/publish?owner=abc\""));
    let page = web::owner(&Owner { members: None, may_publish: false, ..owned("abc") });
    assert!(!page.contains("Members") && !page.contains("/publish?owner"));
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
    let file = |path: &str, open| FileRow { path: path.into(), size: 1_234, open, scan: Scan::Clean };
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
fn what_was_found_in_files_stands_beside_them_and_in_sum() {
    let file = |scan| FileRow { path: "a.bin".into(), size: 1, open: false, scan };
    let found = [Scan::Clean, Scan::Waiting, Scan::Notice("it imports".into()), Scan::Dangerous("it runs".into())];
    let page = web::model(&Model { files: found.map(file).into(), ..model("abc") });
    for said in [
        "1</span> dangerous",
        "1</span> with a notice",
        "1</span> waiting",
        "1</span> clean",
        "Dangerous: it runs",
        "it imports",
    ] {
        assert!(page.contains(said), "{said}");
    }
    let clean = web::model(&Model { files: vec![file(Scan::Clean); 3], ..model("abc") });
    assert!(clean.contains("3</span> clean") && !clean.contains("angerous"));
}

#[test]
fn a_card_is_shown_with_what_it_leaves_out_and_builds_on() {
    let says = |score, missing, bases| CardSays { score, missing, notices: Vec::new(), bases };
    let part = MissingPart { part: "limits".into(), weight: 15, how: "a section".into() };
    let base =
        |name: &str, here, royalty: Option<&str>| Base { name: name.into(), here, royalty: royalty.map(Into::into) };
    let bases =
        vec![base("alice/base", true, Some("5%")), base("bob/free", true, Some("0%")), base("Qwen/Qwen3", false, None)];
    let page = web::model(&Model { card_says: says(85, vec![part], bases), ..model("abc") });
    for said in [
        "85</span> of",
        "limits (<span class=\"num\">15</span>): a section",
        "<a href=\"/alice/base\">alice/base</a><span class=\"note\">, which asks 5%",
        "<a href=\"/bob/free\">bob/free</a></li>",
        "Qwen/Qwen3<span class=\"note\">, not on this hub",
    ] {
        assert!(page.contains(said), "{said}");
    }
    let whole = web::model(&Model { card_says: says(100, Vec::new(), Vec::new()), ..model("abc") });
    assert!(!whole.contains("Built on") && whole.contains("100</span> of"));
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

#[test]
fn a_form_has_a_field_for_all_that_the_model_takes() {
    let shown = |form: Form| web::model(&Model { playground: Some(playground("abc", form)), ..model("abc") });
    let column = |name: &str, number, choices: &[&str]| Column {
        name: name.into(),
        number,
        choices: choices.iter().map(ToString::to_string).collect(),
    };
    let columns = vec![column("age", true, &[]), column("port", false, &["cork", "le havre"])];
    let page = shown(Form::Rows { columns: columns.clone(), many: false });
    for said in [
        "name=\"age\" data-column=\"number\"",
        "<select name=\"port\" data-column=\"text\">",
        "<option value=\"le havre\">le havre</option>",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!page.contains("data-do=\"add-row\""), "one row is all it takes");
    assert!(shown(Form::Rows { columns, many: true }).contains("data-do=\"add-row\""));
    let field = |sample: Option<&str>| TensorField {
        name: "x".into(),
        datatype: "FP32".into(),
        shape: vec![None, Some(4)],
        sample: sample.map(Into::into),
    };
    let page = shown(Form::Tensors(vec![field(Some("[[1, 2, 3, 4]]"))]));
    assert!(
        page.contains("data-tensor=\"x\" data-datatype=\"FP32\" data-shape=\"[null,4]\"")
            && page.contains(">[[1, 2, 3, 4]]</textarea>")
    );
    assert!(page.contains("FP32, any × 4") && page.contains("accept=\".npy\"") && !page.contains("data-generate"));
    assert!(shown(Form::Tensors(vec![field(None)])).contains("data-generate"));
    let history = shown(Form::History { columns: vec!["a\"".into()], window: 24 });
    assert!(history.contains("data-columns=\"[&quot;a\\&quot;&quot;]\" data-window=\"24\""));
    for (form, accept) in [(Form::Picture, "image/png,image/jpeg"), (Form::Sound, ".wav,")] {
        assert!(shown(form).contains(&format!("accept=\"{accept}")));
    }
}

#[test]
fn whoever_is_not_signed_in_sees_the_form_and_the_way_in() {
    let out = Playground { signed_in: false, here: "/alice/iris".into(), ..playground("abc", Form::Text) };
    let page = web::model(&Model { playground: Some(out), ..model("abc") });
    assert!(page.contains("href=\"/login?next=%2Falice%2Firis\"") && page.contains("Sign in to run"));
    assert!(page.contains("<textarea name=\"value\"") && !page.contains("type=\"submit\" disabled"));
}

#[test]
fn what_a_call_is_paid_from_stands_beside_its_price() {
    let said = |paid: PaidBy| {
        let runner = Runner { paid_by: Some(paid), ..runner("0.002") };
        let view = Playground { runners: vec![runner], ..playground("abc", Form::Text) };
        web::model(&Model { playground: Some(view), ..model("abc") })
    };
    assert!(said(PaidBy::Promo { left: "9.5".into() }).contains("from your promo, <span class=\"num\">9.5<"));
    assert!(said(PaidBy::Cash { left: "9.5".into() }).contains("from your cash, "));
    assert!(said(PaidBy::Trial { left: "0.05".into() }).contains("as a free trial, "));
    assert!(said(PaidBy::Short { cash: "0.001".into(), promo: "0".into() }).contains("which you lack"));
}

#[test]
fn a_model_that_is_not_called_has_no_form_and_asks_for_no_script() {
    let page = web::model(&Model { playground: None, ..model("abc") });
    assert!(!page.contains("data-playground") && !page.contains("<script") && page.contains("Call it"));
}
