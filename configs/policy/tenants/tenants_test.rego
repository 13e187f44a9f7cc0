package tenants_test

import data.tenants

from_resource(name) := {"resource": {"attributes": {"tenant.id": name}}}

test_a_tenant_has_a_route_and_a_plan if {
	decision := tenants.decision with input as from_resource("blue")
	decision == {"route": "blue", "set": {"resource": {"tenant.plan": "gold"}}}
}

test_within_the_quota_nothing_is_dropped if {
	not tenants.decision.drop with input as from_resource("green") with data.windows.by_tenant as {"green": 100}
}

test_beyond_it_all_is if {
	tenants.decision.drop == "quota of green" with input as from_resource("green") with data.windows.by_tenant as {"green": 101}
}

test_the_tenant_is_told_once_in_a_while if {
	alert := tenants.decision.alert with input as from_resource("green") with data.windows.by_tenant as {"green": 101}
	alert.key == "green"
	alert.title == "green sends more than 100 records a minute"
}

test_who_is_not_known_has_no_route if {
	decision := tenants.decision with input as from_resource("red")
	decision == {"labels": {"tenant": "unknown"}}
}
