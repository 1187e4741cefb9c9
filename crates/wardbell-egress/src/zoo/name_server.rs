//! A name server on loopback that says what it is told, over UDP and TCP, and notes what it was asked.
//!
//! A script gives each name its *states*: the first lookup of a kind meets the first state, the next one the next, and
//! the last state stays. A state is a list of words:
//!
//! | word | meaning |
//! |---|---|
//! | `A 8.8.8.8`, `AAAA ::1` | an address |
//! | `CNAME x.example` | a chain: the records of the other name follow in the same answer, if the script has them |
//! | `HALF-CNAME x.example` | a chain whose rest must be asked for |
//! | `NXDOMAIN`, `SERVFAIL`, `REFUSED` | that code and nothing else |
//! | `A-FAILS`, `AAAA-FAILS` | `SERVFAIL` for questions of this kind |
//! | `SILENCE` | no answer |
//! | `GARBAGE` | the id of the question and then noise |
//! | `CUT` | half of the answer, not marked as truncated |
//! | `TTL 0` | the seconds that the records of this state may be kept; 0 if it is not said |
//! | `TRUNCATED` | the answer is marked as truncated and has its records all the same, over TCP too |
//! | `FORGED 10.0.0.1` | first answers with this address and a wrong id, then with the rest of the state |

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use crate::resolve::NameServers;

/// The longest answer over UDP; longer ones are marked as truncated.
const DATAGRAM_BYTES_MAX: usize = 512;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// The mark of a truncated answer, in the third byte of its head.
const TRUNCATED: u8 = 0x02;

type States = Vec<Vec<String>>;

/// A name server. Stops when dropped.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    book: Arc<Book>,
    _tasks: JoinSet<()>,
}

