//! Calls in Python source and the literals they are made with.

use std::{iter::Peekable, str::Chars};

/// A call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Call {
    /// What is called, with its dots: `parser.add_argument`.
    pub(super) name: String,
    /// Arguments without a name, in order.
    pub(super) positional: Vec<Literal>,
    named: Vec<(String, Literal)>,
}

impl Call {
    /// The argument of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Literal> {
        self.named.iter().find(|(known, _)| known == name).map(|(_, literal)| literal)
    }
}

/// A value as far as it can be known without running anything.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Number(String),
    Bool(bool),
    None,
    List(Vec<Literal>),
    Call(Box<Call>),
    /// Anything else, as it is written.
    Other(String),
}

impl Literal {
    /// Of an expression.
    pub(super) fn parse(expression: &str) -> Self {
        Reader::new(expression).expression()
    }

    /// The text it is, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As one would write it on a command line; `None` where that is not known.
    pub(super) fn value(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.clone()),
            Self::Bool(true) => Some("True".to_owned()),
            Self::Bool(false) => Some("False".to_owned()),
            Self::None | Self::List(_) | Self::Call(_) | Self::Other(_) => None,
        }
    }
}

/// Every call in a source, in order; those within the arguments of a call are part of it.
pub(super) fn calls(source: &str) -> Vec<Call> {
    let mut reader = Reader::new(source);
    let mut calls = Vec::new();
    while let Some(&next) = reader.rest.peek() {
        if next.is_alphabetic() || next == '_' {
            if let Literal::Call(call) = reader.name_or_call() {
                let inner: Vec<Call> = nested(&call).cloned().collect();
                calls.push(*call);
                calls.extend(inner);
            }
        } else if next == '"' || next == '\'' {
            reader.string(false);
        } else if next == '#' {
            reader.comment();
        } else {
            reader.rest.next();
        }
    }
    calls
}

