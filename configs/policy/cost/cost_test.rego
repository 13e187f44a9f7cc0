package cost_test

import data.cost

log(level, attributes) := {
	"log": {"level": level, "attributes": attributes},
	"resource": {"attributes": {"deployment.environment.name": "production"}},
}

span(code, ms, path) := {"span": {"status": {"code": code}, "duration_ms": ms, "attributes": {"url.path": path}}}

test_debug_is_dropped_in_production if {
	cost.logs.drop == "debug in production" with input as log("DEBUG", {})
}

test_debug_stays_elsewhere if {
	not cost.logs.drop with input as object.union(log("DEBUG", {}), {"resource": {"attributes": {"deployment.environment.name": "staging"}}})
}

test_a_health_check_is_dropped if {
	cost.logs.drop == "health check" with input as log("INFO", {"url.path": "/healthz", "http.response.status_code": 200})
}

test_one_that_fails_is_not if {
	not cost.logs.drop with input as log("ERROR", {"url.path": "/healthz", "http.response.status_code": 503})
}

test_errors_are_kept if cost.logs.keep with input as log("ERROR", {})

test_successes_are_sampled if {
	cost.logs == {"sample": 0.1} with input as log("INFO", {"http.response.status_code": 200})
}

test_other_records_stay if cost.logs == {} with input as log("INFO", {})

test_a_span_that_failed_is_kept if cost.spans.keep with input as span(2, 1, "/pay")

test_a_slow_span_is_kept if cost.spans.keep with input as span(1, 1500, "/pay")

test_other_spans_are_sampled if cost.spans == {"sample": 0.1} with input as span(0, 5, "/pay")

test_a_span_of_a_health_check_is_dropped if cost.spans.drop with input as span(0, 5, "/healthz")