struct Book {
    script: HashMap<String, States>,
    /// Which question, by kind, name and id, met which state: a question that is sent again meets the same one.
    met: Mutex<HashMap<(u16, String), Vec<u16>>>,
    asked: Mutex<Vec<(String, &'static str)>>,
}

impl NameServer {
    pub(crate) async fn start(script: &[(&str, &[&[&str]])]) -> Self {
        let script = script.iter().map(|(name, states)| {
            let states = states.iter().map(|state| state.iter().map(ToString::to_string).collect()).collect();
            ((*name).to_owned(), states)
        });
        let book = Arc::new(Book { script: script.collect(), met: Mutex::default(), asked: Mutex::default() });
        let (udp, tcp) = pair().await;
        let address = udp.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&book)));
        tasks.spawn(serve_tcp(tcp, Arc::clone(&book)));
        Self { address, book, _tasks: tasks }
    }

    pub(crate) fn resolver(&self) -> Arc<NameServers> {
        Arc::new(NameServers::new(vec![self.address]).unwrap())
    }

    /// The names of the script.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.book.script.keys().map(String::as_str)
    }

    /// The names that were asked for, with the kind, in the order of the alphabet and each as often as it was asked.
    pub(crate) fn asked(&self) -> Vec<(String, &'static str)> {
        let mut asked = self.book.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

/// A socket of each kind on one port.
async fn pair() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

async fn serve_udp(socket: UdpSocket, book: Arc<Book>) {
    let mut buffer = [0; 4096];
    loop {
        let (count, from) = socket.recv_from(&mut buffer).await.unwrap();
        for answer in book.answers(&buffer[..count]) {
            let answer = if answer.len() > DATAGRAM_BYTES_MAX { truncated(&answer) } else { answer };
            socket.send_to(&answer, from).await.unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener, book: Arc<Book>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve_stream(stream, Arc::clone(&book)));
    }
}

/// Answers one question and closes, so that whoever kept the connection finds it gone.
async fn serve_stream(mut stream: TcpStream, book: Arc<Book>) {
    if let Ok(length) = stream.read_u16().await {
        let mut question = vec![0; length.into()];
        stream.read_exact(&mut question).await.unwrap();
        for answer in book.answers(&question) {
            stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    }
}

impl Book {
    fn answers(&self, message: &[u8]) -> Vec<Vec<u8>> {
        let question = Question::read(message);
        let Some(states) = self.script.get(&question.name) else {
            self.note(&question);
            return vec![question.answer(3, &[])];
        };
        let state = &states[self.meet(&question).min(states.len() - 1)];
        let mut answers = Vec::new();
        for word in state {
            let (word, of) = word.split_once(' ').unwrap_or((word, ""));
            match word {
                "NXDOMAIN" => return vec![question.answer(3, &[])],
                "SERVFAIL" => return vec![question.answer(2, &[])],
                "REFUSED" => return vec![question.answer(5, &[])],
                "A-FAILS" if question.kind == A => return vec![question.answer(2, &[])],
                "AAAA-FAILS" if question.kind == AAAA => return vec![question.answer(2, &[])],
                "SILENCE" => return Vec::new(),
                "GARBAGE" => return vec![[&message[..2], &[0xff; 40]].concat()],
                "CUT" => {
                    let whole = question.answer(0, &[record(&question.name, A, 0, &[8, 8, 8, 8])]);
                    return vec![whole[..whole.len() - 5].to_vec()];
                }
                "FORGED" => {
                    let ip: Ipv4Addr = of.parse().unwrap();
                    let mut forged = question.answer(0, &[record(&question.name, A, 0, &ip.octets())]);
                    forged[0] ^= 0xff;
                    answers.push(forged);
                }
                _ => {}
            }
        }
        let mut answer = question.answer(0, &self.records(&question.name, state, question.kind));
        if state.iter().any(|word| word == "TRUNCATED") {
            answer[2] |= TRUNCATED;
        }
        answers.push(answer);
        answers
    }

    /// Which lookup of this kind and name the question belongs to, from 0.
    fn meet(&self, question: &Question<'_>) -> usize {
        let mut met = self.met.lock().unwrap();
        let ids = met.entry((question.kind, question.name.clone())).or_default();
        if let Some(index) = ids.iter().position(|id| *id == question.id) {
            return index;
        }
        ids.push(question.id);
        self.note(question);
        ids.len() - 1
    }

    fn note(&self, question: &Question<'_>) {
        let kind = match question.kind {
            A => "A",
            AAAA => "AAAA",
            other => panic!("nobody should ask for kind {other}"),
        };
        self.asked.lock().unwrap().push((question.name.clone(), kind));
    }

    fn records(&self, name: &str, state: &[String], kind: u16) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        let ttl = state.iter().find_map(|word| word.strip_prefix("TTL ")).map_or(0, |seconds| seconds.parse().unwrap());
        for word in state {
            match word.split_once(' ') {
                Some(("A", ip)) if kind == A => {
                    records.push(record(name, A, ttl, &ip.parse::<Ipv4Addr>().unwrap().octets()));
                }
                Some(("AAAA", ip)) if kind == AAAA => {
                    records.push(record(name, AAAA, ttl, &ip.parse::<std::net::Ipv6Addr>().unwrap().octets()));
                }
                Some(("CNAME", target)) => {
                    records.push(record(name, CNAME, ttl, &labels(target)));
                    if let Some(state) = self.script.get(target).and_then(|states| states.first()) {
                        records.extend(self.records(target, state, kind));
                    }
                }
                Some(("HALF-CNAME", target)) => records.push(record(name, CNAME, ttl, &labels(target))),
                _ => {}
            }
        }
        records
    }
}

/// The question of a message: RFC 1035, section 4.1.
struct Question<'a> {
    id: u16,
    name: String,
    kind: u16,
    /// As it stands in the message.
    bytes: &'a [u8],
}

impl<'a> Question<'a> {
    fn read(message: &'a [u8]) -> Self {
        let (mut at, mut name) = (12, Vec::new());
        while message[at] != 0 {
            let end = at + 1 + usize::from(message[at]);
            name.push(String::from_utf8(message[at + 1..end].to_ascii_lowercase()).unwrap());
            at = end;
        }
        let kind = u16::from_be_bytes([message[at + 1], message[at + 2]]);
        let id = u16::from_be_bytes([message[0], message[1]]);
        Self { id, name: name.join("."), kind, bytes: &message[12..at + 5] }
    }

    fn answer(&self, code: u8, records: &[Vec<u8>]) -> Vec<u8> {
        let count = u16::try_from(records.len()).unwrap().to_be_bytes();
        // Response, recursion desired and available; one question, the records, nothing else.
        let head = [&self.id.to_be_bytes()[..], &[0x81, 0x80 | code, 0, 1], &count, &[0; 4]].concat();
        [head, self.bytes.to_vec(), records.concat()].concat()
    }
}

/// The same answer without records and marked as truncated.
fn truncated(answer: &[u8]) -> Vec<u8> {
    let question = Question::read(answer);
    let mut cut = question.answer(0, &[]);
    cut[2] |= TRUNCATED;
    cut
}

fn record(name: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&labels(name)[..], &kind.to_be_bytes(), &[0, 1], &ttl.to_be_bytes(), &length, data].concat()
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    for label in name.split('.') {
        bytes.push(label.len().try_into().unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
