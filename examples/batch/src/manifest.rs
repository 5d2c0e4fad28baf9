//! A manifest as a list of checked lines, or every reason why it is none. Reads CSV (RFC 4180) and JSON Lines.
//!
//! Nothing is repaired: a line that is not exactly what is documented is told with its number.
use std::{
    collections::HashMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use csv::StringRecord;
use serde::Deserialize;
use voiceclone_core::{
    audio::Container,
    text::{MAX_TEXT_CHARS, SpeechText},
};

use crate::{consent, failure::Failure, names};

/// One thing to say.
#[derive(Debug)]
pub(crate) struct Line {
    /// Its line in the manifest, from 1.
    pub(crate) number: u64,
    pub(crate) sample: PathBuf,
    pub(crate) text: SpeechText,
    /// The output's name without its ending.
    pub(crate) name: String,
    pub(crate) container: Container,
    /// Of the output's name: Ogg Opus goes by two.
    pub(crate) ending: &'static str,
    pub(crate) language: Option<String>,
    pub(crate) speed: Option<f32>,
    pub(crate) subject: String,
}

impl Line {
    pub(crate) fn file(&self) -> String {
        format!("{}.{}", self.name, self.ending)
    }

    pub(crate) fn characters(&self) -> u64 {
        self.text.char_count() as u64
    }
}

/// A line as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    sample: String,
    text: String,
    name: Option<String>,
    language: Option<String>,
    speed: Option<f32>,
    format: Option<String>,
    consent_subject: Option<String>,
}

const COLUMNS: [&str; 7] = ["sample", "text", "name", "language", "speed", "format", "consent_subject"];
const REQUIRED: [&str; 2] = ["sample", "text"];

type Numbered<T> = (u64, T);
type Problems = Vec<Numbered<String>>;

/// Reads and checks the manifest at `path`.
pub(crate) fn read(path: &Path) -> Result<Vec<Line>, Failure> {
    let refuse = |why: String| Failure::Usage(format!("the manifest {} cannot be used: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|e| refuse(e.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|e| {
        let before = bytes.iter().take(e.valid_up_to()).filter(|b| **b == b'\n').count();
        refuse(format!("line {} is not UTF-8", before + 1))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rows = if is_json(path, text) { json_rows(text) } else { csv_rows(text) };
    let base = path.parent().unwrap_or(Path::new(""));
    let lines = rows.and_then(|rows| check(rows, base));
    match lines {
        Ok(lines) if lines.is_empty() => Err(refuse("it has no lines".to_owned())),
        Ok(lines) => Ok(lines),
        Err(problems) => Err(refuse(list(&problems))),
    }
}

/// By its ending, else by its first character: no CSV header begins with a brace.
fn is_json(path: &Path, text: &str) -> bool {
    match path.extension().map(|e| e.to_string_lossy().to_lowercase()).as_deref() {
        Some("jsonl" | "ndjson") => true,
        Some("csv") => false,
        _ => text.trim_start().starts_with('{'),
    }
}

fn json_rows(text: &str) -> Result<Vec<Numbered<Row>>, Problems> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let rows = lines.map(|(number, line)| match serde_json::from_str(line) {
        Ok(row) => Ok((number, row)),
        // serde counts lines within this one, which would be read as the manifest's.
        Err(e) => Err((number, e.to_string().replace(" at line 1 column ", " at column "))),
    });
    all_or_problems(rows)
}

fn csv_rows(text: &str) -> Result<Vec<Numbered<Row>>, Problems> {
    let whole = |why: String| vec![(1, why)];
    check_quotes(text).map_err(|problem| vec![problem])?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| whole(e.to_string()))?.clone();
    check_header(&header).map_err(whole)?;
    let mut lines = LineCounter { text, at: 0, line: 1 };
    let rows = reader.into_records().map(|record| {
        let position = record.as_ref().map_or_else(csv::Error::position, StringRecord::position);
        let number = lines.line_of(position.map_or(0, csv::Position::byte));
        let row = record.and_then(|record| record.deserialize(Some(&header)));
        row.map(|row| (number, row)).map_err(|e| (number, explain(&e, &header)))
    });
    all_or_problems(rows)
}

/// Where a reader of CSV is.
#[derive(Clone, Copy)]
enum At {
    FieldStart,
    Plain,
    /// In quotes that were opened in this line.
    Quoted(u64),
    /// After a quote that closes the field or is the first of two.
    Closed(u64),
}

