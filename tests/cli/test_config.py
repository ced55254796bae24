import ipaddress
from pathlib import Path
from typing import Any

import pytest

from registry.config import SETTINGS, Config, ConfigError, load


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "cove.toml"


def test_without_anything_every_setting_has_its_default() -> None:
    assert load({}, {}) == Config()


def test_file_beats_default_environment_beats_file_and_command_line_beats_all(toml: Path) -> None:
    toml.write_text('host = "10.0.0.1"\nport = 1001\nworkers = 2\n')
    environ = {"COVE_PORT": "1002", "COVE_WORKERS": "3"}
    config = load({"config": str(toml), "workers": 4, "host": None}, environ)
    assert (config.host, config.port, config.workers) == ("10.0.0.1", 1002, 4)


def test_environment_may_name_the_file_and_the_command_line_another(toml: Path, tmp_path: Path) -> None:
    toml.write_text("port = 1001")
    other = tmp_path / "other.toml"
    other.write_text("port = 1002")
    environ = {"COVE_CONFIG": str(toml)}
    assert load({}, environ).port == 1001
    assert load({"config": other}, environ).port == 1002


def test_toml_uses_its_own_types(toml: Path) -> None:
    toml.write_text('identity_tokens = true\ntrusted_proxies = ["10.0.0.0/8", "::1"]\ngrace_seconds = 0\n')
    config = load({"config": toml}, {})
    assert config.identity_tokens
    assert config.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))
    assert config.grace_seconds == 0


def test_empty_variable_is_not_set() -> None:
    assert load({}, {"COVE_PUBLIC_URL": "", "COVE_PORT": ""}) == Config()


def test_variables_that_kubernetes_makes_for_a_service_named_cove_are_not_settings() -> None:
    links = {
        "COVE_PORT": "tcp://10.96.0.7:5000",
        "COVE_SERVICE_HOST": "10.96.0.7",
        "COVE_SERVICE_PORT": "5000",
        "COVE_SERVICE_PORT_HTTP": "5000",
        "COVE_PORT_5000_TCP": "tcp://10.96.0.7:5000",
        "COVE_PORT_5000_TCP_ADDR": "10.96.0.7",
        "COVE_REGISTRY_SERVICE_HOST": "10.96.0.8",
        "COVE_REGISTRY_PORT": "tcp://10.96.0.8:80",
    }
    assert load({}, links) == Config()


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("host", "[::1]", "::1"),
        ("port", "0", 0),
        ("port", "65535", 65535),
        ("data", "/srv/cove", Path("/srv/cove")),
        ("ephemeral", "on", True),
        ("identity_tokens", "False", False),
        ("database_url", "sqlite:////srv/cove/records.db", "sqlite:////srv/cove/records.db"),
        ("database_url", "postgresql://cove:a%20b@db:5432/cove", "postgresql://cove:a%20b@db:5432/cove"),
        ("database_url", "postgres:///cove?host=/run/postgresql", "postgres:///cove?host=/run/postgresql"),
        ("storage_url", "file:///srv/cove", "file:///srv/cove"),
        ("storage_url", "s3://my-blobs", "s3://my-blobs"),
        ("storage_url", "s3://my.blobs/cove/a", "s3://my.blobs/cove/a"),
        ("s3_endpoint", "http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ("s3_addressing", "Path", "path"),
        ("s3_part_bytes", "5242880", 5_242_880),
        ("s3_redirect", "yes", True),
        ("public_url", "https://cove.example/", "https://cove.example"),
        ("public_url", "http://[2001:db8::1]:5000", "http://[2001:db8::1]:5000"),
        ("trusted_proxies", "10.1.2.3, fd00::/8", (ipaddress.ip_network("10.1.2.3"), ipaddress.ip_network("fd00::/8"))),
        ("log_format", "JSON", "json"),
        ("log_level", "Warning", "warning"),
        ("manifest_limit_bytes", "4194304", 4_194_304),
        ("sparse_manifests", "all", "all"),
        ("token_seconds", "60", 60),
        ("quota_bytes", "1048576", 1_048_576),
        ("quota_bytes", "500MB", 500_000_000),
        ("quota_bytes", "10 gib", 10 * 1024**3),
        ("quota_bytes", "7 B", 7),
    ],
)
def test_variable_is_read_as_what_it_means(name: str, given: str, value: object) -> None:
    assert getattr(load({}, {f"COVE_{name.upper()}": given}), name) == value


