from contextlib import closing
from pathlib import Path

import pytest

from storage.digest import Digest
from storage.stores import open_store


@pytest.fixture
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("{root}/data", "data"),
        ("file://{root}/data", "data"),
        ("file:{root}/data", "data"),
        ("file://{root}/my%20data%3F", "my data?"),
        ("{root}/my%20data", "my%20data"),
        ("data", "data"),
    ],
)
def test_a_folder_is_named_by_a_file_url_or_a_plain_path(in_empty_folder: Path, url: str, folder: str) -> None:
    store = open_store(url.format(root=in_empty_folder))
    with closing(store.open_staged(store.stage())) as writer:
        writer.append(b"x")
        location = writer.commit(Digest.of(b"x"), 1)
    assert (in_empty_folder / folder / location).read_bytes() == b"x"


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/prefix", "s3:///secret", "s3://b?secret", "s3://b#secret"])
def test_a_wrong_s3_url_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ValueError, match="an S3 address is s3://bucket/prefix") as refusal:
        open_store(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("ftp://host/folder", "ftp:// is no place"),
        ("file://data", "'file://data' is no place"),
        ("file://host/data", "'file://host/data' is no place"),
        ("file:data", "'file:data' is no place"),
        ("file:///data?mode=1", "is no place"),
        ("file:///data#1", "is no place"),
        ("", "'' is no place"),
    ],
)
def test_any_other_url_is_refused_in_one_sentence_without_its_secrets(
    in_empty_folder: Path, url: str, named: str
) -> None:
    with pytest.raises(ValueError, match="use file:///absolute/folder") as refusal:
        open_store(url)
    assert named in str(refusal.value)
    assert "secret" not in str(refusal.value)
    assert list(in_empty_folder.iterdir()) == []
