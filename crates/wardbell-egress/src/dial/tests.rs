use super::*;
use crate::zoo::{Act, Receiver};

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn families_are_tried_by_turns_and_four_at_most() {
    for (judged, order) in [
        (&["::1"][..], &["::1"][..]),
        (&["1.1.1.1", "::1"], &["1.1.1.1", "::1"]),
        (&["::1", "::2", "::3", "1.1.1.1"], &["::1", "1.1.1.1", "::2", "::3"]),
        (&["1.1.1.1", "1.1.1.2", "::1", "::2", "::3"], &["1.1.1.1", "::1", "1.1.1.2", "::2"]),
        (&["::1", "::2", "::3", "::4", "::5"], &["::1", "::2", "::3", "::4"]),
        (&[], &[]),
    ] {
        assert_eq!(by_turns(&ips(judged)), ips(order), "{judged:?}");
    }
}

/// A dialler with no exceptions but these.
fn dialer(entries: &[&str]) -> Dialer {
    let policy = Policy::new(entries.iter().map(|entry| entry.parse().unwrap()).collect());
    let tls = crate::tls::client_config(None).unwrap();
    Dialer::new(Arc::new(policy), crate::zoo::Script::new(&[]), tls)
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_does_not_answer() {
    let receiver = Receiver::plain(Act::Hold);
    let port = receiver.address.port();
    let dialer = dialer(&["127.0.0.0/8:*+http"]);
    let to = crate::url::parse(&format!("http://receiver.example:{port}/"), dialer.policy()).unwrap();
    // Nobody listens on the first.
    let deadline = Instant::now() + std::time::Duration::from_secs(20);
    let stream = dialer.connect(to.target(), &ips(&["127.0.0.9", "127.0.0.1"]), deadline).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), receiver.address);
    assert!(stream.nodelay().unwrap() && SockRef::from(&stream).keepalive().unwrap());
}

#[tokio::test]
async fn a_connection_to_this_host_itself_is_refused_before_a_byte_is_sent() {
    let receiver = Receiver::plain(Act::Hold);
    let open = dialer(&["127.0.0.1/32:*+http"]);
    let to = crate::url::parse(&format!("http://127.0.0.1:{}/", receiver.address.port()), open.policy()).unwrap();
    let stream = TcpStream::connect(receiver.address).await.unwrap();
    assert!(open.inspect(to.target(), receiver.address.ip(), stream).is_ok());

    // As if the address were judged public: both ends are the same all the same.
    let stream = TcpStream::connect(receiver.address).await.unwrap();
    let outcome = dialer(&[]).inspect(to.target(), receiver.address.ip(), stream);
    assert!(matches!(outcome, Err(DialError::Refused(Refused::SelfConnection(_)))), "{outcome:?}");

    // The other end is not what was judged.
    let stream = TcpStream::connect(receiver.address).await.unwrap();
    let outcome = dialer(&[]).inspect(to.target(), "8.8.8.8".parse().unwrap(), stream);
    assert!(matches!(outcome, Err(DialError::Refused(Refused::Address { .. }))), "{outcome:?}");
}
