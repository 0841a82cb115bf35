"""Attributes of OCSF 1.6.0 that a firewall's events fill, and all required ones, as the published schema has them.

From github.com/ocsf/ocsf-schema: dictionary.json, events/base_event.json, events/network/{network,http_activity}.json,
events/findings/{finding,detection_finding}.json, objects/*.json, profiles/{security_control,host}.json.
Read as `type`, with `[]` for an array and `!` for a required attribute; a type without `_t` is an object.
"""

from __future__ import annotations

_BASE = {
    "activity_id": "integer_t!", "activity_name": "string_t", "category_name": "string_t",
    "category_uid": "integer_t!", "class_name": "string_t", "class_uid": "integer_t!", "type_name": "string_t",
    "type_uid": "long_t!", "severity": "string_t", "severity_id": "integer_t!", "time": "timestamp_t!",
    "start_time": "timestamp_t", "end_time": "timestamp_t", "duration": "long_t", "message": "string_t",
    "status": "string_t", "status_code": "string_t", "status_detail": "string_t", "status_id": "integer_t",
    "metadata": "metadata!",
}  # fmt: skip
_SECURITY_CONTROL = {
    "action": "string_t", "action_id": "integer_t", "disposition": "string_t", "disposition_id": "integer_t",
    "attacks": "attack[]", "firewall_rule": "firewall_rule", "is_alert": "boolean_t", "policy": "policy",
    "risk_score": "integer_t",
}  # fmt: skip
_HOST = {"actor": "actor", "device": "device"}
_NAMED = {"name": "string_t", "uid": "string_t"}

ATTRIBUTES = {
    "http_activity": {
        **_BASE, **_SECURITY_CONTROL, **_HOST,
        "src_endpoint": "network_endpoint", "dst_endpoint": "network_endpoint", "http_request": "http_request",
        "http_response": "http_response", "enrichments": "enrichment[]", "raw_data": "string_t",
        "raw_data_size": "long_t", "unmapped": "object",
    },
    "detection_finding": {
        **_BASE, **_SECURITY_CONTROL, **_HOST, "finding_info": "finding_info!", "evidences": "evidences[]",
    },
    "metadata": {
        "product": "product!", "version": "string_t!", "correlation_uid": "string_t", "log_name": "string_t",
        "logged_time": "timestamp_t", "original_time": "string_t", "profiles": "string_t[]", "uid": "string_t",
    },
    "product": {"name": "string_t", "vendor_name": "string_t", "version": "string_t"},
    "http_request": {
        "body_length": "integer_t", "http_headers": "http_header[]", "http_method": "string_t",
        "referrer": "string_t", "uid": "string_t", "url": "url", "user_agent": "string_t", "version": "string_t",
        "x_forwarded_for": "ip_t[]",
    },
    "http_response": {
        "code": "integer_t!", "body_length": "integer_t", "content_type": "string_t",
        "http_headers": "http_header[]", "status": "string_t",
    },
    "http_header": {"name": "string_t!", "value": "string_t!"},
    "url": {
        "hostname": "hostname_t", "path": "string_t", "port": "port_t", "query_string": "string_t",
        "url_string": "url_t",
    },
    "network_endpoint": {"hostname": "hostname_t", "ip": "ip_t", "name": "string_t", "port": "port_t"},
    "device": {"name": "string_t", "type": "string_t", "type_id": "integer_t!", "uid": "string_t"},
    "actor": {"user": "user"},
    "user": {"name": "username_t"},
    "firewall_rule": {
        "category": "string_t", "desc": "string_t", "match_details": "string_t[]", "match_location": "string_t",
        "name": "string_t", "uid": "string_t", "version": "string_t",
    },
    "policy": {"name": "string_t", "version": "string_t"},
    "enrichment": {"data": "json_t!", "name": "string_t!", "type": "string_t", "value": "string_t!"},
    "attack": {"sub_technique": "sub_technique", "tactic": "tactic", "technique": "technique"},
    "tactic": _NAMED,
    "technique": _NAMED,
    "sub_technique": _NAMED,
    "finding_info": {
        "analytic": "analytic", "attacks": "attack[]", "created_time": "timestamp_t", "desc": "string_t",
        "related_analytics": "analytic[]", "related_events": "related_event[]", "title": "string_t", "uid": "string_t!",
    },
    "analytic": {
        "category": "string_t", "name": "string_t", "type": "string_t", "type_id": "integer_t!", "uid": "string_t",
        "version": "string_t",
    },
    "related_event": {"type_uid": "long_t", "uid": "string_t!"},
    "evidences": {
        "data": "json_t", "dst_endpoint": "network_endpoint", "http_request": "http_request",
        "http_response": "http_response", "src_endpoint": "network_endpoint",
    },
}  # fmt: skip

AT_LEAST_ONE = {
    "http_activity": {"http_request", "http_response"},
    "product": {"name", "uid"},
    "url": {"url_string", "path"},
    "network_endpoint": {"ip", "uid", "name", "hostname"},
    "device": {"ip", "uid", "name", "hostname"},
    "actor": {"user", "process", "session"},
    "user": {"name", "uid", "account"},
    "firewall_rule": {"name", "uid"},
    "policy": {"name", "type", "uid"},
    "attack": {"tactic", "technique", "sub_technique"},
    "tactic": {"name", "uid"},
    "technique": {"name", "uid"},
    "sub_technique": {"name", "uid"},
    "analytic": {"name", "uid"},
    "evidences": {"data", "src_endpoint", "dst_endpoint", "url"},
}
"""Constraints: one of these has to be there."""

HTTP_ACTIVITIES = {
    0: "Unknown", 1: "Connect", 2: "Delete", 3: "Get", 4: "Head", 5: "Options", 6: "Post", 7: "Put", 8: "Trace",
    9: "Patch", 99: "Other",
}  # fmt: skip
FINDING_ACTIVITIES = {0: "Unknown", 1: "Create", 2: "Update", 3: "Close", 99: "Other"}
SEVERITIES = {
    0: "Unknown", 1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical", 6: "Fatal", 99: "Other",
}  # fmt: skip
STATUSES = {0: "Unknown", 1: "Success", 2: "Failure", 99: "Other"}
FINDING_STATUSES = {
    0: "Unknown", 1: "New", 2: "In Progress", 3: "Suppressed", 4: "Resolved", 5: "Archived", 6: "Deleted", 99: "Other",
}  # fmt: skip
ACTIONS = {0: "Unknown", 1: "Allowed", 2: "Denied", 3: "Observed", 4: "Modified", 99: "Other"}
DISPOSITIONS = {
    0: "Unknown", 1: "Allowed", 2: "Blocked", 3: "Quarantined", 4: "Isolated", 5: "Deleted", 6: "Dropped",
    7: "Custom Action", 8: "Approved", 9: "Restored", 10: "Exonerated", 11: "Corrected", 12: "Partially Corrected",
    13: "Uncorrected", 14: "Delayed", 15: "Detected", 16: "No Action", 17: "Logged", 18: "Tagged", 19: "Alert",
    20: "Count", 21: "Reset", 22: "Captcha", 23: "Challenge", 24: "Access Revoked", 25: "Rejected", 26: "Unauthorized",
    27: "Error", 99: "Other",
}  # fmt: skip
CLASSES = {
    4002: ("http_activity", "HTTP Activity", 4, "Network Activity", HTTP_ACTIVITIES),
    2004: ("detection_finding", "Detection Finding", 2, "Findings", FINDING_ACTIVITIES),
}
"""By class_uid: name, caption, category_uid, its caption, activities."""
