//! Tests of exports in Consul's format.

use bytes::Bytes;

use super::*;

fn refused(data: &[u8]) -> String {
    let Err(Error::Input(line)) = ConsulExport::parse(data) else {
        panic!("{} is accepted", data.escape_ascii());
    };
    assert!(!line.contains("secret"), "{line}");
    line
}

#[test]
fn errors_name_the_entry_and_field_and_hold_no_values() {
    for (data, words) in [
        (&b"{}"[..], "not a JSON array"),
        (b"", "not a JSON array"),
        (b"\xff", "not a JSON array"),
        (b"[{}]", "entry 1: it has no field \"key\""),
        (b"[", "line 1 column 1"),
        (b"[] secret", "line 1 column 4"),
        (b"[null]", "entry 1: it is null"),
        (b"[\"secret\"]", "entry 1: it is a text"),
        (b"[{\"key\":\"\\ud800\"}]", "entry 1: its field \"key\""),
        (
            br#"[{"key":"b"},{"Flags":-1,"Key":"a"}]"#,
            "entry 2 (\"a\"): its field \"Flags\" is a number, not a whole",
        ),
        (br#"[{"key":"a","flags":1.0}]"#, "\"flags\" is a number"),
        (
            br#"[{"key":"a","flags":18446744073709551616}]"#,
            "\"flags\"",
        ),
        (br#"[{"key":"a","flags":"secret"}]"#, "\"flags\" is a text"),
        (
            br#"[{"key":"a","value":"*secret"}]"#,
            "entry 1 (\"a\"): its field \"value\" is not Base64",
        ),
        (
            br#"[{"key":"a","VALUE":{"secret":1}}]"#,
            "\"VALUE\" is an object, not a text",
        ),
        (br#"[{"key":"a","value":"MQ"}]"#, "\"value\""),
        (
            br#"[{"key":["secret"]}]"#,
            "entry 1: its field \"key\" is an array",
        ),
        (br#"[{"key":""}]"#, "\"key\""),
        (br#"[{"key":"/a"}]"#, "slash"),
        (br#"[{"key":"a","namespace":"n"}]"#, "\"namespace\""),
        (br#"[{"key":"a","Partition":"n"}]"#, "\"partition\""),
        (b"[{\"key\":\"a\xff\"}]", "not UTF-8"),
    ] {
        let line = refused(data);
        assert!(line.contains(words), "{}: {line}", data.escape_ascii());
    }
}

#[test]
fn fields_are_read_as_go_reads_them() {
    for (data, flags, value) in [
        (
            &br#"[{"key":"a","flags":18446744073709551615,"value":"/w==","namespace":"default"}]"#
                [..],
            u64::MAX,
            &b"\xff"[..],
        ),
        (br#" [ {"KEY":"a","Flags":7,"vaLue":"MQ=="} ] "#, 7, b"1"),
        (br#"[{"key":"a"}]"#, 0, b""),
        (
            br#"[{"key":"a","flags":null,"value":null,"Session":null}]"#,
            0,
            b"",
        ),
        (br#"[{"key":"b","flags":1,"Key":"a","FLAGS":2}]"#, 2, b""),
        (
            "[{\"\u{212a}ey\":\"a\",\"flag\u{17f}\":3}]".as_bytes(),
            3,
            b"",
        ),
        (
            br#"[{"key":"a","value":"M\nQ=\r=","session":5,"more":{"deep":[[[]]]}}]"#,
            0,
            b"1",
        ),
        (br#"[{"key":"a","value":"MR=="}]"#, 0, b"1"),
        (b"[{\"key\":\"a\",\"other\":\"\xff\"}]", 0, b""),
    ] {
        let export = ConsulExport::parse(data).unwrap();
        let item = Item {
            value: Bytes::copy_from_slice(value),
            flags,
            ..Item::default()
        };
        assert_eq!(
            export.entries,
            [("a".to_owned(), item)],
            "{}",
            data.escape_ascii()
        );
        assert_eq!(export.left_out, []);
    }
    for data in [&b"[]"[..], b" null\n"] {
        assert_eq!(ConsulExport::parse(data), Ok(ConsulExport::default()));
    }
}

#[test]
fn an_answer_of_consuls_api_is_read_without_its_locks() {
    let data = br#"[{"LockIndex":1,"Key":"a/b","Flags":42,"Value":"aGk=","Session":"5b","CreateIndex":9,"ModifyIndex":10},
        {"LockIndex":0,"Key":"a/dir/","Flags":0,"Value":null,"CreateIndex":11,"ModifyIndex":11}]"#;
    let export = ConsulExport::parse(data).unwrap();
    let keys: Vec<&str> = export.entries.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["a/b", "a/dir/"]);
    assert_eq!(export.entries[0].1.flags, 42);
    assert_eq!(export.left_out[0].name, "a/b (by 5b)");
}
