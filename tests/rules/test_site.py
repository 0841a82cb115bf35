"""The directives of an engine are found in the configuration of its server, with the lines they stand on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wafscope.rules.site import find
from wafscope.rules.site.base import Setup, Site


def site(folder: Path, name: str, source: str, **files: str) -> Site:
    for file, content in files.items():
        (folder / f"{file}.conf").write_text(content)
    (folder / name).write_text(source)
    return find.read(str(folder / name))


def places(setup: Setup, name: str) -> list[tuple[str, str, int]]:
    return [(e.value, Path(e.place.file).name, e.place.line) for e in setup.directives if e.is_named(name)]


def test_nginx_merges_the_rules_of_a_block_with_those_around_it(tmp_path: Path) -> None:
    source = """user www-data;
http {
  # a "comment { with marks
  log_format main '$remote_addr "$request" ${x}';
  modsecurity on;
  modsecurity_rules_file main.conf;
  include servers*.conf;
}
"""
    servers = """server { listen 80; location / { proxy_pass http://a; } }
server {
  listen 81;
  modsecurity_rules '
    SecAuditLogParts ABZ
    SecRuleEngine Off
  ';
  location /static { modsecurity off; }
}
"""
    found = site(tmp_path, "nginx.conf", source, main="SecAuditLogParts ABHZ\nInclude rest.conf\n", servers1=servers)

    outer, server, location = found.setups
    assert (outer.engine, outer.user, outer.server, found.unread) == ("v3", "www-data", "nginx", ())
    assert places(outer, "secauditlogparts") == [("ABHZ", "main.conf", 1)]
    assert places(server, "SecAuditLogParts") == [("ABHZ", "main.conf", 1), ("ABZ", "servers1.conf", 5)]
    assert server.value("SecAuditLogParts") == "ABZ"
    assert [each.switch.value for each in found.setups if each.switch] == ["on", "on", "off"]
    assert [(each.reason, each.place.line) for each in outer.unread] == [("missing", 2)]
    assert not outer.is_whole
    assert location.directives == server.directives


def test_nginx_without_a_firewall_has_no_setup(tmp_path: Path) -> None:
    assert site(tmp_path, "nginx.conf", "events {}\nhttp { server { listen 80; } }\n").setups == ()


def test_apache_reads_conditions_variables_and_virtual_hosts(tmp_path: Path) -> None:
    (tmp_path / "envvars").write_text(
        "export APACHE_RUN_USER=www-data\nexport APACHE_LOG_DIR=/var/log/apache2$SUFFIX\n"
    )
    source = """LoadModule security2_module mod_security2.so
User ${APACHE_RUN_USER}
Define with_audit
<IfModule security2_module>
  IncludeOptional sec*.conf
  <IfDefine with_audit>
    SecAuditLog ${APACHE_LOG_DIR}/audit.log
  </IfDefine>
  <IfModule !mod_unique_id.c>
    SecAuditEngine Off
  </IfModule>
</IfModule>
<VirtualHost *:80>
  SecAuditLogParts ABZ
  <Location /x>
    SecRuleEngine Off
  </Location>
</VirtualHost>
<VirtualHost *:81>
  ServerName plain
</VirtualHost>
"""
    found = site(tmp_path, "apache2.conf", source, security="SecAuditEngine On\nSecRuleEngine On\n")

    server, host = found.setups
    assert (server.engine, server.user, server.value("SecAuditLog")) == ("v2", "www-data", "/var/log/apache2/audit.log")
    assert (host.value("SecRuleEngine"), host.value("SecAuditEngine")) == ("On", "On")
    assert places(host, "SecAuditLogParts") == [("ABZ", "apache2.conf", 14)]


def test_caddy_has_a_setup_for_each_firewall(tmp_path: Path) -> None:
    source = """{
  order coraza_waf first
}
:80 {
  coraza_waf {
    load_owasp_crs
    directives `
      Include @coraza.conf-recommended
      Include @owasp_crs/*.conf
      SecRule ARGS "@rx {" "id:1"
      SecAuditLogParts ABHKZ
    `
  }
  reverse_proxy a:80
}
:81 {
  coraza_waf {
    directives "SecRuleEngine \\"On\\""
    include rest.conf
  }
}
"""
    found = site(tmp_path, "Caddyfile", source, rest="SecAuditEngine On\n")

    first, second = found.setups
    assert (first.engine, first.value("SecAuditEngine"), first.value("SecAuditLogParts")) == (
        "coraza",
        "RelevantOnly",
        "ABHKZ",
    )
    assert places(first, "SecAuditLogParts")[-1] == ("ABHKZ", "Caddyfile", 11)
    assert first.is_whole
    assert (second.value("SecRuleEngine"), second.value("SecAuditEngine")) == ("On", "On")
    assert places(second, "SecAuditEngine") == [("On", "rest.conf", 1)]


def test_a_file_of_directives_alone_is_one_setup(tmp_path: Path) -> None:
    found = site(tmp_path, "main.conf", "SecRuleEngine On\nInclude rest.conf\n", rest="SecAuditLog audit.log\n")

    (setup,) = found.setups
    assert (setup.engine, setup.path(setup.value("SecAuditLog"))) == ("", str(tmp_path / "audit.log"))


@settings(max_examples=50)
@given(st.text(alphabet="{};\"'\\ \n#a$includemodsecurity"))
def test_no_text_makes_a_reader_fail(tmp_path_factory: pytest.TempPathFactory, source: str) -> None:
    folder = tmp_path_factory.mktemp("site", numbered=True)
    for head in ("http { modsecurity on; ", ":80 {\n coraza_waf {\n directives ", "<IfModule x>\n", ""):
        (folder / "file").write_text(head + source)
        find.read(str(folder / "file"))


@pytest.mark.parametrize("source", ["http {" * 5_000, "<IfModule x>\n" * 5_000 + "</IfModule>\n" * 5_000])
def test_what_nobody_writes_is_no_failure(tmp_path: Path, source: str) -> None:
    (tmp_path / "file").write_text(source)
    find.read(str(tmp_path / "file"))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert [each.reason for each in find.read(str(tmp_path / "gone.conf")).unread] == ["missing"]
    assert find.look([str(tmp_path / "gone.conf")]) == ()
