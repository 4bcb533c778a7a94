//! Parser of a policy's text.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use toml::de::DeTable;

use super::error::{PolicyError, PolicyPlace};
use super::fields::{Fields, Placed, PolicyText, line_starts, unknown_word};
use super::pattern::{ANONYMOUS, IdentityPattern, principal};
use super::recognizer::{AddressSource, AuthorityName, CertificateField, Recognizer};
use super::rights::RuleName;
use super::roles::{BUILT_IN, Role, RoleGrant};
use super::rule::{Grant, Rule, SessionGrant, allowed_with, denied_with};
use super::subject::{Scope, Subject, check_segments, without_slash};
use super::template::Template;
use super::variables::Variable;
use super::verb_set::VerbSet;
use super::{Policy, RulesByIdentity};
use crate::model::Verb;

/// The most rules, roles and identities, each.
const MOST: usize = 10_000;

/// The most subjects of all rules, those of their roles included.
const MOST_SUBJECTS: usize = 200_000;

/// The longest name of a rule or a role, in bytes.
const LONGEST_NAME: usize = 64;

const VERBS: [&str; 10] = [
    "all", "read", "list", "watch", "create", "write", "cas", "delete", "lock", "session",
];

pub(super) fn parse(text: &str) -> Result<Policy, PolicyError> {
    let lines = line_starts(text);
    let source = PolicyText {
        text,
        lines: &lines,
    };
    if text.len() > Policy::MAX_BYTES {
        let (bytes, limit) = (text.len(), Policy::MAX_BYTES);
        let what = format!("a policy of {bytes} bytes is longer than the limit of {limit} bytes");
        return Err(source.error(0, what));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        // Some messages of the parser have several lines; an error here has one.
        source.error(offset, error.message().replace('\n', ", "))
    })?;
    let (offset, table) = (table.span().start, table.into_inner());
    let mut top = Fields::new(source, offset, table, &["identity", "role", "rule"])?;
    let recognizers = tables(&mut top, "identity")?.into_iter();
    let recognizers = recognizers.map(|(offset, table)| recognizer(source, offset, table));
    let recognizers = recognizers.collect::<Result<_, _>>()?;
    let mut roles = own_roles(&mut top)?;
    let rules = rules(&mut top, &mut roles)?;
    let unused = roles.into_values().filter(|role| !role.used);
    Ok(Policy {
        recognizers,
        unused_roles: unused.map(|role| (role.name, role.place)).collect(),
        names: rules.iter().map(|rule| rule.name.clone()).collect(),
        about: RulesByIdentity::of(&rules),
        rules,
        fingerprint: fingerprint(text),
    })
}

/// A role of the policy's own.
struct OwnRole {
    name: String,
    place: PolicyPlace,
    role: Role,
    used: bool,
}

type OwnRoles = HashMap<String, OwnRole>;