/// Calls that are arguments of a call, at any depth.
fn nested(call: &Call) -> impl Iterator<Item = &Call> {
    let arguments = call.positional.iter().chain(call.named.iter().map(|(_, literal)| literal));
    arguments
        .filter_map(|literal| if let Literal::Call(inner) = literal { Some(inner.as_ref()) } else { None })
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str) -> Self {
        Self { rest: source.chars().peekable() }
    }

    fn skip_blanks(&mut self) {
        while let Some(&next) = self.rest.peek() {
            match next {
                '#' => self.comment(),
                '\\' => drop(self.rest.next()),
                next if next.is_whitespace() => drop(self.rest.next()),
                _ => return,
            }
        }
    }

    fn comment(&mut self) {
        while self.rest.next().is_some_and(|c| c != '\n') {}
    }

    /// The longest run of characters that satisfy this.
    fn run(&mut self, of: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(next) = self.rest.next_if(|&c| of(c)) {
            text.push(next);
        }
        text
    }

    /// One expression, up to a comma or closing bracket.
    fn expression(&mut self) -> Literal {
        self.skip_blanks();
        let Some(&first) = self.rest.peek() else { return Literal::None };
        let literal = match first {
            '"' | '\'' => Literal::Text(self.strings(false)),
            '[' | '(' | '{' => self.list(first),
            '-' | '+' | '.' | '0'..='9' => self.number(),
            c if c.is_alphabetic() || c == '_' => self.name_or_call(),
            _ => Literal::Other(String::new()),
        };
        // What goes on (`a or b`, `1 << 4`, `x[0]`, `{...: ...}`) is not known.
        let tail = self.tail();
        if tail.is_empty() { literal } else { Literal::Other(format!("{literal:?}{tail}")) }
    }

    /// Whatever stands before the comma or bracket that ends an expression.
    fn tail(&mut self) -> String {
        let mut tail = String::new();
        let mut depth = 0usize;
        loop {
            self.skip_blanks();
            match self.rest.peek() {
                None => return tail,
                Some(',' | ')' | ']' | '}') if depth == 0 => return tail,
                Some('"' | '\'') => tail.push_str(&self.string(false)),
                Some(&c) => {
                    match c {
                        '(' | '[' | '{' => depth += 1,
                        ')' | ']' | '}' => depth -= 1,
                        _ => {}
                    }
                    tail.push(c);
                    self.rest.next();
                }
            }
        }
    }

    fn number(&mut self) -> Literal {
        let text = self.run(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'));
        let text = text.replace('_', "");
        if text.parse::<f64>().is_ok() { Literal::Number(text) } else { Literal::Other(text) }
    }

    fn list(&mut self, open: char) -> Literal {
        self.rest.next();
        let mut items = Vec::new();
        let mut commas = 0;
        loop {
            self.skip_blanks();
            match self.rest.peek() {
                None => break,
                Some(')' | ']' | '}') => {
                    self.rest.next();
                    break;
                }
                Some(',') => {
                    commas += 1;
                    self.rest.next();
                }
                Some(_) => {
                    items.push(self.expression());
                }
            }
        }
        // Brackets around one expression are no list.
        match (open, commas, items.as_slice()) {
            ('(', 0, [only]) => only.clone(),
            _ => Literal::List(items),
        }
    }

    fn name_or_call(&mut self) -> Literal {
        let name = self.run(|c| c.is_alphanumeric() || c == '_' || c == '.');
        let prefix = name.to_lowercase();
        if matches!(self.rest.peek(), Some('"' | '\''))
            && matches!(prefix.as_str(), "r" | "u" | "b" | "f" | "rb" | "br" | "fr" | "rf")
        {
            let text = self.strings(prefix.contains('r'));
            // What an f-string or bytes will be is not known.
            return if prefix.contains(['f', 'b']) { Literal::Other(text) } else { Literal::Text(text) };
        }
        match name.as_str() {
            "True" => return Literal::Bool(true),
            "False" => return Literal::Bool(false),
            "None" => return Literal::None,
            _ => {}
        }
        self.run(|c| c == ' ');
        if self.rest.peek() != Some(&'(') {
            return Literal::Other(name);
        }
        self.rest.next();
        let mut call = Call { name, ..Call::default() };
        loop {
            self.skip_blanks();
            match self.rest.peek() {
                None => break,
                Some(')' | ']' | '}') => {
                    self.rest.next();
                    break;
                }
                Some(',') => drop(self.rest.next()),
                Some(_) => self.argument(&mut call),
            }
        }
        Literal::Call(Box::new(call))
    }

    fn argument(&mut self, call: &mut Call) {
        let mut ahead = Self { rest: self.rest.clone() };
        let name = ahead.run(|c| c.is_alphanumeric() || c == '_');
        ahead.skip_blanks();
        if !name.is_empty() && ahead.rest.next() == Some('=') && ahead.rest.peek() != Some(&'=') {
            self.rest = ahead.rest;
            let value = self.expression();
            call.named.push((name, value));
        } else {
            call.positional.push(self.expression());
        }
    }

    /// Strings beside each other are one.
    fn strings(&mut self, raw: bool) -> String {
        let mut text = self.string(raw);
        loop {
            let mut ahead = Self { rest: self.rest.clone() };
            ahead.skip_blanks();
            if !matches!(ahead.rest.peek(), Some('"' | '\'')) {
                return text;
            }
            self.rest = ahead.rest;
            text.push_str(&self.string(raw));
        }
    }

    /// One string, which begins here.
    fn string(&mut self, raw: bool) -> String {
        let Some(quote) = self.rest.next() else { return String::new() };
        let triple = {
            let mut ahead = self.rest.clone();
            ahead.next() == Some(quote) && ahead.next() == Some(quote)
        };
        if triple {
            self.rest.next();
            self.rest.next();
        }
        let mut text = String::new();
        while let Some(c) = self.rest.next() {
            match c {
                '\\' if raw => {
                    text.push('\\');
                    text.extend(self.rest.next());
                }
                '\\' => match self.rest.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('\n') | None => {}
                    Some(other) => text.push(other),
                },
                c if c == quote && !triple => break,
                c if c == quote => {
                    let mut ahead = self.rest.clone();
                    if ahead.next() == Some(quote) && ahead.next() == Some(quote) {
                        self.rest.next();
                        self.rest.next();
                        break;
                    }
                    text.push(c);
                }
                '\n' if !triple => break,
                c => text.push(c),
            }
        }
        text
    }
}
