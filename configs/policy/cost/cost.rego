# What nobody reads is not paid for. Of drop, keep and sample the first that is said counts, in this order.
package cost

production if input.resource.attributes["deployment.environment.name"] == "production"

logs["drop"] := "debug in production" if {
	production
	input.log.level in {"TRACE", "DEBUG"}
}

logs["drop"] := "health check" if {
	input.log.attributes["url.path"] in data.cost.quiet_paths
	input.log.attributes["http.response.status_code"] < 400
}

logs["keep"] if input.log.level in {"WARN", "ERROR", "FATAL"}

# Requests that succeed look all the same.
logs["sample"] := data.cost.share_of_successes if input.log.attributes["http.response.status_code"] < 400

spans["drop"] := "health check" if {
	input.span.attributes["url.path"] in data.cost.quiet_paths
	input.span.status.code != 2
}

spans["keep"] if input.span.status.code == 2

spans["keep"] if input.span.duration_ms > data.cost.slow_ms

# The same traces are kept in logs and spans: the share is of trace ids.
spans["sample"] := data.cost.share_of_successes
