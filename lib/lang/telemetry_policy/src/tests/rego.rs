//! What policies are in Rego.

use pdata::Signal;

use super::policies;
use crate::to_rego;

#[test]
fn a_policy_becomes_rules_of_a_decision() {
    let text = r"
- id: drop-debug
  name: Debug logs of prod go
  log:
    match:
      - {resource_attribute: [deployment.environment.name], equals: prod}
      - {log_field: severity_text, exact: DEBUG}
      - {log_attribute: keep, exists: true, negate: true}
      - {log_attribute: [http, code], gte: 200}
    keep: none
- id: mask
  name: Cards
  log:
    match: [{log_field: body, regex: 'card'}]
    transform:
      redact: [{log_field: body, regex: '\d{16}', replacement: '****'}]
      remove: [{log_attribute: password}]
      add: [{log_attribute: masked, value: 'true', upsert: true}]
";
    let (module, unfit) = to_rego(&policies(text).list, Signal::Logs);
    assert!(unfit.is_empty(), "{unfit:?}");
    let want = r#"package sluice

decision := object.union_n([part | some part in parts])

parts contains {"drop": min(drops)} if count(drops) > 0
parts contains {"remove": [it | some it in removes]} if count(removes) > 0
parts contains {"redact": [it | some it in redacts]} if count(redacts) > 0
parts contains {"set": it} if some it in sets

condition_1 if {
	_ = input.log.attributes["keep"]
}

condition_2 if {
	is_number(input.log.attributes["http"]["code"])
	input.log.attributes["http"]["code"] >= 200
}

# drop-debug: Debug logs of prod go
drops contains "drop-debug" if {
	input.resource.attributes["deployment.environment.name"] == "prod"
	input.log.severity_text == "DEBUG"
	not condition_1
	condition_2
}

# mask: Cards
removes contains "attributes[\"password\"]" if {
	regex.match("card", input.log.body)
}
redacts contains {"path": "body", "pattern": "\\d{16}", "with": "****"} if {
	regex.match("card", input.log.body)
}
sets contains {"attributes": {"masked": "true"}} if {
	regex.match("card", input.log.body)
}
"#;
    assert_eq!(module, want);
}

#[test]
fn what_has_no_equal_is_refused_with_the_reason() {
    let text = "
- {id: rate, name: r, log: {match: [{log_field: body, exists: true}], keep: 1/s}}
- {id: share, name: s, log: {match: [{log_field: body, exists: true}], keep: 10%}}
- {id: rename, name: r, log: {match: [{log_field: body, exists: true}], transform: {rename: [{from_log_attribute: a, to: b}]}}}
- {id: bytes, name: b, log: {match: [{log_attribute: a, equals: {hex_value: '01'}}], keep: none}}
- {id: resource, name: r, log: {match: [{log_field: body, exists: true}], transform: {remove: [{resource_attribute: a}]}}}
- {id: spans, name: s, trace: {match: [{span_kind: server}], keep: {percentage: 0}}}
- {id: events, name: e, trace: {match: [{event_name: x}], keep: {percentage: 0}}}
";
    let list = policies(text).list;
    let (module, unfit) = to_rego(&list, Signal::Logs);
    assert!(module.ends_with("parts := set()\n"), "{module}");
    let ids: Vec<&str> = unfit.iter().map(|it| it.policy.as_str()).collect();
    assert_eq!(ids, ["bytes", "rate", "rename", "resource", "share"]);
    let rate = unfit.iter().find(|it| it.policy == "rate").map(ToString::to_string);
    let want = "policy \"rate\" cannot be Rego: Rego keeps no count between records";
    assert_eq!(rate.as_deref(), Some(want));
    let (module, unfit) = to_rego(&list, Signal::Traces);
    assert!(module.contains("input.span.kind == 2"), "{module}");
    assert_eq!(unfit.len(), 1);
}
