"""Where downloaded and unpacked models are kept."""

from espnet_probe import cache


def test_where_the_cache_is(monkeypatch, tmp_path, project_root):
    monkeypatch.delenv("ESPNET_PROBE_CACHE", raising=False)
    assert cache.cache_folder() == project_root / "tools" / "cache"
    module = tmp_path / "site-packages" / "espnet_probe" / "cache.py"
    monkeypatch.setattr(cache, "__file__", str(module))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / ".cache" / "espnet_probe"
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(tmp_path / "here"))
    assert cache.cache_folder() == tmp_path / "here"
