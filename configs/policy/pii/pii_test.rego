package pii_test

import data.pii

redacted(text) := {regex.replace(text, it.pattern, it.with) | some it in pii.patterns; regex.match(it.pattern, text)}

test_an_address_of_mail_is_found if redacted("mail a.b+c@shop.example.org now") == {"mail <email> now"}

test_a_card_is_found if redacted("card 4111 1111 1111 1111 declined") == {"card <card> declined"}

test_a_card_of_fifteen_digits_is_found if redacted("card 378282246310005") == {"card <card>"}

test_a_time_in_milliseconds_is_no_card if redacted("at 1718000000000") == set()

test_an_account_is_found if redacted("to DE89 3704 0044 0532 0130 00") == {"to <iban>"}

test_a_trace_id_is_no_account if redacted("5b8aa5a2d2c872e8321cf37308d69df2") == set()

test_a_token_is_found if redacted("Authorization: Bearer abc.def.ghi") == {"Authorization: Bearer <token>"}

test_a_password_is_found if redacted("password=hunter2 user=a") == {"password=<secret> user=a"}

test_each_place_is_searched_for_each_pattern if {
	count(pii.logs.redact) == 2 * count(pii.patterns)
	{it.path | some it in pii.spans.redact} == {"name", "attributes"}
}

test_a_user_has_one_name_in_logs_and_spans if {
	of_log := pii.logs.set.attributes["enduser.id"] with input as {"log": {"attributes": {"enduser.id": "alice"}}}
	of_span := pii.spans.set.attributes["enduser.id"] with input as {"span": {"attributes": {"enduser.id": "alice"}}}
	of_log == of_span
	count(of_log) == 16
	not contains(of_log, "alice")
}

test_what_has_no_user_gets_none if not pii.logs.set with input as {"log": {"attributes": {}}}