@pytest.mark.parametrize(
    ("name", "given", "must"),
    [
        ("host", "http://cove", "be a host name or an address"),
        ("host", "a b", "be a host name or an address"),
        ("port", "65536", "be a whole number from 0 to 65535"),
        ("port", "-1", "be a whole number from 0 to 65535"),
        ("port", "5_000", "be a whole number from 0 to 65535"),
        ("port", "\N{ARABIC-INDIC DIGIT FIVE}000", "be a whole number from 0 to 65535"),
        ("port", "9" * 5000, "be a whole number from 0 to 65535"),
        ("data", "a\0b", "be a path"),
        ("ephemeral", "perhaps", "be true or false"),
        ("workers", "0", "be a whole number from 1 to 256"),
        ("tls_cert", "/no/such/file.pem", "be a file that exists"),
        ("tls_cert", "/" + "a" * 5000, "be a file that exists"),
        ("tls_key", "/", "be a file that exists"),
        ("public_url", "cove.example", "be http:// or https://"),
        ("public_url", "https://cove.example/registry", "be http:// or https://"),
        ("public_url", "https://cove.example?x", "be http:// or https://"),
        ("public_url", "https://user:word@cove.example", "be http:// or https://"),
        ("public_url", "https://cove.example:70000", "have a valid address and a port from 1 to 65535"),
        ("public_url", "https://cove.example:0", "have a valid address and a port from 1 to 65535"),
        ("public_url", "https://[1:2]", "have a valid address and a port from 1 to 65535"),
        ("trusted_proxies", "10.0.0.0/8,proxy.lan", "be addresses or networks"),
        ("trusted_proxies", "10.0.0.1/8", "be addresses or networks"),
        ("grace_seconds", "soon", "be a whole number from 0 to 86400"),
        *(
            ("quota_bytes", given, "be a number of bytes, such as 500MB, 10GiB or 1048576")
            for given in ("0", "-1", "1.5GB", "10 potatoes", "GB", "9223372036854775808", "9000000000GiB", "\u0661MB")
        ),
        ("log_format", "xml", "be one of text, json"),
        ("log_level", "loud", "be one of debug, info, warning, error"),
        ("manifest_limit_bytes", "1000", "be a whole number of at least 4194304"),
        ("sparse_manifests", "some", "be one of none, indexes, all"),
        ("token_seconds", "59", "be a whole number of at least 60"),
        ("identity_tokens", "2", "be true or false"),
        ("upload_expiry_seconds", "0", "be a whole number of at least 1"),
        ("chunk_min_bytes", "1.5", "be a whole number of at least 0"),
        ("s3_endpoint", "s3.example", "be http:// or https://"),
        ("s3_addressing", "host", "be one of auto, path, virtual"),
        ("s3_part_bytes", "5242879", "be a whole number from 5242880 to 5368709120"),
        ("s3_redirect_seconds", "604801", "be a whole number from 1 to 604800"),
    ],
)
def test_wrong_value_is_refused_with_what_it_must_be_and_what_it_was(name: str, given: str, must: str) -> None:
    variable = f"COVE_{name.upper()}"
    with pytest.raises(ConfigError) as refused:
        load({}, {variable: given})
    assert str(refused.value).startswith(f"{variable} must {must}")
    assert str(refused.value).endswith(f", not {given[:100]!r}")


@pytest.mark.parametrize(
    ("name", "given", "must"),
    [
        ("database_url", "mysql://cove:canary@db/cove", "must be a postgresql:// or a sqlite:// address"),
        ("database_url", "postgresql+psycopg://cove:canary@db/cove", "must be a postgresql:// or a sqlite:// address"),
        ("database_url", "postgresql://cove:canary word@db/cove", "must be postgresql://user:password@host:port/name"),
        ("database_url", "postgresql:/canary", "must be postgresql://user:password@host:port/name"),
        ("database_url", "sqlite:///canary.db", "must be sqlite:/// and an absolute path"),
        ("database_url", "sqlite://", "must be sqlite:/// and an absolute path"),
        ("storage_url", "s3://key:canary@bucket", "must be s3://bucket or s3://bucket/prefix"),
        ("storage_url", "ftp://canary@host", "must be a file:// or an s3:// address"),
        ("storage_url", "file://canary/blobs", "must be file:// and an absolute path"),
    ],
)
def test_wrong_address_is_refused_without_repeating_it_since_it_may_hold_a_password(
    name: str, given: str, must: str
) -> None:
    with pytest.raises(ConfigError, match=must) as refused:
        load({}, {f"COVE_{name.upper()}": given})
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "must"),
    [
        ("port = true", "be a whole number"),
        ("port = 1.5", "be a whole number"),
        ("host = 7", "be a text"),
        ("data = 7", "be a path"),
        ('data = ""', "be a path"),
        ("trusted_proxies = [7]", "be addresses or networks"),
        ("trusted_proxies = 7", "be a text"),
        ("log_format = ['json']", "be one of text, json"),
    ],
)
def test_wrong_type_in_the_file_is_refused_with_the_name_of_the_file(toml: Path, line: str, must: str) -> None:
    toml.write_text(line)
    with pytest.raises(ConfigError) as refused:
        load({"config": toml}, {})
    assert str(refused.value).startswith(f"{line.split(maxsplit=1)[0]} in {toml} must {must}")


