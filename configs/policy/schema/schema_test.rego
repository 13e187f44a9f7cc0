package schema_test

import data.schema

good := {
	"log": {"service": "shop", "level": "INFO", "attributes": {"url.path": "/"}},
	"resource": {"attributes": {"service.name": "shop", "deployment.environment.name": "production"}},
}

with_log(changes) := object.union(good, {"log": object.union(good.log, changes)})

test_a_good_record_is_left_alone if {
	schema.decision == {"set": {"attributes": {}}, "remove": []} with input as good
}

test_without_a_service_it_is_dropped if {
	schema.decision.drop == "no service.name" with input as with_log({"service": ""})
	not schema.decision.alert with input as with_log({"service": "", "level": ""})
}

test_old_names_become_new_ones if {
	old := object.union(good, {"log": {"attributes": {"http.status_code": 200}}})
	schema.decision.set.attributes == {"http.response.status_code": 200} with input as old
	schema.decision.remove == ["attributes[\"http.status_code\"]"] with input as old
}

test_an_unknown_environment_is_told if {
	bad := object.union(good, {"resource": {"attributes": {"deployment.environment.name": "prod"}}})
	schema.violations == {"deployment.environment.name is missing or unknown"} with input as bad
	schema.decision.alert.key == "shop" with input as bad
}

test_a_missing_severity_is_told if schema.violations == {"severity is missing"} with input as with_log({"level": ""})

test_keys_in_capitals_are_told if {
	bad := with_log({"attributes": {"UserId": 1}})
	schema.decision.labels.schema == ["the attribute UserId is not in lower case"] with input as bad
}
