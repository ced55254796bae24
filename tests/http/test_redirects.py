"""Which clients are sent to S3, as a table."""

import pytest

from registry.v2.redirects import can_follow

CRANE = "crane/0.20.6 go-containerregistry/0.20.6"
DOCKER = "docker/28.1.1 go/go1.23.8 UpstreamClient(Docker-Client/28.1.1)"
PUBLIC = "https://bucket.s3.eu-central-1.amazonaws.com/o/1"
PRIVATE = "http://10.1.2.3:9000/blobs/o/1"


@pytest.mark.parametrize(
    ("url", "agent", "wanted", "http_version", "follows"),
    [
        (PUBLIC, DOCKER, "", "1.1", True),
        (PRIVATE, DOCKER, "", "1.1", True),
        (PUBLIC, "", "", "1.1", True),
        (PUBLIC, DOCKER, "bytes=10-", "1.1", True),
        (PUBLIC, DOCKER, "bytes=0-1,5-9", "1.1", False),
        (PUBLIC, DOCKER, "bytes=0-1, -9", "1.1", False),
        (PUBLIC, DOCKER, "", "1.0", False),
        (PUBLIC, CRANE, "", "1.1", True),
        ("https://minio.lan:9000/o/1", CRANE, "", "1.1", True),
        (PRIVATE, CRANE, "", "1.1", False),
        (PRIVATE, "cosign/2.4 (linux; amd64) Go-ContainerRegistry/0.20", "", "1.1", False),
        ("http://127.0.0.1:9000/o/1", CRANE, "", "1.1", False),
        ("http://[::1]:9000/o/1", CRANE, "", "1.1", False),
        ("http://[fd00::7]/o/1", CRANE, "", "1.1", False),
        ("http://[::ffff:10.1.2.3]/o/1", CRANE, "", "1.1", False),
        ("http://169.254.1.2/o/1", CRANE, "", "1.1", False),
        ("http://0.0.0.0:9000/o/1", CRANE, "", "1.1", False),
        ("https://52.219.170.1/o/1", CRANE, "", "1.1", True),
        ("https://[2a05:d018::1]/o/1", CRANE, "", "1.1", True),
    ],
)
def test_client_is_sent_where_it_can_follow(
    url: str, agent: str, wanted: str, http_version: str, follows: bool
) -> None:
    assert can_follow(url, agent=agent, wanted=wanted, http_version=http_version) is follows
