package logs

health if input.log.attributes["http.route"] in {"/healthz", "/readyz", "/livez"}
health if startswith(input.log.body, "GET /healthz")

debug_in_prod if {
	input.log.level == "DEBUG"
	input.resource.attributes["deployment.environment.name"] == "prod"
	not important
}

important if input.log.attributes.audit == true
important if contains(input.log.body, "audit")

chatty if {
	input.log.level == "INFO"
	input.log.service == "cart"
	not important
}

card if regex.match(`\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b`, input.log.body)

email if regex.match(`[\w.+-]+@[\w-]+\.[\w.]+`, input.log.body)

token if startswith(lower(input.log.attributes["http.request.header.authorization"]), "bearer ")

slow if input.log.attributes.duration_ms > limits[input.log.service]
slow if input.log.attributes.duration_ms > 5000

limits := {"checkout": 1000, "payments": 2000, "cart": 500}

failed if {
	code := input.log.attributes["http.status_code"]
	code >= 500
	code < 600
}

unowned if not input.log.attributes.team

admin if {
	some role in input.log.attributes.roles
	role in {"admin", "root"}
}
