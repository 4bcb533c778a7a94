//! Parser of `[[identity]]`.

use std::net::IpAddr;

use toml::de::DeTable;

use super::error::PolicyError;
use super::fields::{Fields, PolicyText, at};
use super::pattern::{ANONYMOUS, principal};
use super::recognizer::{AddressSource, AuthorityName, CertificateField, Recognizer};
use super::template::Template;
use super::variables::Variable;

/// Parses one `[[identity]]`.
pub(super) fn recognizer(
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
        let is_named = name.variables().any(|own| own == Variable::Ip);
        let source = if is_named {
            Err("{ip} is in the name already".to_owned())
        } else {
            source
        };
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
