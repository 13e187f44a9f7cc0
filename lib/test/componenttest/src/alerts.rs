//! Alerts of a policy, as the processor `rego` makes them.

use pdata::{Data, LogsBuilder};

/// When they happened: 2024-06-10T06:13:20Z.
const TIME: u64 = 1_718_000_000_000_000_000;
/// How long their keys are blocked: 15 minutes.
const BLOCKED: u64 = 900_000_000_000;

/// Alerts about these keys.
pub fn alert_logs(keys: &[&str]) -> Data {
    let mut builder = LogsBuilder::new();
    for key in keys {
        builder.resource(|out| out.put("service.name", "identity-service"));
        builder.scope("sluice/rego", "");
        builder.record(|record| {
            record.time_unix_nano(TIME);
            record.observed_time_unix_nano(TIME);
            record.severity_number(21);
            record.event_name("sluice.policy.alert");
            record.body("Somebody guesses");
            record.attribute("policy.rule", "brute force");
            record.attribute("policy.severity", "critical");
            record.attribute("policy.key", *key);
            record.attribute("policy.blocked_until", (TIME + BLOCKED).cast_signed());
            record.attribute("policy.window.brute_force", 6_i64);
            record.attribute("policy.evidence.client.address", "203.0.113.9");
            record.attribute("policy.label.team", "security");
            record.attribute("policy.pipeline", "logs");
            record.trace_id(&TRACE_ID);
            record.span_id(&SPAN_ID);
        });
    }
    builder.finish().into()
}

const TRACE_ID: [u8; 16] = [
    0x5b, 0x8a, 0xa5, 0xa2, 0xd2, 0xc8, 0x72, 0xe8, 0x32, 0x1c, 0xf3, 0x73, 0x08, 0xd6, 0x9d, 0xf2,
];
const SPAN_ID: [u8; 8] = [0x5f, 0xb3, 0x97, 0xbe, 0x34, 0xd2, 0x6b, 0x51];
