"""All stored secrets are sealed anew, or none is."""

import pytest
from cryptography.fernet import Fernet

from db.repositories import audit, clusters, customers
from services.access import LOCAL_ADMIN, Actor, Role
from services.errors import AccessDeniedError
from services.secrets import SealedSecretError, SecretBox, open_secret_box
from services.settings import Settings
from services.workflows.register_cluster import BearerToken, KubeAccess, NewCluster, add_cluster
from services.workflows.register_customer import NewCustomer, add_customer
from services.workflows.rotate_secrets import rotate_secrets
from tests.services.workflows.live import AT

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def fill(database, box):
    owner = NewCustomer(
        company="Acme",
        aws_access_key_id="AKIAEXAMPLEEXAMPLE00",
        aws_secret_access_key="the-secret",
    )
    customer = add_customer(database, owner, secrets=box, actor=LOCAL_ADMIN, at=AT)
    access = KubeAccess(endpoint="https://k8s.example", credential=BearerToken(token="the-token"))
    for name in ("one", "two"):
        new = NewCluster(name=name, access=access, customer_id=customer.id)
        add_cluster(database, new, secrets=box, actor=LOCAL_ADMIN, at=AT)


def sealed(database):
    with database.reader() as reader:
        return (
            customers.load_sealed_secret(reader, "acme"),
            clusters.load_access(reader, "one").sealed_credential,
            clusters.load_access(reader, "two").sealed_credential,
        )


def rotate(database, settings, *, new_key=False, actor=LOCAL_ADMIN):
    return rotate_secrets(database, settings, new_key=new_key, actor=actor, at=AT)


def test_every_secret_opens_with_the_new_key_alone_afterwards(database):
    fill(database, SecretBox([OLD]))

    rotated = rotate(database, Settings(encryption_key=f"{NEW},{OLD}"))

    newest = SecretBox([NEW])
    texts = [newest.open(one, what="it") for one in sealed(database)]
    assert texts[0] == "the-secret"
    assert all("the-token" in one for one in texts[1:])
    assert (rotated.customers, rotated.clusters, rotated.is_new_key) == (1, 2, False)
    with database.reader() as reader:
        assert audit.list_entries(reader)[0].action == "secrets.rotated"


def test_a_new_key_is_put_into_the_key_file_first(database, tmp_path):
    settings = Settings(encryption_key="", encryption_key_file=str(tmp_path / "keys"))
    fill(database, open_secret_box(settings))

    rotated = rotate(database, settings, new_key=True)

    newest = SecretBox([(tmp_path / "keys").read_text().split()[0]])
    assert rotated.is_new_key
    assert newest.open(sealed(database)[0], what="it") == "the-secret"


def test_one_secret_that_does_not_open_leaves_all_as_they_were(database):
    fill(database, SecretBox([OLD]))
    before = sealed(database)

    with pytest.raises(SealedSecretError, match="the credential of cluster 'one'"):
        rotate(database, Settings(encryption_key=NEW))

    assert sealed(database) == before


def test_only_an_admin_rotates(database):
    with pytest.raises(AccessDeniedError):
        rotate(
            database,
            Settings(encryption_key=NEW),
            actor=Actor(name="ops", role=Role.OPERATOR),
        )
