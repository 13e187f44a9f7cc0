# Each tenant's logs go its own way, and no further than its quota. tenants.json says who there is.
package tenants

tenant := input.resource.attributes["tenant.id"]

known := data.tenants_by_name[tenant]

decision["route"] := known.route

decision["set"] := {"resource": {"tenant.plan": known.plan}}

decision["drop"] := sprintf("quota of %s", [tenant]) if data.windows.by_tenant[tenant] > known.records_per_minute

decision["alert"] := {
	"title": sprintf("%s sends more than %d records a minute", [tenant, known.records_per_minute]),
	"severity": "warning",
	"key": tenant,
	"labels": {"tenant": tenant},
} if data.windows.by_tenant[tenant] > known.records_per_minute

# Without a route it goes to the default pipeline.
decision["labels"] := {"tenant": "unknown"} if not known
