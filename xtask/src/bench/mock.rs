//! The provider: one thread per kept connection, one fixed answer or a paced stream, as little work as can be.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use std::time::Instant;

use anyhow::Result;

use super::stream::{self, Pace};

/// The shape of OpenAI's answer (API reference, "The chat completion object").
const ANSWER: &str = r#"{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1741569952,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"The quarterly report is ready; the three open points are listed below, with an owner for each of them.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":180,"completion_tokens":22,"total_tokens":202},"service_tier":"default","system_fingerprint":"fp_06737a9306"}"#;

/// Starts it. Its threads end with the program.
pub(super) fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // A connection that breaks shows as an error of the load generator.
                let _ = serve(stream);
            });
        }
    });
    Ok(address)
}

fn serve(stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    let mut stream = BufReader::with_capacity(16 * 1024, stream);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let (mut length, mut chunked) = (0, false);
        loop {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end().split_once(':') {
                None if line.trim_end().is_empty() => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse()?,
                Some((name, _)) if name.eq_ignore_ascii_case("transfer-encoding") => chunked = true,
                _ => {}
            }
        }
        body.clear();
        while chunked {
            let start = body.len();
            line.clear();
            stream.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim_end(), 16)?;
            body.resize(start + size + 2, 0);
            stream.read_exact(body.get_mut(start..).unwrap_or_default())?;
            body.truncate(start + size);
            chunked = size > 0;
        }
        let start = body.len();
        body.resize(start + length, 0);
        stream.read_exact(body.get_mut(start..).unwrap_or_default())?;
        match Pace::asked(&body) {
            None => stream.get_mut().write_all(answer.as_bytes())?,
            Some(pace) => speak(stream.get_mut(), pace)?,
        }
    }
}

/// The first event leaves with the head, the others when they are due, and the end with the last.
fn speak(stream: &mut TcpStream, pace: Pace) -> Result<()> {
    let start = Instant::now();
    let mut bytes =
        String::from("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
    for number in 0..pace.events {
        let due = pace.due(start, number);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        bytes += &chunk(&stream::event(number, due));
        if number + 1 == pace.events {
            bytes += &chunk(&stream::done());
            bytes += "0\r\n\r\n";
        }
        stream.write_all(bytes.as_bytes())?;
        bytes.clear();
    }
    Ok(())
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}
