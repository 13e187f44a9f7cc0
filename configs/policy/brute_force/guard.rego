# What stands around the rule of authz.rego: which records the window counts, and which are noise once a user is blocked.
package guard

# A failed login with a second factor, whoever it was.
failed_login if {
	input.log.level == "ERROR"
	input.log.service == "identity-service"
	count(input.log.tags.mfa_attempt) > 0
}

# The alert has been sent and the user is blocked: more of the same says nothing new.
noise if {
	failed_login
	data.sluice.blocked[input.log.attributes["enduser.id"]]
}
