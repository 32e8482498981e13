"""Images made by hand, as `docker load`, containerd and kind read them."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from cluster import images
from cluster.images import Image
from cluster.rootfs import Layer


def fill(layer: Layer) -> None:
    layer.folder("tmp", 0o1777)
    layer.text("etc/motd", "grüß dich\n")
    layer.link("bin/sh", "busybox")


IMAGE = Image(("localhost/a:1", "b:2"), fill, ("sh", "-c", "true"), ("PATH=/bin",), user="1:1")


def layer_of(archive: Path) -> tuple[dict[str, object], bytes]:
    with tarfile.open(archive) as outer:
        config = json.load(outer.extractfile("config.json"))
        return config, outer.extractfile("layer.tar").read()


def test_the_archive_names_its_parts(tmp_path: Path) -> None:
    archive = images.archive(IMAGE, tmp_path / "a.tar")
    with tarfile.open(archive) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))
    assert manifest == [{"Config": "config.json", "RepoTags": ["localhost/a:1", "b:2"], "Layers": ["layer.tar"]}]


def test_the_configuration_fits_the_layer(tmp_path: Path) -> None:
    config, layer = layer_of(images.archive(IMAGE, tmp_path / "a.tar"))
    assert config["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    assert config["config"] == {"Cmd": ["sh", "-c", "true"], "Env": ["PATH=/bin"], "WorkingDir": "/", "User": "1:1"}
    assert config["os"] == "linux"


def test_a_layer_keeps_modes_links_and_text(tmp_path: Path) -> None:
    _, layer = layer_of(images.archive(IMAGE, tmp_path / "a.tar"))
    with tarfile.open(fileobj=io.BytesIO(layer)) as inner:
        members = {member.name: member for member in inner}
        assert inner.extractfile("etc/motd").read().decode() == "grüß dich\n"
    assert members["tmp"].mode == 0o1777
    assert members["tmp"].isdir()
    assert members["bin/sh"].linkname == "busybox"
    assert {member.uid for member in members.values()} == {0}


def test_an_image_is_made_once(tmp_path: Path) -> None:
    first = images.archive(IMAGE, tmp_path / "a.tar").stat().st_mtime_ns
    assert images.archive(IMAGE, tmp_path / "a.tar").stat().st_mtime_ns == first


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    def fail(_layer: Layer) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        images.archive(Image(("a:1",), fail, ()), tmp_path / "a.tar")
    assert list(tmp_path.iterdir()) == []


def test_a_tree_brings_no_tests_and_no_caches(tmp_path: Path) -> None:
    for name in ("a/b.py", "a/test/c.py", "a/__pycache__/d.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        layer = Layer(archive)
        layer.tree("/lib", tmp_path / "a")
        layer.tree("/lib", tmp_path / "a")
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive:
        assert archive.getnames() == ["lib/b.py"]


def test_the_image_names_are_ours_only_where_they_can_be_made() -> None:
    assert images.names(own=True)["DEMO_IMAGE"] in {name for each in images.standard() for name in each.names}
    assert images.names(own=False) == {"DEMO_IMAGE": images.EXAMPLES_IMAGE, "PYTHON_IMAGE": "python:3.13-slim"}
