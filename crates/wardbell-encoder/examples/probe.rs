use std::time::Instant;
use wardbell_encoder::{kernel::Path, model::Model, workspace::Workspace};
fn main() {
    let mut args = std::env::args().skip(1);
    let bytes = std::fs::read(args.next().unwrap()).unwrap();
    let t = Instant::now();
    let mut model = Model::read(bytes).unwrap();
    eprintln!("load {:?}", t.elapsed());
    let texts: Vec<String> = std::fs::read_to_string(args.next().unwrap()).unwrap().lines().map(|l| l.replace("\\n", "\n")).collect();
    let mut space = Workspace::new();
    for text in &texts {
        let tokens = model.tokenize(text);
        let s = model.score(&tokens.ids[..tokens.len().min(model.content_tokens_max())], &mut space).unwrap();
        println!("{:?} {:?}", tokens.ids, s);
    }
    let all: String = texts.join(" ");
    let t = Instant::now();
    let n = 20;
    for _ in 0..n { std::hint::black_box(model.tokenize(&all)); }
    eprintln!("tokenize {} bytes: {:.1} us/KB", all.len(), t.elapsed().as_secs_f64() * 1e6 / n as f64 / all.len() as f64 * 1024.0);
    for path in Path::all() {
        model = model.on(path);
        for len in [16usize, 64, 128] {
            let ids: Vec<u32> = (0..len - 5).map(|i| 100 + i as u32 * 7).collect();
            let mut best = f64::MAX;
            for _ in 0..if path == Path::PLAIN { 2 } else { 30 } {
                let t = Instant::now();
                std::hint::black_box(model.score(&ids, &mut space).unwrap());
                best = best.min(t.elapsed().as_secs_f64());
            }
            eprintln!("{} {len}: {:.2} ms", path.name(), best * 1e3);
        }
    }
}
