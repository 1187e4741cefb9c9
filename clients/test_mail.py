"""Alerts by mail, sent to a real SMTP server (`aiosmtpd`) over STARTTLS with a certificate of our own authority."""

import datetime
import email
import email.policy
import ipaddress
import ssl
import threading
import time

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from alarm import Alarm
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from gateway import Gateway

WAIT_SECONDS = 20
USER, PASSWORD = "wardbell", "correct horse battery staple"
FROM = "bell@wardbell.example"
TO = ["ops@example.com", "security@example.com"]


class Authority:
    """A certificate authority and one server certificate of it, for 127.0.0.1."""

    def __init__(self, folder):
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])

        def certificate(name, public_key):
            return (
                x509.CertificateBuilder().subject_name(name).issuer_name(root_name).public_key(public_key)
                .serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
            )

        root = certificate(root_name, root_key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True,
        ).sign(root_key, hashes.SHA256())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail server")])
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        server = certificate(name, key.public_key()).add_extension(address, critical=False).sign(root_key, hashes.SHA256())
        self.roots = folder / "roots.pem"
        self.roots.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        chain = folder / "server.pem"
        chain.write_bytes(server.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption(),
        ))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain)


class Box:
    """A mail server that keeps what comes. `answers` are its replies to the first mails; then it takes them all."""

    def __init__(self, authority, has_tls=True):
        self.mails, self.tried, self.answers = [], 0, []
        self.came = threading.Condition()
        box = self

        class Handler:
            async def handle_DATA(self, server, session, envelope):
                with box.came:
                    box.tried += 1
                    answer = box.answers.pop(0) if box.answers else "250 taken"
                    if answer.startswith("2"):
                        box.mails.append((session, envelope))
                    box.came.notify_all()
                return answer

        def authenticate(server, session, envelope, mechanism, data):
            return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)

        class Server(Controller):
            def factory(self):
                return SMTP(
                    self.handler, hostname="mail.example", authenticator=authenticate, auth_required=has_tls,
                    tls_context=authority.context if has_tls else None, require_starttls=has_tls,
                )

            def _trigger_server(self):
                # The port is the system's choice; the controller would call the one it was told.
                self.port = self.server.sockets[0].getsockname()[1]
                super()._trigger_server()

        self.controller = Server(Handler(), hostname="127.0.0.1", port=0)
        self.controller.start()

    @property
    def port(self):
        return self.controller.port

    def wait_for(self, number):
        """The mails, once there are so many: who was logged in over TLS, the envelope, and the parsed message."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.mails) >= number, WAIT_SECONDS), f"{len(self.mails)} mails came"
            return [(session, envelope, parse(envelope.content)) for session, envelope in self.mails]

    def stop(self):
        self.controller.stop()


def parse(content):
    """Reads a message as strictly as Python can."""
    return email.message_from_bytes(content, policy=email.policy.SMTP.clone(raise_on_defect=True))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def mail(request, binary, authority, site, stops, tmp_path):
    """Starts a mail server and a gateway that mails through it, with one webhook of format `email`."""
    def start(has_tls=True, **settings):
        box = Box(authority, has_tls)
        stops.append(box)
        gateway = Gateway(binary, tmp_path, **{
            "WARDBELL_EGRESS_EXTRA_ROOTS": str(authority.roots), "WARDBELL_SMTP_HOST": "127.0.0.1",
            "WARDBELL_SMTP_PORT": str(box.port), "WARDBELL_SMTP_FROM": FROM, "WARDBELL_SMTP_USER": USER,
            "WARDBELL_SMTP_PASSWORD": PASSWORD, **settings,
        })
        stops.append(gateway)
        alarm = Alarm(gateway, request.node.name[:60], site.provider.url)
        # This retry profile gives a mail up at once that is refused for good.
        webhook = {"format": "email", "to": TO, "custom_message": "Look at this", "retry": "lockllm"}
        alarm.gateway.api("POST", alarm.webhooks, webhook)
        return box, alarm

    return start


def deliveries(alarm, state):
    """The deliveries in a state, once there is one."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        found = alarm.gateway.api("GET", f"/projects/{alarm.project}/deliveries?state={state}")["data"]
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"no delivery became {state}")


def attempts(alarm, delivery):
    return alarm.gateway.api("GET", f"/projects/{alarm.project}/deliveries/{delivery['id']}")["attempts"]


def test_an_alert_is_mailed_over_tls_to_everyone_named(mail):
    box, alarm = mail()
    request = alarm.ring()
    (session, envelope, message), = box.wait_for(1)
    assert session.ssl is not None and session.authenticated
    assert (envelope.mail_from, envelope.rcpt_tos) == (FROM, TO)
    assert message["from"] == FROM and [to.addr_spec for to in message["to"].addresses] == TO
    assert message["subject"].startswith("[Wardbell] Look at this")
    assert message["auto-submitted"] == "auto-generated"
    text = message.get_body(("plain",)).get_content()
    page = message.get_body(("html",)).get_content()
    for part in (text, page):
        assert "US_SSN" in part and request in part
        assert "536-22-8726" not in part and "jane.doe" not in part
    assert len(deliveries(alarm, "delivered")) == 1


def test_a_mail_that_cannot_be_taken_now_is_sent_again_under_its_own_id(mail):
    box, alarm = mail()
    box.answers = ["451 try again later"]
    alarm.ring()
    (_, _, message), = box.wait_for(1)
    assert box.tried == 2
    delivery, = deliveries(alarm, "delivered")
    first, second = attempts(alarm, delivery)
    assert first["status"] == 451 and "451" in first["error"] and second["status"] == 250
    assert delivery["id"].split("_")[-1] in message["message-id"]


def test_a_mail_that_is_refused_for_good_is_a_dead_letter(mail):
    box, alarm = mail()
    box.answers = ["554 no"]
    alarm.ring()
    delivery, = deliveries(alarm, "dead")
    attempt, = attempts(alarm, delivery)
    assert "554" in attempt["error"] and box.mails == []


def test_a_server_without_starttls_gets_no_mail_and_no_password(mail):
    box, alarm = mail(has_tls=False)
    alarm.ring()
    delivery, = deliveries(alarm, "dead")
    assert "STARTTLS" in attempts(alarm, delivery)[0]["error"]
    assert (box.mails, box.tried) == ([], 0)


def test_a_server_of_an_unknown_authority_gets_no_mail(mail, tmp_path):
    nobody = tmp_path / "nobody"
    nobody.mkdir()
    box, alarm = mail(WARDBELL_EGRESS_EXTRA_ROOTS=str(Authority(nobody).roots))
    alarm.ring()
    delivery, = deliveries(alarm, "dead")
    assert "certificate" in attempts(alarm, delivery)[0]["error"] and (box.mails, box.tried) == ([], 0)


def test_a_wrong_password_is_told_without_it(mail):
    box, alarm = mail(WARDBELL_SMTP_PASSWORD="wrong horse")
    alarm.ring()
    delivery, = deliveries(alarm, "dead")
    attempt, = attempts(alarm, delivery)
    assert "535" in attempt["error"] and "wrong horse" not in str(attempt)
    assert "wrong horse" not in alarm.gateway.logs() and box.mails == []
