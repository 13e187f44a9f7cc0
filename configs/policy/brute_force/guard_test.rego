package guard_test

import data.guard
import data.system.authz

failed := {"log": {
	"level": "ERROR",
	"service": "identity-service",
	"timestamp": 1718000000000000000,
	"trace_id": "5b8aa5a2d2c872e8321cf37308d69df2",
	"tags": {"mfa_attempt": "totp"},
	"attributes": {"enduser.id": "alice", "mfa_attempt": "totp"},
}}

changed(changes) := {"log": object.union(object.remove(failed.log, object.keys(changes)), changes)}

test_six_failed_logins_are_too_many if {
	authz.allow with input as failed with data.risk_rules.brute_force_window as {1718000000000000000: 6}
}

test_five_are_not if {
	not authz.allow with input as failed with data.risk_rules.brute_force_window as {1718000000000000000: 5}
}

test_without_a_trace_there_is_no_alert if {
	window := {1718000000000000000: 6}
	not authz.allow with input as changed({"trace_id": ""}) with data.risk_rules.brute_force_window as window
}

test_a_failed_login_counts if guard.failed_login with input as failed

test_a_login_that_succeeds_does_not_count if not guard.failed_login with input as changed({"level": "INFO"})

test_another_service_does_not_count if not guard.failed_login with input as changed({"service": "shop"})

test_a_login_without_a_second_factor_does_not_count if not guard.failed_login with input as changed({"tags": {}})

test_what_a_blocked_user_tries_is_noise if {
	guard.noise with input as failed with data.sluice.blocked as {"alice": 1}
}

test_what_others_try_is_not if {
	not guard.noise with input as failed with data.sluice.blocked as {"bob": 1}
}
