use wardbell_detect::engine::*;
fn main() {
    let e = Engine::new(&EngineSettings::default()).unwrap();
    let data = std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap();
    let mut bytes = 0;
    let mut dt = std::time::Duration::ZERO;
    for (i, t) in data.split('\u{0}').enumerate() {
        let s = std::time::Instant::now();
        let f = e.scan(t);
        dt += s.elapsed();
        bytes += t.len();
        for x in f {
            let a = t.floor_char_boundary(x.span.start.saturating_sub(40));
            let b = t.ceil_char_boundary((x.span.end + 30).min(t.len()));
            println!(
                "{i}\t{}\t{}\t{}\t{}",
                x.rule,
                x.score,
                t[x.span.clone()].replace(['\n', '\t', '\r'], " "),
                t[a..b].replace(['\n', '\t', '\r'], " ")
            );
        }
    }
    eprintln!("{} bytes, {:?}, {:.2} us/KB", bytes, dt, dt.as_secs_f64() * 1e9 / bytes as f64);
}
