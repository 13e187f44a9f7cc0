//! Valid messages.

use proptest::prelude::*;

use super::{Structs, assert_same, config, decoded, generate};

/// Decode, views and structs agree with prost, and nothing is lost on the way back.
fn check<M: Structs>(message: &M) {
    let bytes = message.encode_to_vec();
    let data = decoded(M::SIGNAL, &bytes).unwrap();
    assert_eq!(data.to_bytes(), bytes, "decoding does not change bytes");
    assert_same(&M::of(&data), message);
    assert_same(&M::viewed(&data), &message.clone().canonical());
    let back = message.data();
    assert_eq!((back.items(), back.to_bytes()), (data.items(), bytes.into()));
}

/// The parts of a message in another chunk read the same.
fn check_chunks<M: Structs>(first: &M, second: &M) {
    let parts = [first, second].map(|it| decoded(M::SIGNAL, &it.encode_to_vec()).unwrap());
    let items: usize = parts.iter().map(pdata::Data::items).sum();
    let both = pdata::Data::concat(parts).unwrap();
    assert_eq!(both.items(), items);
    let mut bytes = first.encode_to_vec();
    bytes.extend(second.encode_to_vec());
    let want = M::decode(bytes.as_slice()).unwrap();
    assert_same(&M::of(&both), &want);
    assert_same(&M::viewed(&both), &want.canonical());
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn logs_read_the_same_in_every_way(message in generate::logs()) {
        check(&message);
    }

    #[test]
    fn traces_read_the_same_in_every_way(message in generate::traces()) {
        check(&message);
    }

    #[test]
    fn metrics_read_the_same_in_every_way(message in generate::metrics()) {
        check(&message);
    }

    #[test]
    fn two_payloads_in_one_read_as_one(first in generate::logs(), second in generate::logs()) {
        check_chunks(&first, &second);
    }
}
