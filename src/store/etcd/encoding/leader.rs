//! The leader record as etcd has it: with the numbering of indexes, and the number of the layout.
//!
//! ```text
//! {"term":3,"holder":"...",...,"offset":1073741824,"layout":2,"indexes":{"offset":0,"switch":4711}}
//! ```
//!
//! Gateways of releases before layout 2 know neither number, and one that takes leadership drops both. Its indexes are the
//! revision plus `offset`; so there stands an offset with which every index is above all that were shown. They begin a new
//! numbering, and the next gateway of this release switches anew, above them.

use serde::{Deserialize, Serialize};

use super::numbering::NumberingRecord;
use super::records::to_json;
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::SendError;

/// The newest layout that this build reads, and the one it writes. In layout 1, which no record states, each transaction
/// is one commit.
const LAYOUT: u64 = 2;

/// The step in which the offset for earlier releases grows: to them each other one is another keyspace.
const OFFSET_STEP: u64 = 1 << 30;

/// By how much that offset is above the last index: more than indexes grow until the next heartbeat.
const OFFSET_MARGIN: u64 = 1 << 29;

/// The highest number that is believed, as of other indexes of the record.
const HIGHEST_INDEX: u64 = 1 << 62;

/// The fields that the leader record of other stores has not.
#[derive(Debug, Serialize, Deserialize)]
struct LayoutFields {
    #[serde(default)]
    layout: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    indexes: Option<NumberingRecord>,
}

/// The whole record, to be written.
#[derive(Debug, Serialize)]
struct WrittenRecord<'a> {
    #[serde(flatten)]
    record: &'a LeaderRecord,
    #[serde(flatten)]
    fields: LayoutFields,
}

/// A leader record of a layout that only later releases read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the store in etcd was written by a newer kubekv (layout {layout}; this one reads up to {LAYOUT}): install that release here"
)]
pub(crate) struct NewerLayout {
    layout: u64,
}

/// Reads the record that was written at a revision; `None` where it is none that can be believed.
pub(crate) fn read(bytes: &[u8], modified: u64) -> Result<Option<LeaderRecord>, NewerLayout> {
    let fields: Option<LayoutFields> = serde_json::from_slice(bytes).ok();
    let layout = fields.as_ref().map_or(0, |fields| fields.layout);
    if layout > LAYOUT {
        return Err(NewerLayout { layout });
    }
    let Some(mut record) = LeaderRecord::read(bytes) else {
        return Ok(None);
    };
    if let Some(indexes) = fields.and_then(|fields| fields.indexes) {
        let numbering = indexes.read(modified);
        let switch = numbering.switch();
        if numbering.offset().max(switch.unwrap_or(0)) > HIGHEST_INDEX {
            return Ok(None);
        }
        (record.offset, record.switch) = (numbering.offset(), switch);
    }
    Ok(Some(record))
}

/// The bytes of a record, for a store of which `shown` is the last index.
pub(crate) fn write(record: &LeaderRecord, shown: u64) -> Result<Vec<u8>, SendError> {
    let fields = LayoutFields {
        layout: LAYOUT,
        indexes: NumberingRecord::of(record),
    };
    let mut record = record.clone();
    if fields.indexes.is_some() {
        record.offset = offset_for_earlier_releases(shown);
    }
    let record = &record;
    to_json(&WrittenRecord { record, fields })
}

fn offset_for_earlier_releases(shown: u64) -> u64 {
    let above = shown.saturating_add(OFFSET_MARGIN);
    above.checked_next_multiple_of(OFFSET_STEP).unwrap_or(above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::etcd::encoding::numbering::Numbering;

    fn fence() -> LeaderRecord {
        LeaderRecord {
            term: 3,
            offset: 100,
            ..LeaderRecord::default()
        }
    }

    #[test]
    fn record_is_read_as_it_was_written_and_its_switch_becomes_known() {
        let bytes = write(&fence(), 500).unwrap();
        let mut read = read(&bytes, 40).unwrap().unwrap();
        assert_eq!((read.offset, read.switch), (100, Some(40)));
        read.beat = 1;
        let heartbeat = write(&read, 600).unwrap();
        assert_eq!(super::read(&heartbeat, 44), Ok(Some(read)));
    }

    #[test]
    fn record_of_the_release_before_has_no_switch() {
        let bytes = serde_json::to_vec(&fence()).unwrap();
        let read = read(&bytes, 40).unwrap().unwrap();
        assert_eq!((read.offset, read.switch), (100, None));
        assert_eq!(Numbering::of(&read).index(60, 0), 160);
    }

    #[test]
    fn release_before_reads_an_offset_above_every_index_that_seldom_changes() {
        let read = |shown| {
            let bytes = write(&fence(), shown).unwrap();
            LeaderRecord::read(&bytes).unwrap().offset
        };
        for shown in [0, 7, 1 << 29, 1 << 40, (1 << 40) + 12_345_678] {
            assert!(read(shown) >= shown + OFFSET_MARGIN, "{shown}");
        }
        assert_eq!(read(0), read(400_000_000));
    }

    #[test]
    fn newer_layout_is_refused_by_name() {
        let bytes = write(&fence(), 0).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let newer = text.replace(r#""layout":2"#, r#""layout":3"#);
        let error = read(newer.as_bytes(), 1).unwrap_err().to_string();
        assert!(
            error.contains("written by a newer kubekv (layout 3"),
            "{error}"
        );
    }

    #[test]
    fn numbers_that_no_gateway_wrote_are_not_believed() {
        let bytes = write(&fence(), 0).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let edited = text.replace(
            r#""indexes":{"offset":100"#,
            &format!(r#""indexes":{{"offset":{}"#, u64::MAX),
        );
        assert_ne!(edited, text);
        assert_eq!(read(edited.as_bytes(), 1), Ok(None));
    }
}
