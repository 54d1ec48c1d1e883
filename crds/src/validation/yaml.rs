//! YAML to JSON, keeping where everything stands.

use std::{collections::HashMap, fmt};

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Number, Value};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use super::{
    path::{item, member, parent},
    problem::{Position, Problem},
};

/// One document of a text.
pub(super) struct Document {
    /// What it says; of a key given twice, the first.
    pub(super) value: Value,
    /// Where it begins.
    pub(super) start: Position,
    /// Where everything in it stands.
    pub(super) places: Places,
    /// Keys that are given twice.
    pub(super) duplicates: Vec<Problem>,
    /// Words that kubectl takes for booleans.
    pub(super) warnings: Vec<Problem>,
}

/// Where everything stands, by path.
#[derive(Default)]
pub(super) struct Places {
    keys: HashMap<String, Position>,
    values: HashMap<String, Position>,
}

impl Places {
    /// Where the key of a field stands; for an item of a list, its value; for what is not there, what it should be in.
    pub(super) fn of(&self, path: &str) -> Option<Position> {
        let mut path = path;
        loop {
            if let Some(place) = self.keys.get(path).or_else(|| self.values.get(path)) {
                return Some(*place);
            }
            path = parent(path)?;
        }
    }

    /// Where the value of a field stands, when it is on one line with its key or an item of a list; otherwise as
    /// [`Places::of`].
    pub(super) fn of_value(&self, path: &str) -> Option<Position> {
        match (self.values.get(path), self.keys.get(path)) {
            (Some(value), Some(key)) if value.line == key.line => Some(*value),
            (Some(value), None) => Some(*value),
            _ => self.of(path),
        }
    }
}

/// Reads every document of a text.
///
/// # Errors
/// What is malformed, and where.
pub(super) fn read(text: &str) -> Result<Vec<Document>, Problem> {
    // As kubectl reads: 0644 is octal. Unlike it, `on`, `yes` and `y` are text, with a warning; `y` is too common a
    // name of a metric.
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        legacy_octal_numbers: true,
        strict_booleans: true,
        with_snippet: false,
    };
    let nodes: Vec<Spanned<Node>> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| malformed(&error))?;
    let lines: Vec<&str> = text.lines().collect();
    Ok(nodes.into_iter().map(|node| document(node, &lines)).collect())
}

fn malformed(error: &serde_saphyr::Error) -> Problem {
    let text = error.to_string();
    let message = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    let hint = if message.contains("mapping values are not allowed") || message.contains("':' indicator") {
        " (a space missing after a colon, text with a colon that needs quotes, or lines that are not indented alike)"
    } else if message.contains("expected string scalar") {
        ", as the name of a field (text that begins with { or [ needs quotes, as \"{{ name }}\": without them it is an \
         object or a list)"
    } else if message.contains("tabs") {
        " (indent with spaces)"
    } else if message.contains("non-finite") {
        " (numbers must be finite)"
    } else {
        ""
    };
    Problem::new("", format!("the YAML is malformed: {message}{hint}")).at(error.location().map(position))
}

fn position(location: Location) -> Position {
    Position { line: location.line(), column: location.column() }
}

fn document(node: Spanned<Node>, lines: &[&str]) -> Document {
    let start = position(node.referenced);
    let mut converter =
        Converter { lines, places: Places::default(), duplicates: Vec::new(), warnings: Vec::new() };
    let value = converter.value(String::new(), node);
    let Converter { places, duplicates, warnings, .. } = converter;
    Document { value, start, places, duplicates, warnings }
}

struct Converter<'a> {
    lines: &'a [&'a str],
    places: Places,
    duplicates: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Converter<'_> {
    fn value(&mut self, path: String, node: Spanned<Node>) -> Value {
        let place = position(node.referenced);
        let value = match node.value {
            Node::Scalar(value) => {
                self.warn_of_word(&path, &value, place);
                value
            }
            Node::List(items) => Value::Array(
                items.into_iter().enumerate().map(|(at, node)| self.value(item(&path, at), node)).collect(),
            ),
            Node::Object(members) => Value::Object(self.object(&path, members)),
        };
        self.places.values.insert(path, place);
        value
    }

    fn object(&mut self, path: &str, members: Vec<(Spanned<Key>, Spanned<Node>)>) -> Map<String, Value> {
        let mut object = Map::new();
        for (key, node) in members {
            let inner = member(path, &key.value.0);
            let place = position(key.referenced);
            if let Some(first) = self.places.keys.get(&inner) {
                let message = format!("is given twice, first in line {}; remove one", first.line);
                self.duplicates.push(Problem::new(inner, message).at(Some(place)));
                continue;
            }
            self.places.keys.insert(inner.clone(), place);
            let value = self.value(inner, node);
            object.insert(key.value.0, value);
        }
        object
    }

    /// YAML 1.1, which kubectl reads, has more words for true and false than YAML 1.2.
    fn warn_of_word(&mut self, path: &str, value: &Value, place: Position) {
        let Some(text) = value.as_str().filter(|text| text.len() <= 3) else { return };
        let meaning = match text.to_ascii_lowercase().as_str() {
            "y" | "yes" | "on" => true,
            "n" | "no" | "off" => false,
            _ => return,
        };
        let before = (place.column - 1) as usize;
        let line = self.lines.get((place.line - 1) as usize).copied().unwrap_or_default();
        let quoted = line.chars().nth(before).is_some_and(|c| matches!(c, '"' | '\'' | '|' | '>' | '!'));
        if !quoted && line.chars().skip(before).take(text.len()).eq(text.chars()) {
            let message =
                format!("kubectl reads {text} without quotes as {meaning}: write \"{text}\" or {meaning}");
            self.warnings.push(Problem::new(path, message).at(Some(place)));
        }
    }
}

enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Object(Vec<(Spanned<Key>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> de::Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true or false, a list or an object")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("non-finite number"))?;
        Ok(Node::Scalar(number.into()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Node::Object(object))
    }
}

/// A key of an object: text; numbers and booleans as they are written, as kubectl takes them.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}
