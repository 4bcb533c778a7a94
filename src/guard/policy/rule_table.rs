//! Parser of `[[rule]]` and `[[role]]`.

use std::collections::HashMap;
use std::sync::Arc;

use toml::de::DeTable;

use super::error::{PolicyError, PolicyPlace};
use super::fields::{Fields, Placed, PolicyText, at, tables, unknown_word};
use super::pattern::IdentityPattern;
use super::rights::RuleName;
use super::roles::{BUILT_IN, Role, RoleGrant};
use super::rule::{Rule, RuleGrant, SessionGrant, allowed_with, denied_with};
use super::subject::{RuleSubject, Scope, check_segments, without_slash};
use super::verb_set::VerbSet;
use crate::model::Verb;

/// The longest name of a rule, a role or a quota, in bytes.
const LONGEST_NAME: usize = 64;

const VERBS: [&str; 10] = [
    "all", "read", "list", "watch", "create", "write", "cas", "delete", "lock", "session",
];

/// A role of the policy's own.
pub(super) struct OwnRole {
    pub(super) name: String,
    pub(super) place: PolicyPlace,
    role: Role,
    /// Whether a rule grants it.
    pub(super) used: bool,
}

/// Roles by their names.
pub(super) type OwnRoles = HashMap<String, OwnRole>;

/// Parses every `[[role]]`.
pub(super) fn own_roles(top: &mut Fields<'_, '_>) -> Result<OwnRoles, PolicyError> {
    let text = top.text;
    let mut roles = OwnRoles::new();
    for (offset, table) in tables(top, "role")? {
        let (name, role) = own_role(text, offset, table)?;
        if BUILT_IN.contains(&name.text.as_str()) || roles.contains_key(&name.text) {
            let what = format!("there is a role '{}' already", name.text);
            return Err(text.error(name.offset, what));
        }
        let own = OwnRole {
            name: name.text.clone(),
            place: text.place(offset),
            role,
            used: false,
        };
        roles.insert(name.text, own);
    }
    Ok(roles)
}

/// The name of a rule, a role or a quota.
pub(super) fn name(fields: &mut Fields<'_, '_>) -> Result<Placed, PolicyError> {
    let placed = fields.required("name")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let good = (1..=LONGEST_NAME).contains(&placed.text.len()) && placed.text.chars().all(fits);
    let checked = good
        .then_some(())
        .ok_or_else(|| format!("not 1 to {LONGEST_NAME} letters, digits and . _ -"));
    at(fields.text, "name", &placed, checked)?;
    Ok(placed)
}

fn verbs(text: PolicyText<'_>, field: &str, list: Vec<Placed>) -> Result<VerbSet, PolicyError> {
    let mut set = VerbSet::default();
    for placed in list {
        let verb = match placed.text.as_str() {
            "all" => {
                set = set.union(VerbSet::KEYS);
                continue;
            }
            "session" => Err("sessions are no keys: write sessions = \"own\"".to_owned()),
            other => other.parse().map_err(|_| {
                let near = unknown_word(other, &VERBS[..9]);
                format!("no such verb{near}")
            }),
        };
        let verb: Verb = at(text, field, &placed, verb)?;
        set.insert(verb);
    }
    Ok(set)
}

/// The verbs and subjects of a table, if it has some.
fn grant(fields: &mut Fields<'_, '_>) -> Result<Option<RoleGrant>, PolicyError> {
    let text = fields.text;
    let denied_at = fields.place_of("deny");
    let (allow, deny) = (fields.strings("allow")?, fields.strings("deny")?);
    let beneath_at = fields
        .place_of("beneath")
        .min(fields.place_of("key"))
        .max(fields.offset);
    let mut subjects = Vec::new();
    for (field, scope) in [("beneath", Scope::Beneath), ("key", Scope::Key)] {
        for placed in fields.strings(field)?.unwrap_or_default() {
            at(
                text,
                field,
                &placed,
                RuleSubject::parse(&placed.text, "", scope),
            )?;
            subjects.push((scope, placed.text));
        }
    }
    let (verbs, denies) = match (allow, deny) {
        (Some(_), Some(_)) => {
            return Err(fields.error(denied_at, "either allow or deny: write a rule for each"));
        }
        (Some(allow), None) => (allowed_with(verbs(text, "allow", allow)?), false),
        (None, Some(deny)) => (denied_with(verbs(text, "deny", deny)?), true),
        (None, None) if subjects.is_empty() => return Ok(None),
        (None, None) => return Err(fields.error(beneath_at, "allow or deny is missing")),
    };
    if subjects.is_empty() {
        let what = "beneath or key is missing: beneath = [\"\"] is everything";
        return Err(fields.error(fields.offset, what));
    }
    Ok(Some(RoleGrant {
        verbs,
        denies,
        subjects,
    }))
}

