from msgspec.structs import replace

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.operator.store import Store
from tests.support.builders import UID, make_instance

KEY = Key("team", "demo")
UNREAD = ObjectMeta(name="demo", namespace="team", uid=UID, resource_version="7")


def at_version(version: int, uid: str = UID) -> WorkspaceInstance:
    instance = make_instance()
    return replace(instance, metadata=replace(instance.metadata, resource_version=str(version), uid=uid))


def store_with(*instances: WorkspaceInstance) -> Store[WorkspaceInstance]:
    store: Store[WorkspaceInstance] = Store()
    for instance in instances:
        store.put(instance)
    return store


def test_an_older_version_never_replaces_a_newer_one() -> None:
    newer, older = at_version(10), at_version(9)
    assert store_with(newer, older).get(KEY) is newer
    assert store_with(older, newer).get(KEY) is newer


def test_a_successor_of_the_same_name_replaces_whatever_its_version() -> None:
    successor = at_version(3, uid="other")
    assert store_with(at_version(10), successor).get(KEY) is successor


def test_a_state_is_reported_once_however_many_tell_it() -> None:
    store = store_with()
    assert [store.hear(at_version(version)) for version in (10, 10, 9, 11)] == [True, False, False, True]


def test_the_answer_to_an_own_write_does_not_silence_the_report_of_what_others_wrote() -> None:
    store = store_with()
    store.hear(at_version(10))
    store.put(at_version(12))
    assert [store.hear(at_version(version)) for version in (11, 12)] == [True, True]


def test_a_successor_is_reported_whatever_its_version() -> None:
    store = store_with()
    store.hear(at_version(10))
    store.drop(KEY, UID)
    assert store.hear(at_version(3, uid="other"))


def test_a_late_deletion_does_not_take_the_successor() -> None:
    store = store_with(at_version(10, uid="new"))
    store.drop(KEY, "old")
    assert len(store) == 1
    store.drop(KEY, "new")
    assert (len(store), store.count("team"), store.keys_in("team")) == (0, 0, ())


def test_a_missed_deletion_is_found_by_a_complete_list() -> None:
    store = store_with(at_version(10))
    assert store.absent_from([(KEY, UID)]) == ()
    assert [known.key for known in store.absent_from([])] == [KEY]
    assert [known.key for known in store.absent_from([(KEY, "successor")])] == [KEY]


def test_an_unreadable_object_counts_as_seen() -> None:
    store = store_with()
    store.skip(UNREAD)
    assert (store.version(KEY), store.get(KEY)) == (7, None)


def test_an_object_is_unreadable_until_it_is_read_or_gone() -> None:
    store = store_with(at_version(6))
    store.skip(UNREAD, template="python")
    assert store.unreadable == {KEY: (UNREAD, "python")}
    store.put(at_version(6))
    assert store.unreadable != {}, "an older answer of our own says nothing about it"
    store.put(at_version(8))
    assert store.unreadable == {}
    store.skip(replace(UNREAD, resource_version="9"))
    store.drop(KEY, "predecessor")
    assert store.unreadable != {}
    store.drop(KEY, UID)
    assert (store.unreadable, len(store)) == ({}, 0)


def test_a_missed_deletion_of_an_unreadable_object_is_found() -> None:
    store = store_with()
    store.skip(UNREAD)
    assert store.absent_from([(KEY, UID)]) == ()
    assert store.absent_from([]) == (UNREAD,)


def test_each_change_is_told_and_an_outdated_one_is_not() -> None:
    told: list[tuple[WorkspaceInstance | None, WorkspaceInstance | None]] = []
    store: Store[WorkspaceInstance] = Store(on_change=lambda _, old, new: told.append((old, new)))
    first, second = at_version(10), at_version(11)
    for instance in (first, second, first):
        store.put(instance)
    store.skip(UNREAD)
    store.drop(KEY, UID)
    assert told == [(None, first), (first, second), (second, None), (second, None)]
