"""What `v3.json` can and cannot tell, for the reference page (formats specification, sections 7.2 and 9)."""

TELLS: dict[str, str] = {
    "blocked": "partly: from 3.0.15 on; before, inferred from rule and status",
    "score": "yes: in the message of rule 949110",
    "zone": "no: proved by the transaction id or the Date header, else as set for the source",
    "request_headers": "partly: only with part B",
    "request_body": "partly: only with part C",
    "response_headers": "partly: only with part F",
    "response_body": "partly: only with part E",
    "matched_value": "partly: up to 100 characters",
    "rule_ids": "partly: only with part H; rules with noauditlog are left out",
    "rule_text": "no",
    "files": "no",
    "stopwatch": "no",
    "engine_mode": "partly: only with part H",
    "bytes": "partly: cut at NUL up to 3.0.14, then partly escaped",
}
