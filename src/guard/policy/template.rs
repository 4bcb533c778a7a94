//! Templates: texts with variables in braces.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::variables::{Variable, Variables, is_filled_in};

/// A text in which variables stand in braces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Template {
    parts: Vec<TemplatePart>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum TemplatePart {
    Literal(String),
    Variable(Variable),
}

/// How a text compares to a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Captured {
    /// It has another form.
    Different,
    /// It has the form, but what stands in a variable's place cannot be filled in; why.
    Bad(String),
    /// What stands in the variables' places.
    Fits(Variables),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}').ok_or("a brace is not closed")?;
            let variable = Variable::parse(name).ok_or_else(|| match name {
                "port" => {
                    "{port} can only end the last segment of a subject, behind a colon".to_owned()
                }
                _ => format!(
                    "{{{}}} is no variable: {{name}}, {{ip}} or {{namespace}}",
                    name.escape_debug()
                ),
            })?;
            push_literal(&mut parts, literal)?;
            let part = TemplatePart::Variable(variable);
            if parts.contains(&part) {
                return Err(format!("{{{name}}} stands there twice"));
            }
            parts.push(part);
            rest = after;
        }
        push_literal(&mut parts, rest)?;
        Ok(Self { parts })
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = Variable> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Literal(_) => None,
            TemplatePart::Variable(variable) => Some(*variable),
        })
    }

    /// The text, where there is no variable in it.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [TemplatePart::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// As a policy writes it.
    pub(super) fn text(&self) -> String {
        let part = |part: &TemplatePart| match part {
            TemplatePart::Literal(text) => text.clone(),
            TemplatePart::Variable(variable) => format!("{{{}}}", variable.name()),
        };
        self.parts.iter().map(part).collect()
    }

    /// The literal text before the first variable.
    pub(super) fn head(&self) -> &str {
        match self.parts.first() {
            Some(TemplatePart::Literal(text)) => text,
            Some(TemplatePart::Variable(_)) | None => "",
        }
    }

    /// The text with the variables filled in; `None` where one is not there. An IPv6 address before a colon gets brackets, as
    /// in host and port: without them it would end somewhere in what follows.
    pub(super) fn fill(&self, variables: &Variables) -> Option<String> {
        let mut text = String::new();
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                TemplatePart::Literal(literal) => text.push_str(literal),
                TemplatePart::Variable(Variable::Ip) => {
                    let ip = variables.ip?;
                    let colon = matches!(parts.peek(), Some(TemplatePart::Literal(next)) if next.starts_with(':'));
                    // Writing to a string does not fail.
                    let _never = match ip {
                        IpAddr::V6(ip) if colon => write!(text, "[{ip}]"),
                        IpAddr::V4(_) | IpAddr::V6(_) => write!(text, "{ip}"),
                    };
                }
                TemplatePart::Variable(variable) => text.push_str(&variables.get(*variable)?),
            }
        }
        Some(text)
    }

    /// Whether a text that fits does so in one way only: between two variables stands what none of them can hold.
    pub(super) fn check_unambiguous(&self, separator: Option<char>) -> Result<(), String> {
        let holds = |c: char| is_filled_in(c) && Some(c) != separator;
        let mut open = false;
        for part in &self.parts {
            match part {
                TemplatePart::Literal(literal) => open &= literal.chars().all(holds),
                TemplatePart::Variable(_) if open => {
                    return Err("where one variable ends and the next begins is not clear: put a '/' between them".to_owned());
                }
                TemplatePart::Variable(_) => open = true,
            }
        }
        Ok(())
    }

    /// What stands in the variables' places of a text that has the form as a whole. No variable holds `separator`.
    pub(super) fn capture(&self, text: &str, separator: Option<char>) -> Captured {
        let mut captured = Vec::new();
        let mut rest = text;
        let mut open = None;
        for (number, part) in self.parts.iter().enumerate() {
            let literal = match part {
                TemplatePart::Variable(variable) => {
                    open = Some(*variable);
                    continue;
                }
                TemplatePart::Literal(literal) => literal,
            };
            let is_last = number + 1 == self.parts.len();
            let split = match open {
                None => rest.strip_prefix(literal.as_str()).map(|after| ("", after)),
                // Of several places the last one: the whole text must fit.
                Some(_) if is_last => rest
                    .strip_suffix(literal.as_str())
                    .map(|before| (before, "")),
                Some(_) => rest.split_once(literal.as_str()),
            };
            let Some((before, after)) = split else {
                return Captured::Different;
            };
            captured.extend(open.take().map(|variable| (variable, before)));
            rest = after;
        }
        match open {
            Some(variable) => captured.push((variable, rest)),
            None if !rest.is_empty() => return Captured::Different,
            None => {}
        }
        let has_separator =
            |text: &str| separator.is_some_and(|separator| text.contains(separator));
        if captured.iter().any(|(_, text)| has_separator(text)) {
            return Captured::Different;
        }
        let mut variables = Variables::default();
        for (variable, text) in captured {
            match variables.set(variable, text) {
                Ok(more) => variables = more,
                Err(why) => return Captured::Bad(format!("{{{}}}: {why}", variable.name())),
            }
        }
        Captured::Fits(variables)
    }
}

fn push_literal(parts: &mut Vec<TemplatePart>, text: &str) -> Result<(), String> {
    if text.contains('}') {
        return Err("a brace is not opened".to_owned());
    }
    if !text.is_empty() {
        parts.push(TemplatePart::Literal(text.to_owned()));
    }
    Ok(())
}
