//! Held body: the bytes of an answer with their reservation, which lasts until the client has taken them.

use bytes::Bytes;

use crate::fairness::Reservation;

/// Bytes whose reservation is given back when nobody has any part of them any more: neither a connection that still sends
/// it, nor a cache.
pub(crate) fn held_body(bytes: Bytes, reservation: Reservation) -> Bytes {
    Bytes::from_owner(HeldBytes {
        bytes,
        _reservation: reservation,
    })
}

struct HeldBytes {
    bytes: Bytes,
    _reservation: Reservation,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fairness::Fairness;
    use crate::model::Flow;

    #[test]
    fn bytes_are_reserved_while_any_part_of_them_is_held() {
        let fairness = Fairness::default();
        let flow = Flow::of_address("10.0.0.1".parse().unwrap());
        let reservation = fairness.answers().reserve(flow, 3000).unwrap();
        let mut body = held_body(vec![7; 3000].into(), reservation);
        let part = body.split_off(2999);
        assert_eq!((body.len(), &part[..]), (2999, &[7][..]));
        drop(body);
        assert_eq!(fairness.answers().used(), 3000);
        drop(part);
        assert_eq!(fairness.answers().used(), 0);
    }
}
