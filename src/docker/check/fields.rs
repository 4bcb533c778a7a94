//! Fields of records, as libnetwork's type assertions take them.

use crate::docker::Cidr;
use crate::docker::go_value::GoValue;
use crate::docker::record_fault::RecordFault;

/// A text that must be there: `m["name"].(string)`.
pub(super) fn text<'a>(record: &'a GoValue, name: &'static str) -> Result<&'a str, RecordFault> {
    record
        .get(name)
        .and_then(GoValue::as_text)
        .ok_or(RecordFault::Field(name))
}

/// A text that is asserted where it is there, `null` too.
pub(super) fn optional_text<'a>(
    record: &'a GoValue,
    name: &'static str,
) -> Result<Option<&'a str>, RecordFault> {
    match record.get(name) {
        None => Ok(None),
        Some(value) => value.as_text().map(Some).ok_or(RecordFault::Field(name)),
    }
}

/// A truth value that must be there.
pub(super) fn flag(record: &GoValue, name: &'static str) -> Result<bool, RecordFault> {
    record
        .get(name)
        .and_then(GoValue::as_bool)
        .ok_or(RecordFault::Field(name))
}

/// A truth value that is asserted where it is there.
pub(super) fn optional_flag(
    record: &GoValue,
    name: &'static str,
) -> Result<Option<bool>, RecordFault> {
    match record.get(name) {
        None => Ok(None),
        Some(value) => value.as_bool().map(Some).ok_or(RecordFault::Field(name)),
    }
}

/// A number of a structure's field: the last one that is no `null`. `0` where there is none.
pub(super) fn integer<T: std::str::FromStr + Default>(
    record: &GoValue,
    name: &'static str,
) -> Result<T, RecordFault> {
    let mut last = T::default();
    for value in record.fields(name).filter(|value| !value.is_null()) {
        let number = value.as_number().ok_or(RecordFault::Undecodable(name))?;
        last = number
            .text
            .parse()
            .map_err(|_| RecordFault::Undecodable(name))?;
    }
    Ok(last)
}

/// A text of a structure's field: the last one that is no `null`. Empty where there is none.
pub(super) fn field_text<'a>(
    record: &'a GoValue,
    name: &'static str,
) -> Result<&'a str, RecordFault> {
    let mut last = "";
    for value in record.fields(name).filter(|value| !value.is_null()) {
        last = value.as_text().ok_or(RecordFault::Undecodable(name))?;
    }
    Ok(last)
}

/// That a value decodes as `map[string]string`; `null` is an empty one, and of a field an empty text.
pub(super) fn texts(value: &GoValue, name: &'static str) -> Result<(), RecordFault> {
    if value.is_null() {
        return Ok(());
    }
    let fields = value.as_map().ok_or(RecordFault::Undecodable(name))?;
    let is_text = |(_, value): &(String, GoValue)| value.is_null() || value.as_text().is_some();
    if fields.iter().all(is_text) {
        Ok(())
    } else {
        Err(RecordFault::Undecodable(name))
    }
}

/// That a map, if the value is one, has texts alone: each is asserted.
pub(super) fn asserted_texts(
    value: Option<&GoValue>,
    name: &'static str,
) -> Result<(), RecordFault> {
    let fields = value.and_then(GoValue::as_map).unwrap_or_default();
    if fields.iter().all(|(_, value)| value.as_text().is_some()) {
        Ok(())
    } else {
        Err(RecordFault::Field(name))
    }
}

/// A network in CIDR notation.
pub(super) fn cidr(text: &str, name: &'static str) -> Result<Cidr, RecordFault> {
    // Go takes no sign.
    let signed = text.contains('+');
    let parsed = text.parse().ok().filter(|_| !signed);
    parsed.ok_or(RecordFault::BadAddress(name))
}

/// The record as a map.
pub(super) fn map(bytes: &[u8]) -> Result<GoValue, RecordFault> {
    let value = GoValue::parse(bytes).map_err(|_| RecordFault::NotJson)?;
    if value.as_map().is_some() {
        Ok(value)
    } else {
        Err(RecordFault::NotARecord)
    }
}
