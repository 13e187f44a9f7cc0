//! OTLP/JSON: nothing is lost between bytes and text, and no text makes the reader panic.

use pdata::{Data, Limits};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{Structs, assert_same, config, decoded, generate};

fn text_of(data: &Data) -> Vec<u8> {
    let mut text = Vec::new();
    data.to_json(&mut text);
    text
}

/// Text read back is the same telemetry; what JSON cannot tell apart is: identifiers of zeros are
/// none, every not-a-number is one, and of a zero that may be left out the sign is lost.
fn check<M: Structs>(message: &M) {
    let data = decoded(M::SIGNAL, &message.encode_to_vec()).unwrap();
    let text = text_of(&data);
    serde_json::from_slice::<serde_json::Value>(&text).unwrap();
    let back = Data::from_json(M::SIGNAL, &text, &Limits::default()).unwrap();
    assert_eq!(back.items(), data.items());
    assert_eq!(text_of(&back), text);
    let told_apart =
        contains(&text, b"\"NaN\"") || has_zero_ids(message) || has_minus_zero(message);
    if !told_apart {
        assert_same(&M::of(&back).canonical(), &M::of(&data).canonical().complete());
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|it| it == part)
}

fn has_zero_ids<M: Structs>(message: &M) -> bool {
    contains(&message.encode_to_vec(), &[0; 8])
}

fn has_minus_zero<M: Structs>(message: &M) -> bool {
    contains(&message.encode_to_vec(), &(-0.0f64).to_le_bytes())
}

fn check_damaged<M: Structs>(message: &M, damage: &[(Index, u8)]) {
    let data = decoded(M::SIGNAL, &message.encode_to_vec()).unwrap();
    let mut text = text_of(&data);
    for (at, byte) in damage {
        let at = at.index(text.len());
        text[at] = *byte;
    }
    if let Ok(data) = Data::from_json(M::SIGNAL, &text, &Limits::default()) {
        M::viewed(&data);
        let text = text_of(&data);
        let again = Data::from_json(M::SIGNAL, &text, &Limits::default()).unwrap();
        assert_eq!(text_of(&again), text, "writing is stable");
    }
}

fn damage() -> impl Strategy<Value = Vec<(Index, u8)>> {
    let byte = prop_oneof![
        4 => prop::sample::select(br#"{}[]",:\ntf0123456789.-eE u"#.to_vec()),
        1 => any::<u8>(),
    ];
    vec((any::<Index>(), byte), 1..4)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn logs_survive_the_way_through_text(message in generate::logs()) {
        check(&message);
    }

    #[test]
    fn traces_survive_the_way_through_text(message in generate::traces()) {
        check(&message);
    }

    #[test]
    fn metrics_survive_the_way_through_text(message in generate::metrics()) {
        check(&message);
    }

    #[test]
    fn damaged_text_is_refused_or_read_but_never_panics(
        logs in generate::logs(),
        metrics in generate::metrics(),
        damage in damage(),
    ) {
        check_damaged(&logs, &damage);
        check_damaged(&metrics, &damage);
    }
}