def test_wrong_option_is_refused_as_it_was_written() -> None:
    with pytest.raises(ConfigError, match=r"^--log-format must be one of text, json, not 'xml'$"):
        load({"log_format": "xml"}, {})


def test_unknown_variable_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        ConfigError, match=r"^COVE_WORKER in the environment is not a setting; did you mean COVE_WORKERS\?$"
    ):
        load({}, {"COVE_WORKER": "2"})


def test_unknown_variable_like_no_other_is_refused_without_a_guess() -> None:
    with pytest.raises(ConfigError, match=r"is not a setting$"):
        load({}, {"COVE_XQZ": ""})


def test_variables_of_other_programs_are_left_alone() -> None:
    assert load({}, {"COVERAGE_FILE": "x", "PORT": "1"}) == Config()


def test_unknown_key_in_the_file_is_refused_with_the_nearest_name(toml: Path) -> None:
    toml.write_text("log_lvel = 'info'")
    with pytest.raises(ConfigError) as refused:
        load({"config": toml}, {})
    assert str(refused.value) == f"log_lvel in {toml} is not a setting; did you mean log_level?"


def test_missing_file_is_refused(toml: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: No such file or directory$"):
        load({"config": toml}, {})


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe", b"port = 1\nport = 2"])
def test_file_that_is_not_toml_is_refused(toml: Path, content: bytes) -> None:
    toml.write_bytes(content)
    with pytest.raises(ConfigError, match="is not TOML"):
        load({"config": toml}, {})


@pytest.mark.parametrize("alone", ["tls_cert", "tls_key"])
def test_certificate_and_key_go_together(alone: str, toml: Path) -> None:
    toml.touch()
    with pytest.raises(ConfigError, match="tls_cert and tls_key go together"):
        load({alone: toml}, {})
    assert load({"tls_cert": toml, "tls_key": toml}, {}).tls == (toml, toml)


def test_without_a_certificate_there_is_no_tls() -> None:
    assert Config().tls is None


@pytest.mark.parametrize(
    ("cli", "environ"),
    [
        ({"data": "/srv/cove"}, {"COVE_EPHEMERAL": "1"}),
        ({"ephemeral": True}, {"COVE_DATABASE_URL": "sqlite:////srv/cove.db"}),
        ({"ephemeral": True}, {"COVE_STORAGE_URL": "file:///srv"}),
    ],
)
def test_ephemeral_does_not_hide_a_place_that_was_chosen(cli: dict[str, object], environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="ephemeral uses a temporary folder"):
        load(cli, environ)


def test_ephemeral_passes_by_the_data_folder_that_an_image_sets_in_its_environment() -> None:
    assert load({"ephemeral": True}, {"COVE_DATA": "/data"}).ephemeral


def test_records_are_in_the_data_folder_or_where_the_address_says() -> None:
    assert Config(data=Path("/srv")).database_path == Path("/srv/cove.db")
    assert Config(database_url="sqlite:////var/records.db").database_path == Path("/var/records.db")
    assert Config(database_url="sqlite:////var/records.db").postgres_url is None
    assert Config(database_url="postgresql://db/cove").postgres_url == "postgresql://db/cove"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({}, True),
        ({"database_url": "postgresql://db/cove"}, True),
        ({"storage_url": "s3://bucket"}, True),
        ({"database_url": "postgresql://db/cove", "storage_url": "s3://bucket"}, False),
        ({"database_url": "postgresql://db/cove", "storage_url": "s3://bucket", "workers": 2}, True),
    ],
)
def test_data_folder_is_used_unless_everything_is_elsewhere(given: dict[str, Any], *, used: bool) -> None:
    assert Config(**given).uses_data is used


def test_secrets_are_shown_nowhere(toml: Path) -> None:
    config = load(
        {},
        {
            "COVE_ADMIN_PASSWORD": "canary",
            "COVE_STORAGE_URL": "file:///canary",
            "COVE_DATABASE_URL": "postgresql://a:canary@b/c",
        },
    )
    assert "canary" not in repr(config)
    toml.write_text("admin_password = ['canary']")
    with pytest.raises(ConfigError) as refused:
        load({"config": toml}, {})
    assert "canary" not in str(refused.value)


def test_every_setting_has_one_line_of_help_that_ends_as_a_sentence() -> None:
    for setting in SETTINGS.values():
        assert setting.rule.help.endswith(".")
        assert "\n" not in setting.rule.help


def test_every_default_would_be_taken_if_it_were_given() -> None:
    environ = {setting.variable: setting.default for setting in SETTINGS.values()}
    assert load({}, environ) == Config()


def test_manifest_limit_is_the_one_that_clients_keep_to() -> None:
    from registry.oci.manifests import MANIFEST_LIMIT

    assert Config().manifest_limit_bytes == MANIFEST_LIMIT
