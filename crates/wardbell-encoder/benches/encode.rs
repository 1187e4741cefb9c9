//! How long a window, a text and a start take: `cargo bench -p wardbell-encoder`.
//!
//! The model has the measures of the one that is shipped and random weights: time does not hang on what they say. Its
//! vocabulary knows the words of the texts and made-up ones, 85,000 in all. The targets are 9 ms for a window of 128 tokens
//! where there is AVX-512 VNNI and 60 µs for a KB of text.
#![expect(clippy::unwrap_used, reason = "a bench ends where its model is not to be had")]

#[path = "../tests/support/random_model.rs"]
mod random_model;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wardbell_encoder::kernel::Path;
use wardbell_encoder::model::{Model, Speaker};
use wardbell_encoder::workspace::Workspace;

use self::random_model::{SHIPPED, random_model};

fn main() {
    divan::main();
}

struct Sample {
    name: &'static str,
    text: &'static str,
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "English",
        text: "The committee met on Tuesday to discuss the new reading room. Everybody agreed that the light from the north is \
               better, but the chairs, which the old library had lent us, must go back before the summer. ",
    },
    Sample {
        name: "German",
        text: "Die Straße über den Fluß ist länger als geplant, sagte Zoë; trotzdem fahren täglich zwölf Züge. ",
    },
    Sample {
        name: "Chinese", text: "委员会于星期二开会，讨论新阅览室的计划。大家都同意北面的光线更好。"
    },
    Sample {
        name: "code",
        text: "for (index, row) in rows.iter().enumerate() { total += row[index] * 2.5; } // sum\n",
    },
    Sample { name: "base64", text: "aGVsbG8gd29ybGQsIHRoaXMgaXMgbm90IGEgc2VjcmV0IGJ1dCBpdCBsb29rcyBsaWtlIG9uZQ" },
    Sample { name: "one letter", text: "a" },
];

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Every word of the samples, whole and its beginnings, as pieces.
fn words() -> Vec<String> {
    let mut words = BTreeSet::new();
    for sample in SAMPLES {
        for word in sample.text.split_whitespace() {
            let letters: Vec<char> = word.chars().take(8).collect();
            for end in 1..=letters.len() {
                let start: String = letters[..end].iter().collect();
                words.insert(format!("▁{start}"));
                words.extend(letters[..end].chunks(2).map(String::from_iter));
            }
            words.extend(word.chars().map(String::from));
        }
    }
    words.into_iter().collect()
}

static FILE: LazyLock<&'static [u8]> = LazyLock::new(|| random_model(SHIPPED, &words()).leak());
static MODEL: LazyLock<Model> = LazyLock::new(|| Model::read(*FILE).unwrap());

#[divan::bench(args = [16, 64, 128])]
fn window(bencher: Bencher, tokens: u32) {
    score(bencher, Path::best(), tokens);
}

/// A window of 128 tokens on every path of this CPU.
#[divan::bench(args = paths(), sample_count = 20)]
fn path(bencher: Bencher, name: &str) {
    let path = Path::all().into_iter().find(|path| path.name() == name).unwrap();
    score(bencher, path, 128);
}

fn paths() -> Vec<&'static str> {
    Path::all().into_iter().map(Path::name).collect()
}

fn score(bencher: Bencher, path: Path, tokens: u32) {
    let model = Model::read(*FILE).unwrap().on(path);
    // Two tokens stand around what is given.
    let window: Vec<u32> = (0..tokens - 2).map(|place| 100 + 131 * place).collect();
    let mut space = Workspace::new();
    bencher.bench_local(|| model.score(black_box(&window), Speaker::Anyone, &mut space));
}

#[divan::bench(args = SAMPLES)]
fn tokenize_kb(bencher: Bencher, sample: &Sample) {
    let mut text = sample.text.repeat(1024 / sample.text.len() + 1);
    let end = (0..=1024).rev().find(|end| text.is_char_boundary(*end)).unwrap();
    text.truncate(end);
    bencher.counter(BytesCount::new(text.len())).bench(|| MODEL.tokenize(black_box(&text)));
}

#[divan::bench(sample_count = 10)]
fn load() -> Model {
    Model::read(*FILE).unwrap()
}
