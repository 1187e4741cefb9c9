use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;
use crate::gateway::connection::Connection;

const SOON: Duration = Duration::from_secs(10);
const POST: &[u8] = b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nring";

fn connect(receiver: &FakeReceiver) -> Connection {
    Connection::open(([127, 0, 0, 1], receiver.port()).into())
}

#[test]
fn deliveries_are_kept_and_answered_by_the_script_then_with_200() {
    let receiver = FakeReceiver::start_plain();
    assert_eq!(receiver.url(), format!("http://127.0.0.1:{}/hook", receiver.port()));
    receiver.answer_with(&[500, 204]).next(Reaction::Full {
        code: 429,
        headers: vec![("Retry-After".to_owned(), "7".to_owned())],
        body: b"slow down".to_vec(),
    });
    let mut connection = connect(&receiver);
    let mut send = || {
        connection.send(POST);
        connection.reply()
    };
    assert_eq!([send().status, send().status], [500, 204]);
    let limited = send();
    assert_eq!((limited.status, limited.headers.get("retry-after"), limited.text()), (429, Some("7"), "slow down"));
    assert_eq!(send().status, 200);
    let deliveries = receiver.wait_for_blocking(4, SOON);
    assert!(deliveries.iter().all(|delivery| delivery.body == b"ring"));
    assert!(deliveries.windows(2).all(|pair| pair[0].arrived <= pair[1].arrived));
    receiver.expect_no_more_than(4, Duration::from_millis(30));
}

#[tokio::test(start_paused = true)]
async fn waiting_takes_real_time_even_where_the_clock_is_paused() {
    let receiver = FakeReceiver::start_plain();
    let mut connection = connect(&receiver);
    let sender = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        connection.send(POST);
        connection.reply().status
    });
    assert_eq!(receiver.wait_for(1, SOON).await.len(), 1);
    assert_eq!(sender.join().unwrap(), 200);
}

#[test]
fn tls_works_for_both_names_and_only_with_the_authority() {
    let receiver = FakeReceiver::start_tls();
    assert!(receiver.url_at("localhost", "/a").starts_with("https://localhost:"));
    let stranger = Authority::new().ca_pem();
    for (name, pem, trusted) in [
        ("127.0.0.1", receiver.ca_pem(), true),
        ("localhost", receiver.ca_pem(), true),
        ("example.com", receiver.ca_pem(), false),
        ("localhost", stranger, false),
    ] {
        assert_eq!(exchange(&receiver, name, &pem).is_ok(), trusted, "{name}");
    }
    assert_eq!(receiver.deliveries().len(), 2);
}

fn exchange(receiver: &FakeReceiver, name: &'static str, ca_pem: &str) -> io::Result<()> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", receiver.port()))?;
    socket.set_read_timeout(Some(SOON))?;
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(POST)?;
    let mut answer = [0; 15];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    Ok(())
}