fn own_roles(top: &mut Fields<'_, '_>) -> Result<OwnRoles, PolicyError> {
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

fn rules(top: &mut Fields<'_, '_>, roles: &mut OwnRoles) -> Result<Vec<Rule>, PolicyError> {
    let text = top.text;
    let mut rules = Vec::new();
    let mut names = HashSet::new();
    let mut subjects = 0;
    for (offset, table) in tables(top, "rule")? {
        let rule = rule(text, offset, table, roles)?;
        if !names.insert(rule.name.clone()) {
            return Err(text.error(offset, format!("there is a rule '{}' already", rule.name)));
        }
        subjects += rule
            .grants
            .iter()
            .map(|grant| grant.subjects.len())
            .sum::<usize>();
        if subjects > MOST_SUBJECTS {
            let what = format!("more than {MOST_SUBJECTS} subjects in all rules");
            return Err(text.error(offset, what));
        }
        rules.push(rule);
    }
    Ok(rules)
}

pub(super) fn fingerprint(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tables<'v>(
    top: &mut Fields<'_, 'v>,
    name: &str,
) -> Result<Vec<(usize, DeTable<'v>)>, PolicyError> {
    let tables = top.tables(name)?;
    match tables.get(MOST) {
        Some((offset, _)) => Err(top.error(*offset, format!("more than {MOST} tables [[{name}]]"))),
        None => Ok(tables),
    }
}

/// Makes an error of a message about a string.
fn at<T>(
    text: PolicyText<'_>,
    field: &str,
    placed: &Placed,
    parsed: Result<T, String>,
) -> Result<T, PolicyError> {
    parsed.map_err(|why| {
        let shown: String = placed.text.chars().take(100).collect();
        text.error(
            placed.offset,
            format!("{field} '{}': {why}", shown.escape_debug()),
        )
    })
}

fn recognizer(
    text: PolicyText<'_>,
    offset: usize,
    table: DeTable<'_>,
) -> Result<Recognizer, PolicyError> {
    let known = ["authority", "field", "name", "principal", "ip"];
    let mut fields = Fields::new(text, offset, table, &known)?;
    let authority = fields.required("authority")?;
    let authority = at(
        text,
        "authority",
        &authority,
        AuthorityName::parse(&authority.text),
    )?;
    let placed = fields.required("field")?;
    let field =
        CertificateField::parse(&placed.text).ok_or_else(|| "not cn, dns, ip or spiffe".to_owned());
    let field = at(text, "field", &placed, field)?;
    let placed = fields.required("name")?;
    let name = at(text, "name", &placed, name_template(&placed.text, field))?;
    let address = fields.string("ip")?.map(|placed| {
        let source = match placed.text.as_str() {
            "certificate" => Ok(AddressSource::Certificate),
            "peer" => Ok(AddressSource::Peer),
            _ => Err("not certificate or peer".to_owned()),
        };
        let source =
            source.and_then(
                |source| match name.variables().any(|own| own == Variable::Ip) {
                    true => Err("{ip} is in the name already".to_owned()),
                    false => Ok(source),
                },
            );
        at(text, "ip", &placed, source)
    });
    let address = address.transpose()?;
    let placed = fields.required("principal")?;
    let template = at(text, "principal", &placed, principal(&placed.text))?;
    let recognizer = Recognizer {
        place: text.place(offset),
        authority,
        field,
        name,
        principal: template,
        address,
    };
    at(text, "principal", &placed, check_principal(&recognizer))?;
    Ok(recognizer)
}

fn name_template(name: &str, field: CertificateField) -> Result<Template, String> {
    let template = Template::parse(name)?;
    template.check_unambiguous(field.separator())?;
    let head = template.head();
    match field {
        CertificateField::Spiffe => {
            let domain = head
                .strip_prefix("spiffe://")
                .and_then(|rest| rest.split_once('/'));
            domain
                .filter(|(domain, _)| !domain.is_empty())
                .ok_or("an identity of SPIFFE begins with spiffe:// and a trust domain, such as spiffe://example.org/{name}")?;
        }
        CertificateField::Ip if name != "{ip}" && name.parse::<std::net::IpAddr>().is_err() => {
            return Err("of an address the name is \"{ip}\", or one address".to_owned());
        }
        CertificateField::Dns if name.contains(|c: char| c.is_ascii_uppercase()) => {
            return Err("names of DNS are written in small letters here".to_owned());
        }
        CertificateField::CommonName | CertificateField::Dns | CertificateField::Ip => {}
    }
    Ok(template)
}

fn check_principal(recognizer: &Recognizer) -> Result<(), String> {
    let filled = recognizer.variables();
    if let Some(missing) = recognizer
        .principal
        .variables()
        .find(|variable| !filled.contains(variable))
    {
        let name = missing.name();
        return Err(format!(
            "nothing fills in {{{name}}}: it is not in the name"
        ));
    }
    match recognizer.principal.literal() {
        Some(ANONYMOUS) => Err("this is the name of clients without a certificate".to_owned()),
        _ => Ok(()),
    }
}

fn name(fields: &mut Fields<'_, '_>) -> Result<Placed, PolicyError> {
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
                Subject::parse(&placed.text, "", scope),
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

fn rule(
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
            return Err(text.error(
                role.offset,
                "either a role, or verbs and subjects: write a rule for each",
            ));
        }
        (Some(role), None) => {
            let (grants, sessions) = of_role(text, &role, prefix.as_ref(), roles)?;
            (grants, own_sessions.or(sessions))
        }
        (None, _) if prefix.is_some() => {
            return Err(text.error(offset, "a prefix goes with a role only"));
        }
        (None, Some(own)) => {
            let own = Role {
                grants: vec![own],
                sessions: None,
                makes_parents: false,
            };
            let grants = own
                .grants_beneath("")
                .map_err(|why| text.error(offset, why))?;
            (grants, own_sessions)
        }
        (None, None) if own_sessions.is_some() => (Vec::new(), own_sessions),
        (None, None) => {
            return Err(text.error(
                offset,
                "the rule says nothing: role, allow, deny or sessions is missing",
            ));
        }
    };
    Ok(Rule {
        name: RuleName(Arc::from(name.text)),
        place: text.place(offset),
        identities,
        grants,
        sessions,
    })
}

type RoleGrants = (Vec<Grant>, Option<SessionGrant>);

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
    let unknown = || {
        let mut known = BUILT_IN.to_vec();
        known.extend(roles.keys().map(String::as_str));
        known.sort_unstable();
        format!("no such role{}", unknown_word(&role.text, &known))
    };
    let unknown = match roles.contains_key(&role.text) || built_in.is_some() {
        true => Ok(()),
        false => Err(unknown()),
    };
    at(text, "role", role, unknown)?;
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
