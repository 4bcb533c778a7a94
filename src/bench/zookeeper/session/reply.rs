//! `Reply`: the reply to a request.

use bytes::Bytes;

use crate::bench::client::Failure;
use crate::wire::zookeeper::{ErrorCode, JuteReader, JuteRecord, Malformed};

/// The reply to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The last zxid that the server had applied.
    pub zxid: i64,
    /// The reply's record, or the error.
    pub answer: Result<Bytes, ErrorCode>,
}

impl Reply {
    /// The reply's record; an error of the server is a failure.
    pub fn expect(&self) -> Result<&Bytes, Failure> {
        match &self.answer {
            Ok(record) => Ok(record),
            Err(code) => Err(refusal(*code)),
        }
    }

    /// Decodes the reply's record; an error of the server is a failure.
    pub fn read<T: JuteRecord>(&self) -> Result<T, Failure> {
        T::parse(self.expect()?).map_err(malformed)
    }

    /// Decodes the reply's record in part; an error of the server is a failure.
    pub fn read_with<T>(
        &self,
        decode: impl FnOnce(&mut JuteReader<'_>) -> Result<T, Malformed>,
    ) -> Result<T, Failure> {
        decode(&mut JuteReader::new(self.expect()?)).map_err(malformed)
    }
}

/// The failure of an error that the server answers.
pub(super) fn refusal(code: ErrorCode) -> Failure {
    let passes = matches!(
        code,
        ErrorCode::ConnectionLoss
            | ErrorCode::OperationTimeout
            | ErrorCode::RequestTimeout
            | ErrorCode::Throttled
    );
    if passes {
        Failure::Unavailable(code.to_string())
    } else {
        Failure::Refused(code.to_string())
    }
}

/// The failure of a record that does not decode.
fn malformed(why: Malformed) -> Failure {
    Failure::BadAnswer(why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_for_now_is_told_from_one_for_good() {
        assert!(refusal(ErrorCode::Throttled).can_pass());
        for code in [ErrorCode::NoAuth, ErrorCode::BadArguments] {
            assert!(!refusal(code).can_pass(), "{code}");
        }
    }
}