fn sessions(fields: &mut Fields<'_, '_>) -> Result<Option<SessionGrant>, PolicyError> {
    let Some(placed) = fields.string("sessions")? else {
        return Ok(None);
    };
    let grant = SessionGrant::parse(&placed.text).ok_or_else(|| "not own, all or none".to_owned());
    at(fields.text, "sessions", &placed, grant).map(Some)
}

fn own_role(
    text: PolicyText<'_>,
    offset: usize,
    table: DeTable<'_>,
) -> Result<(Placed, Role), PolicyError> {
    let mut fields = Fields::new(text, offset, table, &["name", "sessions", "grant"])?;
    let name = name(&mut fields)?;
    let sessions = sessions(&mut fields)?;
    let mut grants = Vec::new();
    for (offset, table) in fields.tables("grant")? {
        let mut fields = Fields::new(text, offset, table, &["allow", "deny", "beneath", "key"])?;
        let grant = grant(&mut fields)?;
        grants.push(grant.ok_or_else(|| text.error(offset, "allow or deny is missing"))?);
    }
    if grants.is_empty() && sessions.is_none() {
        return Err(text.error(
            offset,
            format!(
                "the role '{}' grants nothing: add [[role.grant]]",
                name.text
            ),
        ));
    }
    Ok((
        name,
        Role {
            grants,
            sessions,
            makes_parents: false,
        },
    ))
}

/// Parses one `[[rule]]`, and takes note of the role that it grants.
pub(super) fn rule(
    text: PolicyText<'_>,
    offset: usize,
    table: DeTable<'_>,
    roles: &mut OwnRoles,
) -> Result<Rule, PolicyError> {
    let known = [
        "name",
        "identities",
        "role",
        "prefix",
        "allow",
        "deny",
        "beneath",
        "key",
        "sessions",
    ];
    let mut fields = Fields::new(text, offset, table, &known)?;
    let name = name(&mut fields)?;
    let identities = fields.strings("identities")?;
    let identities = identities.ok_or_else(|| text.error(offset, "identities is missing"))?;
    let pattern = |placed: &Placed| {
        at(
            text,
            "identities",
            placed,
            IdentityPattern::parse(&placed.text),
        )
    };
    let identities: Vec<_> = identities.iter().map(pattern).collect::<Result<_, _>>()?;
    let prefix = fields.string("prefix")?;
    let role = fields.string("role")?;
    let own_sessions = sessions(&mut fields)?;
    let own = grant(&mut fields)?;
    let (grants, sessions) = match (role, own) {
        (Some(role), Some(_)) => {
            let what = "either a role, or verbs and subjects: write a rule for each";
            return Err(text.error(role.offset, what));
        }
        (Some(role), None) => of_role(text, &role, prefix.as_ref(), roles)?,
        (None, _) if prefix.is_some() => {
            return Err(text.error(offset, "a prefix goes with a role only"));
        }
        (None, Some(own)) => {
            let own = own.beneath("").map_err(|why| text.error(offset, why))?;
            (vec![own], None)
        }
        (None, None) => (Vec::new(), None),
    };
    let sessions = own_sessions.or(sessions);
    if grants.is_empty() && sessions.is_none() {
        let what = "the rule says nothing: role, allow, deny or sessions is missing";
        return Err(text.error(offset, what));
    }
    Ok(Rule {
        name: RuleName(Arc::from(name.text)),
        place: text.place(offset),
        identities,
        grants,
        sessions,
    })
}

type RoleGrants = (Vec<RuleGrant>, Option<SessionGrant>);

fn of_role(
    text: PolicyText<'_>,
    role: &Placed,
    prefix: Option<&Placed>,
    roles: &mut OwnRoles,
) -> Result<RoleGrants, PolicyError> {
    let path = prefix.map_or("", |prefix| prefix.text.as_str());
    let path = without_slash(path);
    if let Some(prefix) = prefix {
        at(text, "prefix", prefix, check_segments(path))?;
    }
    let built_in = Role::built_in(&role.text);
    if built_in.is_none() && !roles.contains_key(&role.text) {
        let mut known = BUILT_IN.to_vec();
        known.extend(roles.keys().map(String::as_str));
        known.sort_unstable();
        let what = format!("no such role{}", unknown_word(&role.text, &known));
        return at(text, "role", role, Err(what));
    }
    let own = roles.get_mut(&role.text).map(|own| {
        own.used = true;
        &own.role
    });
    let Some(found) = own.or(built_in.as_ref()) else {
        return Ok((Vec::new(), None));
    };
    let grants = found.grants_beneath(path);
    let grants = at(text, "prefix", prefix.unwrap_or(role), grants)?;
    Ok((grants, found.sessions))
}
