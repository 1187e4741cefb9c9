use super::*;
use crate::zoo::name_server::NameServer;

#[tokio::test]
async fn the_system_knows_this_host() {
    let found = SystemResolver::new().resolve("localhost").await.unwrap();
    assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
}

#[tokio::test]
async fn a_lookup_waits_for_a_place() {
    let resolver = SystemResolver::new();
    let all = u32::try_from(LOOKUPS_MAX).unwrap();
    let taken = Arc::clone(&resolver.places).acquire_many_owned(all).await.unwrap();
    let mut waiting = std::pin::pin!(resolver.resolve("localhost"));
    tokio::select! {
        biased;
        ended = &mut waiting => panic!("{ended:?}"),
        () = tokio::task::yield_now() => {}
    }
    drop(taken);
    assert!(waiting.await.is_ok());
    assert_eq!(resolver.places.available_permits(), LOOKUPS_MAX);
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn name_servers_give_all_addresses_of_both_kinds() {
    let server = NameServer::start(&[
        ("both.example", &[&["A 192.0.2.1", "AAAA 2001:db8::1", "A 192.0.2.2"]]),
        ("four.example", &[&["A 192.0.2.4"]]),
        ("six.example", &[&["AAAA 2001:db8::6"]]),
        ("chain.example", &[&["CNAME both.example"]]),
        ("half.example", &[&["HALF-CNAME six.example"]]),
        ("forged.example", &[&["FORGED 10.0.0.1", "A 192.0.2.5"]]),
        ("_under.score-.example", &[&["A 192.0.2.6"]]),
    ])
    .await;
    let resolver = server.resolver();
    for (name, found) in [
        ("both.example", &["192.0.2.1", "192.0.2.2", "2001:db8::1"][..]),
        ("four.example", &["192.0.2.4"]),
        ("six.example", &["2001:db8::6"]),
        ("chain.example", &["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
        ("half.example", &["2001:db8::6"]),
        ("forged.example", &["192.0.2.5"]),
        ("_under.score-.example", &["192.0.2.6"]),
    ] {
        assert_eq!(resolver.resolve(name).await.unwrap(), ips(found), "{name}");
    }
}

#[tokio::test]
async fn a_name_is_asked_for_as_it_is_and_no_answer_is_kept() {
    let server = NameServer::start(&[("four.example", &[&["A 192.0.2.4"], &["A 192.0.2.5"]])]).await;
    let resolver = server.resolver();
    assert_eq!(resolver.resolve("four.example").await.unwrap(), ips(&["192.0.2.4"]));
    assert_eq!(resolver.resolve("four.example").await.unwrap(), ips(&["192.0.2.5"]));
    // Nothing here knows these, and nothing is put after them.
    for name in ["nowhere.example", "single", "printer.local"] {
        let ended = resolver.resolve(name).await;
        assert!(matches!(ended, Err(ResolveError::Empty)), "{name} {ended:?}");
        assert!(matches!(resolver.resolve(name).await, Err(ResolveError::Empty)));
    }
    let name = |name: &str, kind| (name.to_owned(), kind);
    let asked: Vec<_> = ["four.example", "nowhere.example", "printer.local", "single"]
        .iter()
        .flat_map(|text| [name(text, "A"), name(text, "A"), name(text, "AAAA"), name(text, "AAAA")])
        .collect();
    assert_eq!(server.asked(), asked);
}

#[tokio::test]
async fn a_name_that_is_not_there_is_told_from_a_server_that_fails() {
    let server = NameServer::start(&[
        ("gone.example", &[&["NXDOMAIN"]]),
        ("bare.example", &[&[]]),
        ("dangling.example", &[&["CNAME gone.example"]]),
        ("fails.example", &[&["SERVFAIL"]]),
        ("refuses.example", &[&["REFUSED"]]),
        ("half.example", &[&["A 192.0.2.1", "AAAA-FAILS"]]),
        ("other-half.example", &[&["AAAA 2001:db8::1", "A-FAILS"]]),
        ("garbage.example", &[&["GARBAGE"]]),
        ("cut.example", &[&["CUT"]]),
        ("loop.example", &[&["HALF-CNAME loop.example"]]),
    ])
    .await;
    let resolver = server.resolver();
    for (name, is_empty) in [
        ("gone.example", true),
        ("bare.example", true),
        ("dangling.example", true),
        ("unheard-of.example", true),
        ("fails.example", false),
        ("refuses.example", false),
        ("half.example", false),
        ("other-half.example", false),
        ("garbage.example", false),
        ("cut.example", false),
        ("loop.example", true),
    ] {
        match (resolver.resolve(name).await, is_empty) {
            (Err(ResolveError::Empty), true) | (Err(ResolveError::Failed(_)), false) => {}
            (other, _) => panic!("{name} {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_long_list_of_addresses_comes_over_tcp_and_is_cut_off() {
    let many: Vec<String> = (0..1000).map(|index| format!("A 192.0.{}.{}", index / 250, index % 250)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let most = &many[..ADDRESSES_MAX];
    let server = NameServer::start(&[("many.example", &[&many]), ("most.example", &[most])]).await;
    let resolver = server.resolver();
    // Again and again, though the server closes after each answer.
    for _ in 0..5 {
        assert_eq!(resolver.resolve("many.example").await.unwrap().len(), ADDRESSES_MAX + 1);
        assert_eq!(resolver.resolve("most.example").await.unwrap().len(), ADDRESSES_MAX);
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_failure_within_its_time() {
    let server = NameServer::start(&[("silent.example", &[&["SILENCE"]])]).await;
    let started = tokio::time::Instant::now();
    let ended = server.resolver().resolve("silent.example").await;
    assert!(matches!(&ended, Err(ResolveError::Failed(error)) if error.kind() == io::ErrorKind::TimedOut), "{ended:?}");
    assert!(started.elapsed() <= ANSWER_TIME_MAX + Duration::from_secs(1));
}

#[tokio::test]
async fn the_second_server_answers_when_the_first_is_dead() {
    let silent = NameServer::start(&[("four.example", &[&["SILENCE"]])]).await;
    let server = NameServer::start(&[("four.example", &[&["A 192.0.2.4"]])]).await;
    let resolver = NameServers::new(vec![silent.address, server.address]).unwrap();
    assert_eq!(resolver.resolve("four.example").await.unwrap(), ips(&["192.0.2.4"]));
}

#[tokio::test]
async fn the_second_server_answers_when_the_first_fails() {
    for failing in ["SERVFAIL", "REFUSED", "GARBAGE"] {
        let broken = NameServer::start(&[("four.example", &[&[failing]])]).await;
        let server = NameServer::start(&[("four.example", &[&["A 192.0.2.4"]])]).await;
        for servers in [vec![broken.address, server.address], vec![server.address, broken.address]] {
            let resolver = NameServers::new(servers).unwrap();
            for _ in 0..20 {
                assert_eq!(resolver.resolve("four.example").await.unwrap(), ips(&["192.0.2.4"]), "{failing}");
            }
        }
    }
}

#[tokio::test]
async fn localhost_is_loopback_and_no_server_is_asked() {
    let server = NameServer::start(&[("localhost", &[&["A 8.8.8.8"]])]).await;
    for name in ["localhost", "x.localhost"] {
        assert_eq!(server.resolver().resolve(name).await.unwrap(), ips(&["127.0.0.1", "::1"]), "{name}");
    }
    assert!(server.asked().is_empty());
}

#[test]
fn a_list_without_servers_is_an_error() {
    assert_eq!(NameServers::new(Vec::new()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}
