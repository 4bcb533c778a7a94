//! Versions of etcd with mistakes that matter here.

/// What is wrong with a version, in one line.
pub(crate) fn complaint(version: &str) -> Option<String> {
    let mut parts = version.split(['.', '-', '+']).map(str::parse::<u64>);
    let (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) =
        (parts.next(), parts.next(), parts.next())
    else {
        return Some(format!(
            "etcd is of a version that cannot be told: {version:?}"
        ));
    };
    // Where renewals of revoked leases succeed, and older mistakes of watches, are mended.
    let mended = match (major, minor) {
        (3, 4) => 38,
        (3, 5) => 23,
        (3, 6) => 5,
        (3, minor) if minor > 6 => 0,
        _ => {
            return Some(format!(
                "etcd {version} is not among those kubekv is made for: 3.4, 3.5 and 3.6"
            ));
        }
    };
    (patch < mended).then(|| {
        format!(
            "etcd {version} has known mistakes in leases and watches, mended in {major}.{minor}.{mended}: no lease of etcd \
             decides anything here, but a change that its watch does not tell is not seen either"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for old in ["3.4.23", "3.4.37", "3.5.22", "3.6.0", "3.6.4", "3.6.4-rc.1"] {
            let line = complaint(old).unwrap();
            assert!(line.starts_with(&format!("etcd {old} has known")), "{line}");
        }
        for fine in ["3.4.38", "3.5.23", "3.6.5", "3.6.12", "3.7.0-alpha"] {
            assert_eq!(complaint(fine), None);
        }
        assert!(complaint("2.3.8").unwrap().contains("not among those"));
        assert!(complaint("").unwrap().contains("cannot be told"));
    }
}
