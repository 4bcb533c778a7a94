//! Random frames, and frames of real clients with some of their bytes changed.

use super::traffic::sent;
use super::*;
use crate::fuzz;
use crate::wire::zookeeper::fuzz::zookeeper_frame;

#[test]
fn no_frame_makes_the_decoder_panic_or_grow() {
    fuzz::run(&sent(), 10_000, zookeeper_frame);
}

/// The length of a frame, not one that it claims, bounds what is decoded.
#[test]
fn long_vectors_of_nothing_are_bounded_by_their_frame() {
    let count = 200_000_i32;
    let empty = vec![0; 4 * 200_000];
    let lists = [&[0; 8][..], &count.to_be_bytes(), &empty, &[0; 8]].concat();
    let frame = [&7_i32.to_be_bytes()[..], &101_i32.to_be_bytes(), &lists].concat();
    zookeeper_frame(&frame);
    for cut in [frame.len() - 9, frame.len() - 1] {
        let (_, request) = decode_request(&frame[..cut]).unwrap();
        assert_eq!(request, Err(Malformed::CutOff));
    }
}
