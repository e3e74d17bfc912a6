//! `include/zmq.h` as `src/ffi` gives it: cbindgen's output, laid out for people to read.
//!
//! cbindgen knows no headings, gives every comment three lines and every draft item an `#if` of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The files of `src/ffi` in the order of the header.
pub const SOURCES: &[&str] = &[
    "constants.rs",
    "types.rs",
    "version.rs",
    "context.rs",
    "message.rs",
    "socket.rs",
    "draft.rs",
    "poll.rs",
    "poller.rs",
    "proxy.rs",
    "monitor.rs",
    "timers.rs",
    "counters.rs",
    "clock_threads.rs",
    "z85.rs",
    "curve.rs",
];

const DRAFT: &str = "#if defined(ZMQ_BUILD_DRAFT_API)";
const WIDTH: usize = 100;
/// Where the comments of constants begin.
const COMMENTS: usize = 52;

pub fn header(root: &Path) -> String {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let preamble = config.after_includes.clone().expect("after_includes");
    let mut builder = cbindgen::Builder::new().with_config(config);
    let mut headings = BTreeMap::new();
    for source in SOURCES {
        let path = root.join("src/ffi").join(source);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{source}: {error}"));
        note_headings(&text, &mut headings);
        builder = builder.with_src(path);
    }
    let mut made = Vec::new();
    builder.generate().expect("bindings").write(&mut made);
    let made = String::from_utf8(made).expect("UTF-8");
    let (before, after) = made.split_once(preamble.trim_end()).expect("preamble");
    let mut text = format!("{before}{}\n\n", preamble.trim());
    for item in joined(items(after)) {
        if let Some(heading) = headings.get(item.name()) {
            text += &format!("\n/* ---- {heading} ---- */\n\n");
        }
        text += &item.text();
    }
    squeezed(&text)
}

/// The name of the item that a heading stands before -> the heading: `// Heading` lines among constants, else the first
/// sentence of the file.
fn note_headings(source: &str, headings: &mut BTreeMap<String, String>) {
    let of_file = source
        .strip_prefix("//! ")
        .and_then(|text| text.split_once(". Contract"));
    let mut heading = of_file.map(|(heading, _)| heading.to_owned());
    for line in source.lines() {
        if line == "mod tests {" {
            break;
        }
        let constant = line
            .strip_prefix("pub const ")
            .and_then(|rest| rest.split_once(':'));
        let item = line
            .strip_prefix("pub unsafe extern \"C-unwind\" fn ")
            .and_then(|rest| rest.split_once('('))
            .or_else(|| {
                line.strip_prefix("pub struct zmq_poll")
                    .map(|_| ("zmq_pollitem_t", ""))
            })
            .or(constant);
        if let Some((name, _)) = item {
            if let Some(heading) = heading.take() {
                headings.insert(name.to_owned(), heading);
            }
        } else if let Some(text) = line.strip_prefix("// ") {
            heading = Some(text.to_owned());
        }
    }
}

/// A declaration with its comment, or one line of the preprocessor.
#[derive(Debug, Default)]
struct Item {
    comment: String,
    lines: Vec<String>,
}

impl Item {
    fn is(&self, line: &str) -> bool {
        self.lines.first().is_some_and(|first| first == line)
    }

    /// The name that it declares, if it does.
    fn name(&self) -> &str {
        let first = self.lines.first().map_or("", String::as_str);
        if let Some(rest) = first.strip_prefix("#define ") {
            return rest.split(' ').next().unwrap_or_default();
        }
        if let Some(rest) = first.strip_prefix("typedef struct ") {
            return rest.trim_end_matches(" {");
        }
        let head = first.split('(').next().unwrap_or_default();
        head.rsplit([' ', '*']).next().unwrap_or_default()
    }

    fn text(&self) -> String {
        let Some(first) = self.lines.first() else {
            return String::new();
        };
        if first.starts_with("#define ") && !self.comment.is_empty() {
            let beside = format!("{first:<COMMENTS$}/* {} */\n", self.comment);
            if first.len() < COMMENTS && beside.len() <= 120 {
                return beside;
            }
            return format!("{}{first}\n", comment(&self.comment, ""));
        }
        let mut text = comment(&self.comment, "");
        for line in &self.lines {
            text += &wrapped(line);
        }
        // Constants stand close together.
        text + if first.starts_with("#define ") {
            ""
        } else {
            "\n"
        }
    }
}

fn items(text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut lines = text.lines().peekable();
    let mut item = Item::default();
    while let Some(line) = lines.next() {
        match line {
            "" => {}
            "/*" => item.comment = comment_text(&mut lines),
            "ZMQ_EXPORT" => {
                let mut whole = line.to_owned();
                for part in lines.by_ref() {
                    whole = format!("{whole} {}", part.trim());
                    if part.ends_with(';') {
                        break;
                    }
                }
                item.lines.push(whole.replace("( ", "("));
                items.push(std::mem::take(&mut item));
            }
            _ if line.ends_with('{') && line.starts_with("typedef") => {
                item.lines.push(line.to_owned());
                while let Some(part) = lines.next() {
                    if part.trim() == "/*" {
                        item.lines
                            .push(format!("    /* {} */", comment_text(&mut lines)));
                    } else {
                        item.lines.push(part.to_owned());
                        if part.starts_with('}') {
                            break;
                        }
                    }
                }
                items.push(std::mem::take(&mut item));
            }
            _ => {
                // A comment after #endif would have to be an old one.
                let line = line.split("//").next().unwrap_or_default().trim_end();
                item.lines.push(line.to_owned());
                items.push(std::mem::take(&mut item));
            }
        }
    }
    items
}

/// The lines up to the end of a comment, as one.
fn comment_text<'a>(lines: &mut impl Iterator<Item = &'a str>) -> String {
    lines
        .take_while(|line| line.trim() != "*/")
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Without `#endif` and `#if` between two draft items.
fn joined(items: Vec<Item>) -> Vec<Item> {
    let mut kept: Vec<Item> = Vec::new();
    let mut in_draft = false;
    let mut items = items.into_iter().peekable();
    while let Some(item) = items.next() {
        if item.is(DRAFT) {
            in_draft = true;
        } else if in_draft && item.is("#endif") {
            if items.next_if(|next| next.is(DRAFT)).is_some() {
                continue;
            }
            in_draft = false;
        }
        kept.push(item);
    }
    kept
}

fn comment(text: &str, indent: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut lines = vec![format!("{indent}/*")];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("one");
        if last.len() + word.len() + 4 > WIDTH {
            lines.push(format!("{indent} * {word}"));
        } else {
            *last += &format!(" {word}");
        }
    }
    lines.join("\n") + " */\n"
}

/// A declaration, in more lines if it is too long for one.
fn wrapped(line: &str) -> String {
    if line.len() <= WIDTH {
        return format!("{line}\n");
    }
    let place = line.get(..WIDTH).and_then(|start| start.rfind(", "));
    match place.map(|place| line.split_at(place + 2)) {
        Some((start, rest)) => format!("{}\n{}", start.trim_end(), wrapped(&format!("    {rest}"))),
        None => format!("{line}\n"),
    }
}

/// With one empty line at most in a place, and none before `#endif`.
fn squeezed(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        let empty_before = lines.last().is_some_and(|last| last.is_empty());
        if line.is_empty() && (empty_before || lines.is_empty()) {
            continue;
        }
        lines.push(line);
    }
    lines.join("\n") + "\n"
}
