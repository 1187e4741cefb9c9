use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::EgressConfig;
use crate::address::AddressClass;
use crate::policy::{MAIL_PORTS, NAMED_ONLY, Policy};
use crate::refused::UNIFORM_REFUSAL;
use crate::resolve::ResolveError;
use crate::zoo::{Act, Authority, Receiver, SHORT, Script};

/// Time that no test should need, so that a call that hangs fails its test.
const LONG: Duration = Duration::from_secs(20);

fn egress(entries: &[&str], script: std::sync::Arc<Script>) -> Egress {
    let policy = Policy::new(entries.iter().map(|entry| entry.parse().unwrap()).collect());
    Egress::with_resolver(EgressConfig { policy, ..EgressConfig::default() }, script).unwrap()
}

async fn refused(egress: &Egress, host: &str, port: u16) -> Refused {
    match egress.connect(host, port, LONG).await {
        Err(SendErrorKind::Refused(refused)) => refused,
        other => panic!("{host}:{port} {other:?}"),
    }
}

fn inside(ip: &str, class: AddressClass) -> Refused {
    Refused::Address { ip: ip.parse().unwrap(), class }
}

#[tokio::test]
async fn a_mail_server_that_an_exception_allows_is_reached_by_name_and_by_address() {
    let receiver = Receiver::plain(Act::Shout(b"220 mail.example ESMTP\r\n".to_vec()));
    let port = receiver.address.port();
    // Mail needs no `+http`, for its client encrypts.
    let egress = egress(&[&format!("127.0.0.1/32:{port}")], Script::new(&[&["127.0.0.1"]]));
    for host in ["mail.example", "MAIL.example.", "mail", "localhost", "127.0.0.1", "[::ffff:7f00:1]", "::ffff:7f00:1"]
    {
        let mut stream = egress.connect(host, port, LONG).await.unwrap_or_else(|error| panic!("{host} {error:?}"));
        let mut greeting = [0; 4];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"220 ");
        stream.write_all(b"EHLO\r\n").await.unwrap();
        assert!(stream.nodelay().unwrap());
    }
    assert_eq!(receiver.accepted(), 7);
}

#[test]
fn public_addresses_are_open_on_the_ports_of_mail_and_for_mail_alone() {
    let policy = Policy::default();
    for ip in ["8.8.8.8", "2606:4700::1"] {
        let ip: IpAddr = ip.parse().unwrap();
        for port in MAIL_PORTS {
            assert_eq!(policy.permits_address(ip, *port, Speech::Mail), Ok(()), "{port}");
            assert_eq!(policy.permits_name(false, *port, Speech::Mail), Ok(()), "{port}");
            assert_eq!(policy.permits(ip, *port, true), Err(Refused::Port(*port)));
            assert_eq!(policy.permits(ip, *port, false), Err(Refused::HttpNotAllowed));
        }
    }
}

#[tokio::test]
async fn every_other_port_is_refused_before_the_name_is_asked_for() {
    let script = Script::new(&[&["8.8.8.8"]]);
    let egress = egress(&[], script.clone());
    for port in NAMED_ONLY.iter().filter(|port| !MAIL_PORTS.contains(port)).chain(&[0, 24, 26, 80, 443, 8443, 65535]) {
        assert_eq!(refused(&egress, "mail.example", *port).await, Refused::Port(*port));
        assert_eq!(refused(&egress, "8.8.8.8", *port).await, Refused::Port(*port));
    }
    assert!(script.asked().is_empty());
}

#[tokio::test]
async fn a_mail_server_inside_needs_an_exception_for_its_address_and_port() {
    let script = Script::new(&[&["8.8.8.8", "10.0.0.1"]]);
    let open = egress(&["10.0.0.0/8:587", "0.0.0.0/0:26", "10.0.0.0/8:*"], script.clone());
    for port in MAIL_PORTS {
        assert_eq!(refused(&open, "192.168.0.1", *port).await, inside("192.168.0.1", AddressClass::Private));
        assert_eq!(refused(&open, "169.254.169.254", *port).await, inside("169.254.169.254", AddressClass::Metadata));
        assert_eq!(refused(&open, "::1", *port).await, inside("::1", AddressClass::Loopback));
    }
    // `*` does not open port 25 inside, and a port that is open to public addresses is open to nothing inside.
    assert_eq!(refused(&open, "10.0.0.1", 25).await, inside("10.0.0.1", AddressClass::Private));
    assert_eq!(refused(&open, "127.0.0.1", 26).await, inside("127.0.0.1", AddressClass::Loopback));
    assert_eq!(refused(&open, "mail.internal", 25).await, Refused::Name);
    assert_eq!(refused(&open, "mail", 25).await, Refused::Name);
    assert!(script.asked().is_empty());
    // One address of two is inside.
    assert_eq!(refused(&open, "mail.example", 25).await, inside("10.0.0.1", AddressClass::Private));
    // A name of the inside with an address that no exception covers.
    assert_eq!(refused(&open, "mail.internal", 587).await, Refused::Name);
}

