"""deploy/proxy.conf in a real nginx, before a real server."""

import ssl
import subprocess

import httpx
import pytest


@pytest.mark.slow
def test_the_proxy_speaks_tls_and_passes_requests_on_but_not_metrics(
    needs_program, start, model_folder, a_patient, project, tmp_path
):
    nginx = needs_program("nginx")
    server = start("--model", str(model_folder), "--port", "0")
    port = server.url.rstrip("/").rpartition(":")[2]
    _certificate(tmp_path)
    text = (project / "deploy" / "proxy.conf").read_text()
    for ours, theirs in (
        ("server acrcast:8000", f"server 127.0.0.1:{port}"),
        ("listen 443 ssl", "listen 127.0.0.1:8444 ssl"),
        ("/etc/nginx/tls", str(tmp_path)),
        ("http2 on;", ""),  # Debian's nginx is older than the directive
        ("events {", f"daemon off; pid {tmp_path}/pid;\nevents {{"),
    ):
        assert ours in text
        text = text.replace(ours, theirs)
    (tmp_path / "nginx.conf").write_text(text)
    checked = subprocess.run([nginx, "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    proxy = subprocess.Popen([nginx, "-c", tmp_path / "nginx.conf"], stdout=subprocess.PIPE, text=True)
    try:
        trusted = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
        transport = httpx.HTTPTransport(verify=trusted, retries=5)
        with httpx.Client(base_url="https://localhost:8444", transport=transport) as client:
            answer = client.get("/health/ready")
            assert answer.status_code == 200
            assert "strict-transport-security" in answer.headers
            assert client.get("/metrics").status_code == 404
            assert client.post("/predict", json=a_patient()).status_code == 200
    finally:
        proxy.terminate()
        said, _ = proxy.communicate(timeout=10)
    assert "/predict 200" in said


def _certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "certificate.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
