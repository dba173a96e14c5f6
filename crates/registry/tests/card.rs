//! Cards as people write them, well and badly.

use ledger::Price;
use proptest::prelude::*;
use registry::{Access, Card, CardError, Labels, Output};

fn parse(readme: &str) -> Result<Card, CardError> {
    Card::parse(readme)
}

/// A card with these lines in its `modelhub:` section, whose first line is line 3 of the README.
fn section(lines: &str) -> Result<registry::Section, String> {
    let indented: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    let readme = format!("---\nmodelhub:\n{indented}---\n");
    parse(&readme).map(|card| card.hub.expect("a section")).map_err(|error| error.to_string())
}

/// A refusal without its columns, each of which is there: `(line 3, column 5)` as `(line 3)`.
fn by_line(error: &str) -> String {
    let mut pieces = error.split("(line ");
    let mut told = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (line, rest) = piece.split_once(", column ").unwrap_or_else(|| panic!("no column: {error}"));
        told += &format!("(line {line}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    told
}

const CARD: &str = "\
---
license: apache-2.0
pipeline_tag: text-classification      # the task
base_model: alice/minilm               # lineage
tags: [onnx, 1.10, no]
modelhub:
  access: sealed
  price: { per_call: \"0.0002 USD\" }
  split: { bob: 70%, carol: 29.5%, alice: 0.5% }
  output: top_k
  labels: [no, yes, 1.0]
  deadline: 5s
---

# Sentiment of **reviews**

[![badge](x)](y)

Tells whether a [review](https://example.org) is
`kind`, in one word.

More below.
";

#[test]
fn a_card_says_what_its_author_decided() {
    for readme in [CARD.to_owned(), CARD.replace('\n', "\r\n"), format!("\u{feff}{CARD}")] {
        let card = parse(&readme).unwrap();
        assert_eq!(card.title.as_deref(), Some("Sentiment of reviews"));
        assert_eq!(card.summary.as_deref(), Some("Tells whether a review is kind, in one word."));
        assert_eq!(card.license.as_deref(), Some("apache-2.0"));
        assert_eq!(card.task.as_deref(), Some("text-classification"));
        assert_eq!(card.tags, ["onnx", "1.10", "no"], "values are read as they are written");
        assert_eq!(card.lineage.models, ["alice/minilm".parse().unwrap()]);
        assert_eq!(card.data["license"], "apache-2.0");
        assert_eq!(card.data["modelhub"]["split"]["bob"], "70%");
        let section = card.hub.unwrap();
        assert_eq!(section.access, Some(Access::Sealed));
        assert_eq!(section.price, Some(Price::per_call("0.0002 USD".parse().unwrap())));
        assert_eq!(section.output, Some(Output::TopK));
        assert_eq!(section.deadline_ms, Some(5_000));
        assert_eq!(section.labels, Some(Labels::List(["no", "yes", "1.0"].map(str::to_owned).to_vec())));
        let split: Vec<(String, u16)> =
            section.split.unwrap().iter().map(|(handle, points)| (handle.to_string(), *points)).collect();
        let written = [("bob", 7_000), ("carol", 2_950), ("alice", 50)].map(|(who, points)| (who.to_owned(), points));
        assert_eq!(split, written, "in written order: the first receivers get the odd units");
    }
}

#[test]
fn a_readme_without_front_matter_is_a_card_that_decides_nothing() {
    assert_eq!(parse("").unwrap(), Card::default());
    let card = parse("Hello\nworld.\n\n---\n\nMore.\n").unwrap();
    assert_eq!((card.title, card.summary.as_deref(), card.hub), (None, Some("Hello world."), None));
    assert_eq!(parse("---\n---\n").unwrap(), Card::default());
    assert_eq!(parse("---\n# a remark\n---").unwrap(), Card::default());
    assert_eq!(parse("---\nmodelhub:\n---\n").unwrap().hub, Some(registry::Section::default()));
    assert_eq!(Card::from_bytes(b"\xff"), Err(CardError::NotText { line: registry::Line(Some((1, 1))) }));
}

#[test]
fn front_matter_of_other_tools_is_read_over() {
    let card = parse(
        "---\nlanguage:\n- en\nlicense: [mit, apache-2.0]\nbase_model: [Qwen/Qwen3, bob/small]\nwidget:\n- text: hi\n\
         model-index:\n- name: x\n  results:\n  - metrics:\n    - {type: accuracy, value: 0.91}\npipeline_tag:\n---\n",
    )
    .unwrap();
    assert_eq!(card.license.as_deref(), Some("mit, apache-2.0"));
    assert_eq!(card.lineage.others, ["Qwen/Qwen3"]);
    assert_eq!(card.lineage.models.len(), 1);
    assert_eq!(card.task, None);
    assert_eq!(card.data["model-index"][0]["results"][0]["metrics"][0]["value"], 0.91);
}

#[test]
fn summaries_are_one_line_of_at_most_two_hundred_characters() {
    let summary = |readme: &str| parse(readme).unwrap().summary.unwrap_or_default();
    assert_eq!(summary("---\nsummary: |\n  two\n  lines\n---\nText."), "two lines");
    assert_eq!(summary(&"ä".repeat(300)).chars().count(), 200);
    assert_eq!(
        summary("<img src=x>\n```\ncode\n```\n- list\n\n**Bold** <b>start</b> of 3 < 4 [x]."),
        "Bold start of 3 < 4 [x]."
    );
    assert_eq!(summary("# Only a heading"), "");
}

#[test]
fn sections_are_read_strictly() {
    for (lines, reason) in [
        ("prize: { per_call: \"1 OPG\" }", "modelhub has no field \"prize\" (line 3), only access, price, split"),
        ("access: open\nsplits: {}", "modelhub has no field \"splits\" (line 4)"),
        ("price: { call: \"1 OPG\" }", "modelhub.price has no field \"call\" (line 3), only per_call, per_item"),
        ("price:\n  per_call: 1 OPG\n  per_image: 1 OPG", "no field \"per_image\" (line 5)"),
        ("price: 1 OPG", "modelhub.price should be fields like per_call: \"0.002 OPG\" (line 3)"),
        ("price: {}", "names no price (line 3)"),
        ("price: { per_call: 0.002 }", "modelhub.price.per_call (line 3): price \"0.002\" has no currency"),
        ("price: { per_call: 0.0000000001 OPG }", "at most 9"),
        ("price: { per_call: -1 OPG }", "below zero"),
        ("price: { per_call: 1 OPG, per_item: 1 USD }", "OPG and USD are mixed"),
        ("access: public", "modelhub.access is \"public\" (line 3), expected one of sealed, gated, open"),
        ("output: [all]", "modelhub.output should be one value (line 3)"),
        ("split: { bob: 70%, carol: 29% }", "adds up to 99.00% (line 3), it has to be exactly 100%"),
        ("split: { bob: 70%, carol: 30.01% }", "adds up to 100.01%"),
        ("split: { bob: 70, carol: 30% }", "gives bob an unreadable share (line 3): \"70\" is not a share"),
        ("split: { bob: 33.333%, carol: 66.667% }", "\"33.333%\" is not a share"),
        ("split: { bob: 100%, carol: 0% }", "gives carol nothing (line 3)"),
        ("split:\n  bob: 50%\n  Carol: 50%", "modelhub.split (line 5): \"Carol\" is not a handle"),
        ("split: { bob: 50%, bob: 50% }", "has the field \"bob\" twice (line 3)"),
        ("split: {}", "names 0 receivers (line 3), expected 1 to 20"),
        ("split: bob", "modelhub.split should be handles with their shares"),
        ("labels: []", "modelhub.labels (line 3): there are no labels"),
        ("labels: labels.csv", "\"labels.csv\" is not a .txt or .json file"),
        ("labels: ../labels.txt", "has the segment \"..\""),
        ("labels: [[a], [b]]", "modelhub.labels should be a list of plain values"),
        ("deadline: 30", "modelhub.deadline is \"30\" (line 3), expected a time"),
        ("deadline: 0s", "expected a time from 1ms to 600000ms"),
        ("deadline: 11m", "expected a time"),
        ("deadline: 1.5s", "expected a time"),
        ("deadline: 99999999999999999999s", "expected a time"),
        ("batch: 1", "modelhub.batch is \"1\" (line 3), expected a number of rows from 2 to 1024"),
        ("batch: true", "expected a number of rows"),
        ("batch: 99999999999999999999", "expected a number of rows"),
        ("royalty: 21%", "modelhub.royalty is \"21%\" (line 3), expected a share from 0% to 20%"),
        ("royalty: 5", "expected a share from 0% to 20%"),
        ("royalty: -1%", "expected a share from 0% to 20%"),
        ("task: text", "modelhub.task should be fields like type: text-classification (line 3)"),
        (
            "task: { type: translation }",
            "modelhub.task.type is \"translation\" (line 3), expected one of file-type, feature",
        ),
        ("task: { begin: 4 }", "modelhub.task.type is \"\" (line 3), expected one of"),
        (
            "task:\n  type: file-type\n  width: 3",
            "modelhub.task has no field \"width\" (line 5), only type, input, begin",
        ),
        ("task: { type: file-type, begin: -1 }", "modelhub.task.begin is \"-1\" (line 3), expected a number of bytes"),
        ("task: { type: file-type, top: 101 }", "modelhub.task.top is \"101\" (line 3), expected a number of labels"),
        (
            "task: { type: feature-extraction, pooling: max }",
            "modelhub.task.pooling is \"max\" (line 3), expected mean, cls",
        ),
        ("task: { type: feature-extraction, normalize: yes }", "modelhub.task.normalize is \"yes\""),
        ("task: { type: feature-extraction, tokenizer: ../t.json }", "expected a .json file of the folder"),
        ("task: { type: image-classification, mean: [0.5, 0.5] }", "modelhub.task.mean is \"0.5, 0.5\" (line 3)"),
        ("task: { type: image-classification, std: [1, 1, 0] }", "expected three numbers above 0"),
        (
            "task: { type: object-detection, resize: 256 }",
            "has no field \"resize\" (line 3), only type, input, width, height, fit, pad, channels",
        ),
        (
            "task: { type: object-detection, coordinates: xyz }",
            "coordinates is \"xyz\" (line 3), expected xyxy, yxyx or xywh",
        ),
        ("task: { type: object-detection, threshold: 2 }", "threshold is \"2\" (line 3), expected a score from 0 to 1"),
        ("task: { type: object-detection, overlap: .nan }", "modelhub.task.overlap is"),
        ("task: { type: object-detection, most: 301 }", "expected a whole number from 1 to 300"),
        ("task: { type: image-to-text, characters: a.json }", "expected a list, or a .txt file of the folder"),
        ("task: { type: image-to-text, characters: [a, \"\"] }", "character 1 is empty"),
        (
            "task: { type: token-classification, aggregation: first }",
            "aggregation is \"first\" (line 3), expected simple or none",
        ),
        ("task: { type: audio-classification, aggregation: simple }", "expected mean, max or frames"),
        ("task: { type: audio-classification, padding: 0 }", "expected zeros, repeat or drop"),
        ("task: { type: audio-classification, rate: 999 }", "expected samples a second, from 1000 to 192000"),
        (
            "task: { type: time-series-forecasting, columns: [a, a] }",
            "columns is \"a\" (line 3), expected names that differ",
        ),
        (
            "task: { type: time-series-forecasting, columns: [history] }",
            "expected names that differ, none of them history",
        ),
        (
            "task: { type: time-series-forecasting, quantiles: [0.5, 0.1] }",
            "expected numbers between 0 and 1 that rise",
        ),
        ("task: { type: time-series-forecasting, std: [0] }", "expected a number for each column"),
        ("task: { type: time-series-forecasting, window: 0 }", "expected a number of steps from 1 to 65536"),
        ("task: { type: tabular-regression, columns: [a, b] }", "modelhub.task.columns should be names with number"),
        ("task: { type: tabular-regression, columns: { a: text } }", "modelhub.task.columns.a is \"text\" (line 3)"),
        ("modelhub: x", "no field \"modelhub\""),
    ] {
        let error = section(lines).expect_err(lines);
        assert!(by_line(&error).contains(reason), "{lines}: {error}");
        assert!(error.contains("(line "), "every refusal says where: {error}");
    }
}

#[test]
fn refusals_name_line_and_column() {
    for (readme, place) in [
        ("---\nlicense: mit\nmodelhub:\n  access: public\n---\n", "(line 4, column 11)"),
        ("---\nmodelhub:\n  prize: 1\n---\n", "(line 3, column 3)"),
        ("---\nmodelhub: { price: { per_call: cheap } }\n---\n", "(line 2, column 32)"),
        ("---\ntags:\n  - a\n  - {b: c}\n---\n", "(line 4, column 5)"),
        ("---\r\ntitle: [a]\r\n---\r\n", "(line 2, column 8)"),
        ("\u{feff}---\ntitle: [a]\n---\n", "(line 2, column 8)"),
        ("---\n\u{e4}: 1\nx: [1\n---\n", "(line "),
        ("---\n- a\n---\n", "(line 2, column 1)"),
        ("---\na: 1\n", "(line 1, column 1)"),
        ("---\na: 1\na: 2\n---\n", "(line 3, column 1)"),
    ] {
        let error = parse(readme).expect_err(readme).to_string();
        assert!(error.contains(place), "{readme}: {error}");
    }
    let error = Card::from_bytes(b"---\na: 1\n---\ncaf\xe9").unwrap_err().to_string();
    assert_eq!(error, "README.md is not UTF-8 text (line 4, column 4)");
}

#[test]
fn notices_refuse_nothing_and_say_where() {
    let card = parse("---\ntitle: X\nlicense: apache2\n---\n").unwrap();
    assert_eq!(card.license.as_deref(), Some("apache2"), "it is kept as it was written");
    let notices = card.notices();
    assert!(notices[0].contains("near to it are") && notices[0].contains("Apache-2.0"), "{notices:?}");
    assert!(notices[0].ends_with("(line 3, column 10)"), "{notices:?}");
    let own = "---\nlicense: other\nlicense_name: Ours\nlicense_link: LICENSE.md\n---\n";
    assert_eq!(parse(own).unwrap().notices(), [""; 0]);
    assert_eq!(parse("---\nlicense: [mit, \"MIT OR Apache-2.0\"]\n---\n").unwrap().notices(), [""; 0]);
}

#[test]
fn labels_come_inline_by_output_or_from_a_file() {
    assert_eq!(
        section("labels: onnx/labels.txt").unwrap().labels,
        Some(Labels::File("onnx/labels.txt".parse().unwrap()))
    );
    let Some(Labels::ByOutput(lists)) = section("labels: { a: [x, y], b: [z] }").unwrap().labels else { panic!() };
    assert_eq!((lists["a"].len(), lists["b"].len()), (2, 1));
}

#[test]
fn royalties_go_up_to_a_fifth() {
    for (text, points) in [("0%", 0), ("2.5%", 250), ("20%", 2_000)] {
        assert_eq!(section(&format!("royalty: {text}")).unwrap().royalty.map(ledger::Share::points), Some(points));
    }
    assert_eq!(section("royalty:").unwrap().royalty, None);
}

#[test]
fn times_have_units() {
    for (text, deadline_ms) in [("1ms", 1), ("500ms", 500), ("30s", 30_000), ("10m", 600_000)] {
        assert_eq!(section(&format!("deadline: {text}")).unwrap().deadline_ms, Some(deadline_ms));
    }
    assert_eq!(section("deadline:\nprice:").unwrap(), registry::Section::default(), "nothing written, nothing decided");
}

#[test]
fn broken_front_matter_is_refused_with_its_line_and_a_hint() {
    for (readme, reason) in [
        ("---\nlicense: mit\n", "no second ---"),
        ("---\nlicense: mit\nx: [1\n---\n", "(line "),
        ("---\na: 1\nb: &x\n  - *x\n---\n", "not YAML"),
        ("---\na: 1\na: 2\n---\n", "has the field \"a\" twice (line 3)"),
        ("---\n- a\n---\n", "not a list of fields"),
        ("---\njust words\n---\n", "not a list of fields"),
        ("---\ntags: {a: b}\n---\n", "tags should be one value or a list of them (line 2)"),
    ] {
        let error = parse(readme).expect_err(readme);
        assert!(by_line(&error.to_string()).contains(reason), "{readme}: {error}");
    }
    assert!(parse("---\n- a\n---\n").unwrap_err().hint().is_some());
    let long = format!("---\nx: {}\n---\n", "y".repeat(70_000));
    assert!(matches!(parse(&long), Err(CardError::TooLong { limit: 65_536, .. })));
}

#[test]
fn hostile_yaml_is_stopped_by_its_budget() {
    let mut bomb = "---\na: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, before) in ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip(["a", "b", "c", "d", "e", "f", "g", "h"])
    {
        bomb += &format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(","));
    }
    let deep = format!("---\nx: {}{}\n---\n", "[".repeat(5_000), "]".repeat(5_000));
    let wide = format!("---\nx: [{}]\n---\n", "1,".repeat(30_000));
    let nested = format!("---\nx: {}\n---\n", "{a: ".repeat(10_000));
    let aliases = format!("---\na: &a [{}]\nb: [{}]\n---\n", "1,".repeat(5_000), "*a,".repeat(99));
    for readme in [bomb + "---\n", deep, wide, nested, aliases] {
        let refused = parse(&readme);
        assert!(matches!(refused, Err(CardError::Excessive { .. } | CardError::Yaml { .. })), "{}…", &readme[..40]);
    }
    let marks = format!("{}\n\n{}", "# ".repeat(100_000), "[<*`".repeat(500_000));
    parse(&marks).unwrap();
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in "\\PC*", yaml in "[-a-c:{}\\[\\]&*!|>'\"%#,.0-9 \\n~?@]{0,80}") {
        let _ = parse(&text);
        let _ = parse(&format!("---\n{text}\n---\n{yaml}"));
        let _ = parse(&format!("---\n{yaml}\n---\n{text}"));
        let _ = parse(&format!("---\nmodelhub:\n  {yaml}\n---\n"));
        let _ = parse(&format!("---\nmodelhub: {{price: {{per_call: {yaml}}}, labels: {yaml}, split: {{bob: {yaml}}}}}\n---\n"));
    }

    #[test]
    fn shares_that_make_a_hundred_percent_are_taken_and_no_others(points in prop::collection::vec(1_u32..=10_000, 1..6)) {
        let written: String =
            points.iter().enumerate().map(|(index, points)| format!("user{index}: {}.{:02}%, ", points / 100, points % 100)).collect();
        let taken = section(&format!("split: {{ {written} }}"));
        prop_assert_eq!(taken.is_ok(), points.iter().sum::<u32>() == 10_000, "{:?}", taken);
    }
}

#[test]
fn a_card_names_the_server_that_runs_the_model() {
    let section_of = |text: &str| section(text).unwrap().remote.unwrap();
    let remote = section_of("remote: { url: \"https://models.example.com/a/\", model: net, version: 1.10 }");
    assert_eq!((remote.url(), remote.model(), remote.version()), ("https://models.example.com/a", "net", Some("1.10")));
    let remote = section_of("remote:\n  url: http://10.0.0.7:8080\n  model: team/net\n  version:");
    assert_eq!((remote.host(), remote.version()), ("10.0.0.7:8080", None));
    for (text, message) in [
        ("remote: https://h.example", "modelhub.remote should be fields like url and model (line 3)"),
        ("remote: { model: net }", "modelhub.remote (line 3): url is \"\", expected an address like"),
        ("remote:\n  url: https://h.example", "modelhub.remote (line 4): model is \"\", expected the model's name"),
        (
            "remote:\n  url: https://me:secret@h.example\n  model: net",
            "modelhub.remote (line 4): url is \"https://me:secret@h.example\", expected an address without a user name",
        ),
        ("remote:\n  url: https://h.example\n  model: ../net", "modelhub.remote (line 5): model is \"../net\""),
        ("remote: { url: \"https://h.example\", model: net, version: a/b }", "version is \"a/b\", expected"),
        (
            "remote:\n  url: https://h.example\n  name: net",
            "modelhub.remote has no field \"name\" (line 5), only url, ",
        ),
        ("remote: { url: [a], model: net }", "modelhub.remote.url should be one value (line 3)"),
        (
            "remote: { url: \"https://h.example\", model: net }\nbatch: 8",
            "modelhub.batch should be left out beside modelhub.remote: calls that another server runs share no run (line 4)",
        ),
    ] {
        let error = section(text).unwrap_err();
        assert!(by_line(&error).contains(message), "{error}");
    }
}