/// Refuses what the reader would repair: quotes that are not closed, not doubled, or not around the whole field. A text
/// would lose them, or take in the lines after it.
fn check_quotes(text: &str) -> Result<(), Numbered<String>> {
    let (mut at, mut line) = (At::FieldStart, 1);
    for c in text.chars() {
        at = match (at, c) {
            (At::FieldStart, '"') => At::Quoted(line),
            (At::Quoted(opened), '"') => At::Closed(opened),
            (At::Closed(opened), '"') | (At::Quoted(opened), _) => At::Quoted(opened),
            (_, ',' | '\r' | '\n') => At::FieldStart,
            (At::FieldStart | At::Plain, c) if c != '"' => At::Plain,
            _ => {
                let advice = "put the whole field in quotes and double each quote inside it";
                return Err((line, format!("a quote is in the wrong place: {advice}")));
            }
        };
        line += u64::from(c == '\n');
    }
    match at {
        At::Quoted(opened) => Err((opened, "the quoted field that begins here is not closed".to_owned())),
        _ => Ok(()),
    }
}

/// Line numbers of places that come in order. The reader's own are one short after Windows line ends.
struct LineCounter<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl LineCounter<'_> {
    /// The line of the first character from `byte` on that ends no line.
    fn line_of(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        let rest = self.text.as_bytes().iter().enumerate().skip(self.at);
        for (at, c) in rest.take_while(|(at, c)| *at < byte || matches!(c, b'\r' | b'\n')) {
            self.at = at + 1;
            self.line += u64::from(*c == b'\n');
        }
        self.line
    }
}

fn check_header(header: &StringRecord) -> Result<(), String> {
    let known = COLUMNS.join(", ");
    if let Some(unknown) = header.iter().find(|column| !COLUMNS.contains(column)) {
        return Err(format!("there is no column {unknown:?}; there are: {known}"));
    }
    if let Some(missing) = REQUIRED.iter().find(|column| !header.iter().any(|c| c == **column)) {
        return Err(format!("the column {missing:?} is missing; there are: {known}"));
    }
    let mut seen = Vec::new();
    for column in header {
        if seen.contains(&column) {
            return Err(format!("the column {column:?} is there twice"));
        }
        seen.push(column);
    }
    Ok(())
}

fn explain(error: &csv::Error, header: &StringRecord) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} fields; the header has {expected_len}. A field with a comma is put in quotes.")
        }
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|field| header.get(usize::try_from(field).ok()?));
            format!("{}: {}", column.unwrap_or("a field"), err.kind())
        }
        _ => error.to_string(),
    }
}

/// The items, or every problem there is.
fn all_or_problems<T>(items: impl Iterator<Item = Result<T, Numbered<String>>>) -> Result<Vec<T>, Problems> {
    let (mut good, mut problems) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Ok(item) => good.push(item),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(good) } else { Err(problems) }
}

fn check(rows: Vec<Numbered<Row>>, base: &Path) -> Result<Vec<Line>, Problems> {
    let mut taken: HashMap<String, u64> = HashMap::new();
    let lines = (1..).zip(rows).map(|(ordinal, (number, row))| {
        let line = check_row(row, number, ordinal, base).map_err(|why| (number, why))?;
        // Some file systems take names that differ only in case for one.
        match taken.insert(line.file().to_lowercase(), number) {
            Some(first) => Err((number, format!("the output {:?} is already that of line {first}", line.file()))),
            None => Ok(line),
        }
    });
    all_or_problems(lines)
}

fn check_row(row: Row, number: u64, ordinal: u64, base: &Path) -> Result<Line, String> {
    if row.sample.is_empty() {
        return Err("the sample is empty".to_owned());
    }
    let sample = base.join(&row.sample);
    if !sample.is_file() {
        return Err(format!("there is no sample file {}", sample.display()));
    }
    let text = SpeechText::new(&row.text, MAX_TEXT_CHARS).map_err(|e| e.message().to_owned())?;
    let name = row
        .name
        .unwrap_or_else(|| format!("{ordinal:04}-{}", sample.file_stem().unwrap_or_default().to_string_lossy()));
    if let Some(objection) = names::objection(&name) {
        return Err(objection);
    }
    if row.speed.is_some_and(|speed| !speed.is_finite() || speed <= 0.0) {
        return Err("the speed is a factor above 0".to_owned());
    }
    let subject = row.consent_subject.unwrap_or_else(|| consent::UNNAMED.to_owned());
    if subject.trim().is_empty() {
        return Err("the consent_subject is empty; leave it out or name the person in the recording".to_owned());
    }
    let (container, ending) = match row.format.as_deref() {
        None | Some("wav") => (Container::Wav, "wav"),
        Some("flac") => (Container::Flac, "flac"),
        Some("opus") => (Container::Ogg, "opus"),
        Some("ogg") => (Container::Ogg, "ogg"),
        Some(other) => return Err(format!("there is no format {other:?}; there are wav, flac, opus and ogg")),
    };
    Ok(Line { number, sample, text, name, container, ending, language: row.language, speed: row.speed, subject })
}

const LISTED: usize = 20;

fn list(problems: &Problems) -> String {
    let mut out = String::new();
    for (number, why) in problems.iter().take(LISTED) {
        let _ = write!(out, "\n  line {number}: {why}");
    }
    if problems.len() > LISTED {
        let _ = write!(out, "\n  and {} more", problems.len() - LISTED);
    }
    out
}
