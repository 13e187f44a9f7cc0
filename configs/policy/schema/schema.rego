# What every log record must look like. What can be mended is mended, the rest is marked, and the team hears of it.
package schema

environments := {"production", "staging", "development"}

# Old names, and the names of today (semantic conventions 1.23).
renamed := {
	"http.status_code": "http.response.status_code",
	"http.method": "http.request.method",
	"net.peer.ip": "client.address",
}

# What nobody can be asked about is not kept.
decision["drop"] := "no service.name" if not named

decision["set"] := {"attributes": {new: value |
	some old, new in renamed
	value := input.log.attributes[old]
}}

decision["remove"] := [sprintf("attributes[%q]", [old]) |
	some old, _ in renamed
	input.log.attributes[old]
]

decision["labels"] := {"schema": sort(violations)} if count(violations) > 0

decision["alert"] := {
	"title": sprintf("%s sends records that do not keep to the schema", [input.log.service]),
	"severity": "info",
	"key": input.log.service,
	"labels": {"violations": concat(", ", sort(violations))},
} if {
	named
	count(violations) > 0
}

named if input.log.service != ""

violations contains "deployment.environment.name is missing or unknown" if {
	environment := object.get(input.resource.attributes, "deployment.environment.name", "")
	not environment in environments
}

violations contains "severity is missing" if input.log.level == ""

violations contains sprintf("the attribute %s is not in lower case", [key]) if {
	some key, _ in input.log.attributes
	lower(key) != key
}
