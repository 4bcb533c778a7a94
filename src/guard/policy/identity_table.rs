//! Parser of `[[identity]]`.

use std::net::IpAddr;

use toml::de::DeTable;

use super::error::PolicyError;
use super::fields::{Fields, PolicyText, at};
use super::pattern::{ANONYMOUS, principal};
use super::recognizer::{
    AccountField, AddressSource, AuthorityName, CertificateField, ProofSource, Recognizer,
};
use super::template::Template;
use super::variables::Variable;

/// The authority of the tokens and the users of the credentials file (`--credentials`).
const CREDENTIALS: &str = "credentials";

/// The authority of the `ServiceAccount`s of a cluster (`--token-review-audience`).
const KUBERNETES: &str = "kubernetes";

/// Parses one `[[identity]]`.
pub(super) fn recognizer(
    text: PolicyText<'_>,
    offset: usize,
    table: DeTable<'_>,
) -> Result<Recognizer, PolicyError> {
    let known = ["authority", "field", "name", "principal", "ip"];
    let mut fields = Fields::new(text, offset, table, &known)?;
    let source = source(text, &mut fields)?;
    let placed = fields.required("name")?;
    let name = at(text, "name", &placed, name_template(&placed.text, &source))?;
    let address = fields.string("ip")?.map(|placed| {
        let of_certificate = matches!(source, ProofSource::Certificate(..));
        let taken = match placed.text.as_str() {
            "certificate" if !of_certificate => {
                Err("there is no certificate: the only address is that of the \"peer\"".to_owned())
            }
            "certificate" => Ok(AddressSource::Certificate),
            "peer" => Ok(AddressSource::Peer),
            _ => Err("not certificate or peer".to_owned()),
        };
        let is_named = name.variables().any(|own| own == Variable::Ip);
        let taken = if is_named {
            Err("{ip} is in the name already".to_owned())
        } else {
            taken
        };
        at(text, "ip", &placed, taken)
    });
    let address = address.transpose()?;
    let placed = fields.required("principal")?;
    let template = at(text, "principal", &placed, principal(&placed.text))?;
    let recognizer = Recognizer {
        place: text.place(offset),
        source,
        name,
        principal: template,
        address,
    };
    at(text, "principal", &placed, check_principal(&recognizer))?;
    Ok(recognizer)
}

/// Parses `authority` and `field`.
fn source(text: PolicyText<'_>, fields: &mut Fields<'_, '_>) -> Result<ProofSource, PolicyError> {
    let authority = fields.required("authority")?;
    if authority.text == CREDENTIALS {
        let field = fields.required("field")?;
        let source = match field.text.as_str() {
            "token" => Ok(ProofSource::Token),
            "user" => Ok(ProofSource::User),
            _ => Err("credentials have a token or a user".to_owned()),
        };
        return at(text, "field", &field, source);
    }
    if authority.text == KUBERNETES {
        let field = fields.required("field")?;
        let source = AccountField::parse(&field.text).map(ProofSource::Account);
        let source = source.ok_or_else(|| "of Kubernetes it is service-account or pod".to_owned());
        return at(text, "field", &field, source);
    }
    let name = AuthorityName::parse(&authority.text);
    let name = at(text, "authority", &authority, name)?;
    let field = fields.required("field")?;
    let of_certificate =
        CertificateField::parse(&field.text).ok_or_else(|| match field.text.as_str() {
            "token" | "user" => format!("the authority of a {} is \"{CREDENTIALS}\"", field.text),
            "service-account" | "pod" => {
                format!("the authority of a {} is \"{KUBERNETES}\"", field.text)
            }
            _ => "not cn, dns, ip or spiffe".to_owned(),
        });
    let field = at(text, "field", &field, of_certificate)?;
    Ok(ProofSource::Certificate(name, field))
}

fn name_template(name: &str, source: &ProofSource) -> Result<Template, String> {
    let template = Template::parse(name)?;
    template.check_unambiguous(source.separator())?;
    let head = template.head();
    let field = match source {
        ProofSource::Certificate(_, field) => field,
        ProofSource::Token | ProofSource::User => return Ok(template),
        ProofSource::Account(field) => {
            check_account_name(name, *field)?;
            return Ok(template);
        }
    };
    match field {
        CertificateField::Spiffe => {
            let domain = head
                .strip_prefix("spiffe://")
                .and_then(|rest| rest.split_once('/'));
            domain
                .filter(|(domain, _)| !domain.is_empty())
                .ok_or("an identity of SPIFFE begins with spiffe:// and a trust domain, such as spiffe://example.org/{name}")?;
        }
        CertificateField::Ip if name != "{ip}" && name.parse::<IpAddr>().is_err() => {
            return Err("of an address the name is \"{ip}\", or one address".to_owned());
        }
        CertificateField::Dns if name.contains(|c: char| c.is_ascii_uppercase()) => {
            return Err("names of DNS are written in small letters here".to_owned());
        }
        CertificateField::CommonName | CertificateField::Dns | CertificateField::Ip => {}
    }
    Ok(template)
}

/// Each part of such a name is written, so that it is clear which variable takes which.
fn check_account_name(name: &str, field: AccountField) -> Result<(), String> {
    let parts = field.parts();
    let written: Vec<_> = name.split('/').collect();
    if written.len() == parts.len() && written.iter().all(|part| !part.is_empty()) {
        return Ok(());
    }
    let form = parts.join("/");
    Err(format!(
        "such a name is {form}, each in letters or as a variable"
    ))
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
        Some(ANONYMOUS) => Err("this is the name of clients that prove nothing".to_owned()),
        _ => Ok(()),
    }
}
