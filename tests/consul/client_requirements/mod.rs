//! Requirements of libkv, valkeyrie and dockerd, one test for each.

mod entries;
mod polls;
mod renewals;
mod sessions;

/// libkv marks the keys it may lock with these flags: more than a float can hold.
const LOCK_FLAGS: u64 = 0x2ddc_cbc0_58a5_0c18;