#[tokio::test]
async fn a_mail_server_is_judged_when_it_is_stored() {
    let script = Script::new(&[&["127.0.0.1"], &["127.0.0.2"], &["8.8.8.8"]]);
    let egress = egress(&["127.0.0.1/32:2525", "0.0.0.0/0:26"], script.clone());
    // The usual case is left to what the name is when it is called.
    assert_eq!(egress.judge_mail_server("mail.example", 587).await, Ok(()));
    assert_eq!(egress.judge_mail_server("mail.example", 443).await, Err(Refused::Port(443)));
    assert_eq!(egress.judge_mail_server("mail", 587).await, Err(Refused::Name));
    assert_eq!(egress.judge_mail_server("10.0.0.1", 25).await, Err(inside("10.0.0.1", AddressClass::Private)));
    assert!(script.asked().is_empty());
    assert_eq!(egress.judge_mail_server("mail.internal", 2525).await, Ok(()));
    let refusal = egress.judge_mail_server("mail.internal", 2525).await.unwrap_err();
    assert_eq!((&refusal, refusal.tenant_text()), (&Refused::Name, UNIFORM_REFUSAL.to_owned()));
    assert_eq!(egress.judge_mail_server("mail.example", 26).await, Ok(()));
    assert_eq!(script.asked(), ["mail.internal", "mail.internal", "mail.example"]);
}

#[tokio::test]
async fn a_host_that_parsers_disagree_about_is_refused() {
    let egress = egress(&["127.0.0.1/32:*"], Script::new(&[]));
    for (host, refusal) in [
        ("127.1", Refused::HostRewritten),
        ("2130706433", Refused::HostRewritten),
        ("0x7f.1", Refused::HostRewritten),
        ("0177.0.0.1", Refused::HostRewritten),
        ("127.0.0.1.", Refused::HostRewritten),
        ("\u{ff11}27.0.0.1", Refused::HostRewritten),
        ("%6cocalhost", Refused::HostRewritten),
        ("[0:0::1]", Refused::HostRewritten),
        ("mail.example:25", Refused::Unparsable),
        ("user@mail.example", Refused::Unparsable),
        ("mail.example/x", Refused::Unparsable),
        ("mail.example#x", Refused::Unparsable),
        ("[127.0.0.1]", Refused::Unparsable),
        ("[::1", Refused::Unparsable),
        ("fe80::1%eth0", Refused::Unparsable),
        ("256.0.0.1", Refused::Unparsable),
        ("", Refused::Unparsable),
        ("a..b", Refused::HostForm),
        ("mail.example\r\nRCPT TO:<x>", Refused::ForbiddenByte),
        ("mail.example ", Refused::ForbiddenByte),
        ("mail.example\0", Refused::ForbiddenByte),
        ("mail\\example", Refused::ForbiddenByte),
    ] {
        assert_eq!(refused(&egress, host, 465).await, refusal, "{host:?}");
    }
    assert_eq!(refused(&egress, &"a.".repeat(2000), 465).await, Refused::TooLong);
}

#[tokio::test]
async fn a_deadline_bounds_the_lookup_and_a_name_without_addresses_is_told() {
    let silent = egress(&[], Script::new(&[]));
    let ended = silent.connect("mail.example", 25, SHORT).await;
    assert!(matches!(ended, Err(SendErrorKind::Timeout { phase: crate::phases::Phase::Dns })), "{ended:?}");
    let nowhere = egress(&[], Script::new(&[&[]]));
    let ended = nowhere.connect("mail.example", 25, LONG).await;
    assert!(matches!(ended, Err(SendErrorKind::Dns(ResolveError::Empty))), "{ended:?}");
}

#[tokio::test]
async fn a_closed_port_is_an_error_of_connecting() {
    // Bound and never listening, so that nobody else gets the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let egress = egress(&["127.0.0.1/32:*"], Script::new(&[]));
    let ended = egress.connect("127.0.0.1", port, LONG).await;
    assert!(matches!(ended, Err(SendErrorKind::Connect(_))), "{ended:?}");
}

#[test]
fn the_roots_of_the_operator_are_handed_on() {
    let pem = Authority::new().pem;
    let config = EgressConfig { extra_roots_pem: Some(pem.clone().into_bytes()), ..EgressConfig::default() };
    assert_eq!(Egress::new(config).unwrap().extra_roots(), Some(pem.as_bytes()));
    assert_eq!(Egress::new(EgressConfig::default()).unwrap().extra_roots(), None);
}
