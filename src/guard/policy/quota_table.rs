//! Parser of `[[quota]]`.

use std::collections::HashSet;
use std::sync::Arc;

use toml::de::DeTable;

use super::error::PolicyError;
use super::fields::{Fields, Placed, PolicyText, at, tables};
use super::pattern::IdentityPattern;
use super::quota::{QuotaLimits, QuotaRule};
use super::rule_table;
use super::subject::{LONGEST, check_segments, without_slash};
use super::template::Template;

/// The most different forms of prefixes with variables: each key that is written is compared with those.
pub(super) const MOST_VARIABLE: usize = 64;

/// Units of bytes.
const UNITS: [(&str, u64); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Parses every `[[quota]]`.
pub(super) fn quotas(top: &mut Fields<'_, '_>) -> Result<Vec<QuotaRule>, PolicyError> {
    let text = top.text;
    let mut quotas = Vec::new();
    let (mut names, mut variable) = (HashSet::new(), HashSet::new());
    for (offset, table) in tables(top, "quota")? {
        let quota = quota(text, offset, table)?;
        if !names.insert(Arc::clone(&quota.name)) {
            let what = format!("there is a quota '{}' already", quota.name);
            return Err(text.error(offset, what));
        }
        let templates = quota.beneath.iter();
        variable.extend(templates.filter(|one| one.literal().is_none()).cloned());
        if variable.len() > MOST_VARIABLE {
            let what = format!("more than {MOST_VARIABLE} different prefixes with variables");
            return Err(text.error(offset, what));
        }
        quotas.push(quota);
    }
    Ok(quotas)
}

fn quota(
    text: PolicyText<'_>,
    offset: usize,
    table: DeTable<'_>,
) -> Result<QuotaRule, PolicyError> {
    let known = ["name", "identities", "beneath", "keys", "bytes"];
    let mut fields = Fields::new(text, offset, table, &known)?;
    let name = rule_table::name(&mut fields)?;
    let pattern = |placed: &Placed| {
        let parsed = IdentityPattern::parse(&placed.text);
        at(text, "identities", placed, parsed)
    };
    let identities = fields.strings("identities")?.unwrap_or_default();
    let identities: Vec<_> = identities.iter().map(pattern).collect::<Result<_, _>>()?;
    let beneath = fields.strings("beneath")?;
    let beneath = beneath.ok_or_else(|| text.error(offset, "beneath is missing"))?;
    let prefix = |placed: &Placed| {
        let parsed = prefix(&placed.text, identities.is_empty());
        at(text, "beneath", placed, parsed)
    };
    let beneath = beneath.iter().map(prefix).collect::<Result<_, _>>()?;
    let limits = QuotaLimits {
        keys: fields.count("keys", &[])?,
        bytes: fields.count("bytes", &UNITS)?,
    };
    if limits == QuotaLimits::default() {
        return Err(text.error(offset, "the quota limits nothing: keys or bytes is missing"));
    }
    Ok(QuotaRule {
        name: Arc::from(name.text),
        place: text.place(offset),
        identities,
        beneath,
        limits,
    })
}

fn prefix(text: &str, binds_everybody: bool) -> Result<Template, String> {
    let path = without_slash(text);
    check_segments(path)?;
    if path.len() > LONGEST {
        return Err(format!("a prefix has at most {LONGEST} bytes"));
    }
    let template = Template::parse(path)?;
    if binds_everybody && template.literal().is_none() {
        return Err(
            "whose proof fills in the variables is not said: identities is missing".to_owned(),
        );
    }
    Ok(template)
}
