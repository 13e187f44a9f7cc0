# Personal data does not leave the house. Rules that build one decision for each signal.
package pii

# What is replaced wherever it stands in a text. Cards begin with 3 to 6: a time in milliseconds is none.
patterns := [
	{"pattern": `[\w.+-]+@[\w-]+(\.[\w-]+)+`, "with": "<email>"},
	{"pattern": `\b(4\d{3}|5[1-5]\d{2}|6(011|5\d{2}))[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b`, "with": "<card>"},
	{"pattern": `\b3[47]\d{2}[ -]?\d{6}[ -]?\d{5}\b`, "with": "<card>"},
	{"pattern": `\b[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,3})?\b`, "with": "<iban>"},
	{"pattern": `(?i)\b(bearer|basic) [\w.~+/=-]{8,}`, "with": "$1 <token>"},
	{"pattern": `(?i)\b(password|passwd|secret|api_key)=\S+`, "with": "$1=<secret>"},
]

# Attributes that nobody needs behind the collector.
secrets := [
	`attributes["http.request.header.authorization"]`,
	`attributes["http.request.header.cookie"]`,
	`attributes["user.email"]`,
	`attributes["password"]`,
]

redactions(paths) := [object.union({"path": path}, it) | some path in paths; some it in patterns]

logs["redact"] := redactions(["body", "attributes"])

logs["remove"] := secrets

logs["set"] := {"attributes": {"enduser.id": pseudonym(input.log.attributes["enduser.id"])}}

spans["redact"] := redactions(["name", "attributes"])

spans["remove"] := secrets

spans["set"] := {"attributes": {"enduser.id": pseudonym(input.span.attributes["enduser.id"])}}

# The same user has the same name everywhere, and nobody without the key can say who it is.
pseudonym(user) := substring(crypto.hmac.sha256(user, data.pseudonyms.key), 0, 16)
