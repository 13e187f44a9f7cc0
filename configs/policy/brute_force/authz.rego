package system.authz
default allow = false
allow {
  input.log.level == "ERROR"
  input.log.service == "identity-service"
  input.log.trace_id != ""
  count(input.log.tags.mfa_attempt) > 0
  data.risk_rules.brute_force_window[input.log.timestamp] > 5
}
