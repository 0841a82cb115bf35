"""The shipped examples in front of a console: real nginx and Apache with the CRS, on loopback, with other places."""

from __future__ import annotations

import base64
import gzip
import http.client
import os
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from tests.system.servers import MODULES, NGINX_MODULE, PATIENCE, free_port, needs, program, running

EXAMPLES = Path(__file__).parents[2] / "examples"
NAME = "wafscope.example.org"
USER, PASSWORD = "reader", "let me in"
CRS = Path("/usr/share/modsecurity-crs/rules/REQUEST-901-INITIALIZATION.conf")
APACHE_MODULES = (
    "mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "ssl", "socache_shmcb", "proxy",
    "proxy_http", "unique_id", "security2",
)  # fmt: skip
WORDS = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"


class Answer(msgspec.Struct, frozen=True):
    """What came back; `whole` is false where the firewall cut it off after its head was sent."""

    status: int
    body: str
    location: str
    whole: bool


class Front(msgspec.Struct, frozen=True):
    """A server with a firewall before the console."""

    port: int
    directory: Path

    @property
    def address(self) -> str:
        return f"https://{NAME}:{self.port}"

    def ask(
        self, target: str, *, host: str = NAME, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for something as a browser would, but not compressed: the firewall can read what comes back."""
        context = ssl.create_default_context(cafile=str(self.directory / "wafscope.pem"))
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE, context=context)
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        sent = {
            "Host": host, "User-Agent": WORDS, "Accept": "text/html,*/*", "Accept-Language": "en",
            "Authorization": f"Basic {login}",
        }  # fmt: skip
        try:
            connection.request("GET" if body is None else "POST", target, body, sent | dict(headers or {}))
            response = connection.getresponse()
            location = response.headers.get("Location", "")
            try:
                found = response.read()
                if response.headers.get("Content-Encoding") == "gzip":
                    found = gzip.decompress(found)
                return Answer(response.status, found.decode(), location, whole=True)
            except http.client.IncompleteRead as cut:
                return Answer(response.status, cut.partial.decode(errors="replace"), location, whole=False)
        finally:
            connection.close()


def _prepare(directory: Path) -> None:
    """Make a certificate and a file of passwords."""
    key, certificate = directory / "wafscope.key", directory / "wafscope.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", key, "-out", certificate,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    hashed = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], check=True, capture_output=True, text=True).stdout
    (directory / "wafscope.htpasswd").write_text(f"{USER}:{hashed}")


def moved(text: str, places: Mapping[str, str]) -> str:
    """Put other places into an example; each of them must be in it."""
    for place, other in places.items():
        assert place in text, place
        text = text.replace(place, other)
    return text


@contextmanager
def behind_nginx(directory: Path, console: str, *, exclusions: bool = True) -> Iterator[Front]:
    """The example for nginx, with or without the file of exclusions."""
    needs("nginx", "openssl", files=[NGINX_MODULE, CRS])
    _prepare(directory)
    port = free_port()
    site = moved(
        (EXAMPLES / "nginx" / "wafscope.conf").read_text(),
        {
            "127.0.0.1:8642": urlsplit(console).netloc,
            "listen 443": f"listen 127.0.0.1:{port}",
            "/etc/ssl/certs": str(directory),
            "/etc/ssl/private": str(directory),
            "/etc/nginx": str(directory),
        },
    )
    (directory / "site.conf").write_text(site)
    rules = moved(
        (EXAMPLES / "nginx" / "modsecurity-wafscope.conf").read_text(),
        {
            "Include /etc/modsecurity/crs/wafscope-console.conf": f"Include {EXAMPLES}/crs/wafscope-console.conf"
            if exclusions
            else ""
        },
    )
    (directory / "modsecurity-wafscope.conf").write_text(f"{rules}\nSecAuditEngine Off\n")
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = " ".join(
        f"{name}_temp_path {directory}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(
        f"load_module {NGINX_MODULE}; {user} daemon off; worker_processes 1; pid {directory}/nginx.pid;\n"
        f"error_log {directory}/error.log; events {{}}\n"
        f"http {{ access_log {directory}/access.log; {temporary} include {directory}/site.conf; }}\n"
    )
    command: list[str | Path] = [program("nginx"), "-p", directory, "-e", directory / "error.log"]
    with running([*command, "-c", directory / "nginx.conf"], port, directory / "nginx.out"):
        yield Front(port, directory)


@contextmanager
def behind_apache(directory: Path, console: str, *, exclusions: bool = True) -> Iterator[Front]:
    """The example for Apache, with or without the file of exclusions, its rules loaded for the whole server."""
    needs("apache2", "openssl", files=[MODULES / "mod_security2.so", CRS])
    _prepare(directory)
    port = free_port()
    site = moved(
        (EXAMPLES / "apache" / "wafscope.conf").read_text(),
        {
            "*:443": f"127.0.0.1:{port}",
            "/etc/ssl/certs": str(directory),
            "/etc/ssl/private": str(directory),
            "/etc/apache2/wafscope.htpasswd": f"{directory}/wafscope.htpasswd",
            "http://127.0.0.1:8642": console,
        },
    )
    included = f"Include {EXAMPLES}/crs/wafscope-console.conf\n" if exclusions else ""
    modules = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in APACHE_MODULES)
    user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
    (directory / "apache.conf").write_text(
        f"{modules}{user}ServerRoot {directory}\nServerName localhost\nListen 127.0.0.1:{port}\n"
        f"PidFile {directory}/apache.pid\nErrorLog {directory}/error.log\n"
        "Include /etc/modsecurity/modsecurity.conf-recommended\n"
        f"SecAuditEngine Off\nSecTmpDir {directory}\nSecDataDir {directory}\n"
        f"Include /etc/modsecurity/crs/crs-setup.conf\n{included}Include /usr/share/modsecurity-crs/rules/*.conf\n"
        f"{site}"
    )
    with running([program("apache2"), "-f", directory / "apache.conf", "-DFOREGROUND"], port, directory / "apache.out"):
        yield Front(port, directory)
