from registry.oci.tars import Entry
from registry.oci.trees import Difference, LayerChanges, Tree, differences, merge


def file(path: str, content: str = "", mode: int = 0o644) -> Entry:
    return Entry(path, "file", mode, len(content), "", content)


def folder(path: str, mode: int = 0o755) -> Entry:
    return Entry(path, "folder", mode)


def paths(tree: Tree) -> set[str]:
    return {each.path for each in differences(merge([]), tree)}


def test_files_of_all_layers_are_in_one_tree_with_the_sizes_of_its_folders() -> None:
    tree = merge([[folder("a"), file("a/1", "xx")], [file("a/b/2", "yyy"), file("3", "z")]])
    assert {path: node.total for path in ("", "a", "a/b", "3") if (node := tree.find(path))} == {
        "": 6,
        "a": 5,
        "a/b": 3,
        "3": 1,
    }
    assert tree.find("a/1/2") is None
    assert [each.added for each in tree.layers] == [{"a": 0, "a/1": 2}, {"3": 1, "a/b": 0, "a/b/2": 3}]


def test_file_that_is_put_anew_is_changed_and_the_bytes_below_it_are_wasted() -> None:
    tree = merge([[file("a", "four")], [file("a", "five5")]])
    assert tree.layers == [LayerChanges({"a": 4}, {}, [], 4), LayerChanges({}, {"a": 5}, [], 0)]
    assert tree.root.total == 5


def test_whiteout_removes_what_is_below_with_all_that_is_in_it() -> None:
    tree = merge([[file("a/b/1", "xx"), file("a/2", "y")], [Entry("a/b", "whiteout")]])
    assert tree.layers[1] == LayerChanges({}, {}, ["a/b", "a/b/1"], 0)
    assert tree.layers[0].wasted == 2
    assert paths(tree) == {"a/2"}


def test_whiteout_spares_what_its_own_layer_has_wherever_it_stands() -> None:
    for order in (1, -1):
        upper = [file("a", "new"), Entry("a", "whiteout")][::order]
        tree = merge([[file("a", "old")], upper])
        assert tree.layers[1] == LayerChanges({}, {"a": 3}, [], 0)
        assert paths(tree) == {"a"}


def test_opaque_folder_hides_all_that_is_below_it() -> None:
    tree = merge([[file("a/1", "xx"), file("a/2", "y"), file("3")], [file("a/2", "z"), Entry("a", "opaque")]])
    assert tree.layers[1] == LayerChanges({}, {"a/2": 1}, ["a/1"], 0)
    assert tree.layers[0].wasted == 3
    assert paths(tree) == {"a/2", "3"}


def test_opaque_root_hides_everything() -> None:
    assert paths(merge([[file("a"), folder("b")], [Entry("", "opaque"), file("c")]])) == {"c"}


def test_whiteout_of_what_is_not_there_removes_nothing() -> None:
    tree = merge([[Entry("a", "whiteout"), Entry("b/c", "whiteout"), Entry("d", "opaque")]])
    assert tree.layers == [LayerChanges({}, {}, [], 0)]


def test_folder_that_a_layer_repeats_is_unchanged_unless_its_mode_differs() -> None:
    tree = merge([[folder("a"), file("a/1")], [folder("a"), file("a/2")], [folder("a", 0o700)]])
    assert [each.changed for each in tree.layers] == [{}, {}, {"a": 0}]
    assert paths(tree) == {"a", "a/1", "a/2"}


def test_file_in_place_of_a_folder_removes_what_was_in_it_and_the_other_way_round() -> None:
    tree = merge([[file("a/1", "xx"), file("b", "yyy")], [file("a", "z"), file("b/2")]])
    assert tree.layers[1] == LayerChanges({"b/2": 0}, {"a": 1, "b": 0}, ["a/1"], 0)
    assert tree.layers[0].wasted == 5
    assert paths(tree) == {"a", "b/2"}


def test_of_a_path_that_a_layer_has_twice_the_last_holds_and_the_first_is_wasted() -> None:
    tree = merge([[file("a/1", "one"), file("a", "three")]])
    assert tree.layers == [LayerChanges({"a": 5}, {}, [], 3)]
    assert paths(tree) == {"a"}


def test_images_differ_in_what_is_there_and_in_content_and_mode() -> None:
    before = merge([[file("same", "x"), file("content", "x"), file("mode"), file("old")]])
    after = merge([[file("same", "x"), file("content", "y"), file("mode", "", 0o600), file("new")]])
    assert list(differences(before, after)) == [
        Difference("content", file("content", "x"), file("content", "y")),
        Difference("mode", file("mode"), file("mode", "", 0o600)),
        Difference("new", None, file("new")),
        Difference("old", file("old"), None),
    ]


def test_what_differs_is_told_in_bytewise_order() -> None:
    assert [each.path for each in differences(merge([]), merge([[file("b/1"), file("a"), file("b.c")]]))] == [
        "a",
        "b.c",
        "b/1",
    ]
