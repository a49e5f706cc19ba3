"""Secrets are sealed with keys that only their owner can read, and never show themselves."""

import subprocess
import sys

import pytest
from cryptography.fernet import Fernet

from services.errors import ConfigurationError
from services.secrets import SealedSecretError, SecretBox, add_key, key_file, open_secret_box
from services.settings import ROOT, Settings

TOKEN = "token-of-the-test"
OPEN_AT_ONCE = (
    "import sys\n"
    "from services.secrets import open_secret_box\n"
    "from services.settings import Settings\n"
    "settings = Settings(encryption_key_file=sys.argv[1])\n"
    "print('ready', flush=True)\n"
    "sys.stdin.readline()\n"
    "print(open_secret_box(settings).seal('x'))\n"
)


def a_key():
    return Fernet.generate_key().decode()


@pytest.fixture
def with_file(tmp_path):
    """Settings whose keys live in a file that is not there yet."""
    return Settings(encryption_key="", encryption_key_file=str(tmp_path / "var" / "secret.key"))


def test_what_was_sealed_opens_again_and_carries_no_plain_part(with_file):
    box = open_secret_box(with_file)

    sealed = box.seal(TOKEN)

    assert box.open(sealed, what="the token") == TOKEN
    assert TOKEN not in sealed
    assert box.seal(TOKEN) != sealed


def test_the_key_file_is_made_once_for_its_owner_only(with_file):
    sealed = open_secret_box(with_file).seal(TOKEN)

    assert key_file(with_file).stat().st_mode & 0o777 == 0o600
    assert open_secret_box(with_file).open(sealed, what="the token") == TOKEN
    assert list(key_file(with_file).parent.iterdir()) == [key_file(with_file)]


def test_processes_that_start_together_share_one_key(with_file):
    command = [sys.executable, "-c", OPEN_AT_ONCE, with_file.encryption_key_file]
    processes = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    ready = [process.stdout.readline() for process in processes]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    sealed = [process.communicate()[0].strip() for process in processes]

    box = open_secret_box(with_file)
    assert ready == ["ready\n"] * 4
    assert [box.open(one, what="it") for one in sealed] == ["x"] * 4
    assert len(key_file(with_file).read_text().split()) == 1


@pytest.mark.parametrize(("mode", "is_refused"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_key_file_that_others_can_read_is_refused(with_file, mode, is_refused):
    open_secret_box(with_file)
    path = key_file(with_file)
    path.chmod(mode)

    if not is_refused:
        assert open_secret_box(with_file).open
        return
    with pytest.raises(ConfigurationError, match="can be read by others") as refusal:
        open_secret_box(with_file)
    assert f"chmod 600 {path}" in refusal.value.next_step


def test_the_newest_key_seals_and_each_key_opens():
    old, new = a_key(), a_key()
    sealed_before = SecretBox([old]).seal(TOKEN)

    both = open_secret_box(Settings(encryption_key=f"{new}, {old}"))
    resealed = both.reseal(sealed_before, what="the token")

    assert both.open(sealed_before, what="the token") == TOKEN
    assert SecretBox([new]).open(resealed, what="the token") == TOKEN
    with pytest.raises(SealedSecretError):
        SecretBox([new]).open(sealed_before, what="the token")


def test_a_new_key_stands_before_those_of_the_file(with_file):
    sealed_before = open_secret_box(with_file).seal(TOKEN)
    (old,) = key_file(with_file).read_text().split()

    box = add_key(with_file)

    new, kept = key_file(with_file).read_text().split()
    assert kept == old
    assert SecretBox([new]).open(box.seal(TOKEN), what="it") == TOKEN
    assert box.open(sealed_before, what="it") == TOKEN
    assert key_file(with_file).stat().st_mode & 0o777 == 0o600


def test_a_process_that_runs_on_opens_what_another_sealed_with_a_new_key(with_file):
    running = open_secret_box(with_file)

    resealed = add_key(with_file).seal(TOKEN)

    assert running.open(resealed, what="it") == TOKEN


def test_keys_of_the_environment_are_the_operators_to_change():
    with pytest.raises(ConfigurationError, match="ENCRYPTION_KEY") as refusal:
        add_key(Settings(encryption_key=a_key()))

    assert "put a new key before the others" in refusal.value.next_step


@pytest.mark.parametrize("damaged", ["", "no token at all", "gAAAAABl" + "A" * 80])
def test_a_wrong_key_or_a_damaged_text_gives_an_error_and_no_garbage(damaged):
    box = SecretBox([a_key()])

    with pytest.raises(SealedSecretError, match="the token of cluster 'prod'") as refusal:
        box.open(damaged, what="the token of cluster 'prod'")
    with pytest.raises(SealedSecretError):
        box.reseal(damaged, what="the token of cluster 'prod'")

    assert "bring the old key back" in refusal.value.next_step


@pytest.mark.parametrize("keys", ["short", ",", "ä" * 44])
def test_a_key_that_is_none_is_refused_by_the_name_of_its_setting(keys):
    with pytest.raises(ConfigurationError, match="ENCRYPTION_KEY") as refusal:
        open_secret_box(Settings(encryption_key=keys))

    assert keys not in refusal.value.problem or keys == ","
    assert "Fernet.generate_key" in refusal.value.next_step


@pytest.mark.parametrize("content", ["", "no key\n", b"\xff\xfe"])
def test_a_key_file_without_a_key_is_refused_by_its_name(with_file, content):
    open_secret_box(with_file)
    path = key_file(with_file)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(ConfigurationError, match=str(path)):
        open_secret_box(with_file)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    settings = Settings(encryption_key="", encryption_key_file=str(tmp_path / "file" / "key"))

    with pytest.raises(ConfigurationError, match="cannot be used") as refusal:
        open_secret_box(settings)

    assert "ENCRYPTION_KEY_FILE" in refusal.value.next_step


def test_nothing_shows_a_key():
    key = a_key()
    box = SecretBox([key])

    assert repr(box) == str(box) == "SecretBox()"
    assert key not in repr(Settings(encryption_key=key))
