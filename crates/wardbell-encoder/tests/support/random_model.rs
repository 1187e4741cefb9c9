//! Model files with random weights, for what does not hang on what a model has learnt.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it serves tests and benches, and its numbers are small"
)]

use serde_json::{Map, Value, json};

/// What to make.
#[derive(Clone, Copy)]
pub(crate) struct Measures {
    pub(crate) seed: u64,
    pub(crate) layers: usize,
    pub(crate) hidden: usize,
    pub(crate) intermediate: usize,
    pub(crate) window: usize,
    /// At least 300.
    pub(crate) vocabulary: usize,
    /// How many layers read for every speaker, where there are others for third parties.
    pub(crate) shared: Option<usize>,
}

/// The measures of the model that is shipped.
#[allow(dead_code, reason = "the properties are tried with smaller ones")]
pub(crate) const SHIPPED: Measures =
    Measures { seed: 1, layers: 6, hidden: 384, intermediate: 1536, window: 128, vocabulary: 88_000, shared: Some(3) };

/// Random numbers, the same everywhere (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A token of a vocabulary.
    #[allow(dead_code, reason = "benches take their tokens in order")]
    pub(crate) fn id(&mut self, vocabulary: u32) -> u32 {
        self.below(u64::from(vocabulary)) as u32
    }

    /// Roughly normal, with mean 0 and variance 1.
    pub(crate) fn wave(&mut self) -> f32 {
        (0..12).map(|_| self.below(1 << 20) as f32 / (1 << 20) as f32).sum::<f32>() - 6.0
    }
}

/// A file that the model reads. `words` are pieces, before those that are made up.
pub(crate) fn random_model(measures: Measures, words: &[String]) -> Vec<u8> {
    let Measures { seed, layers, hidden, intermediate, window, vocabulary, shared } = measures;
    let mut random = Random::new(seed);
    let mut file = Writer::default();
    let floats = |random: &mut Random, length: usize, middle: f32, spread: f32| -> Vec<u8> {
        (0..length).flat_map(|_| (middle + spread * random.wave()).to_le_bytes()).collect()
    };

    let words4: Vec<u8> = (0..vocabulary * hidden / 2).map(|_| random.next() as u8).collect();
    file.add("embeddings.word.q4", "U8", &[vocabulary, hidden / 2], &words4);
    // 0x2000 is 2^-7 in half precision.
    file.add(
        "embeddings.word.scale",
        "F16",
        &[vocabulary, hidden / 32],
        &[0x00, 0x20].repeat(vocabulary * hidden / 32),
    );
    file.add("embeddings.position", "F32", &[window, hidden], &floats(&mut random, window * hidden, 0.0, 0.05));
    let mut norms = vec!["embeddings.norm".to_owned()];
    let common = (0..layers).map(|layer| format!("layer.{layer}"));
    let others = (shared.unwrap_or(layers)..layers).map(|layer| format!("third_party.layer.{layer}"));
    for layer in common.chain(others) {
        for (part, outputs, inputs) in [
            ("query", hidden, hidden),
            ("key", hidden, hidden),
            ("value", hidden, hidden),
            ("output", hidden, hidden),
            ("up", intermediate, hidden),
            ("down", hidden, intermediate),
        ] {
            let name = format!("{layer}.{part}");
            let weights: Vec<u8> = (0..outputs * inputs / 8).flat_map(|_| lane_weights(&mut random)).collect();
            file.add(&format!("{name}.weight"), "I8", &[outputs, inputs], &weights);
            let scales: Vec<u8> =
                (0..outputs).flat_map(|_| (0.002 + 0.001 * random.wave().abs()).to_le_bytes()).collect();
            file.add(&format!("{name}.scale"), "F32", &[outputs], &scales);
            file.add(&format!("{name}.bias"), "F32", &[outputs], &floats(&mut random, outputs, 0.0, 0.1));
        }
        norms.push(format!("{layer}.attention_norm"));
        norms.push(format!("{layer}.output_norm"));
    }
    for norm in norms {
        file.add(&format!("{norm}.weight"), "F32", &[hidden], &floats(&mut random, hidden, 1.0, 0.1));
        file.add(&format!("{norm}.bias"), "F32", &[hidden], &floats(&mut random, hidden, 0.0, 0.1));
    }
    for prefix in std::iter::once("").chain(shared.map(|_| "third_party.")) {
        let weights = floats(&mut random, 6 * hidden, 0.0, 0.2);
        file.add(&format!("{prefix}head.weight"), "F32", &[6, hidden], &weights);
        file.add(&format!("{prefix}head.bias"), "F32", &[6], &floats(&mut random, 6, 0.0, 1.0));
    }

    let pieces = pieces(&mut random, vocabulary, words);
    let letters: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes()).collect();
    let mut end = 0_u32;
    let mut offsets = vec![0; 4];
    for piece in &pieces {
        end += u32::try_from(piece.len()).unwrap();
        offsets.extend(end.to_le_bytes());
    }
    let scores: Vec<u8> = (0..vocabulary).flat_map(|piece| (-3.0 - (piece as f32 + 1.0).ln()).to_le_bytes()).collect();
    file.add("tokenizer.pieces", "U8", &[letters.len()], &letters);
    file.add("tokenizer.offsets", "U32", &[vocabulary + 1], &offsets);
    file.add("tokenizer.scores", "F32", &[vocabulary], &scores);
    let counts = |counts: &[u32]| -> Vec<u8> { counts.iter().flat_map(|count| count.to_le_bytes()).collect() };
    // Control characters vanish, line ends and tabs are spaces.
    file.add("normaliser.from", "U32", &[5], &counts(&[0, 9, 10, 13, 0x2581]));
    file.add("normaliser.offsets", "U32", &[6], &counts(&[0, 0, 1, 2, 3, 4]));
    file.add("normaliser.to", "U32", &[4], &counts(&[32; 4]));
    for (key, value) in [
        ("format", "wardbell-injection-1".to_owned()),
        ("layers", layers.to_string()),
        ("heads", (hidden / 32).to_string()),
        ("hidden", hidden.to_string()),
        ("intermediate", intermediate.to_string()),
        ("epsilon", "1e-12".to_owned()),
        ("vocabulary", vocabulary.to_string()),
        ("window", window.to_string()),
        ("cls", "0".to_owned()),
        ("padding", "1".to_owned()),
        ("sep", "2".to_owned()),
        ("unknown", "3".to_owned()),
        ("prefix", String::new()),
    ] {
        file.settings.insert(key.to_owned(), Value::String(value));
    }
    if let Some(shared) = shared {
        file.settings.insert("third_party.shared".to_owned(), Value::String(shared.to_string()));
    }
    file.finish()
}

/// Eight weights that keep the rule, often to the last unit.
fn lane_weights(random: &mut Random) -> [u8; 8] {
    let mut weights = [0_i32; 8];
    for lane in [[0, 1, 4, 5], [2, 3, 6, 7]] {
        let mut left = [128, 128];
        for place in lane {
            let weight = ((random.wave() * 30.0) as i32).clamp(-63, 63);
            let side = usize::from(weight < 0);
            let size = weight.abs().min(left[side]);
            left[side] -= size;
            weights[place] = size * weight.signum();
        }
    }
    weights.map(|weight| weight as u8)
}

/// Four special pieces, the mark, ASCII, `words`, and made-up words for the rest.
fn pieces(random: &mut Random, vocabulary: usize, words: &[String]) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let mut pieces = vec![String::new(); 4];
    let given = std::iter::once("▁".to_owned())
        .chain(words.iter().cloned())
        .chain((33_u8..127).map(|byte| char::from(byte).to_string()));
    for piece in given {
        if !piece.is_empty() && seen.insert(piece.clone()) {
            pieces.push(piece);
        }
    }
    while pieces.len() < vocabulary {
        let mut piece = if random.below(2) == 0 { "▁".to_owned() } else { String::new() };
        for _ in 0..=random.below(3) {
            piece.push(char::from(b"bcdfghjklmnprstvwz"[random.below(18) as usize]));
            piece.push(['a', 'e', 'i', 'o', 'u', 'é', 'я', 'の'][random.below(8) as usize]);
            if random.below(3) == 0 {
                piece.push(char::from(b"lnrst"[random.below(5) as usize]));
            }
        }
        if seen.insert(piece.clone()) {
            pieces.push(piece);
        }
    }
    pieces.truncate(vocabulary);
    pieces
}

/// A safetensors file as it grows.
#[derive(Default)]
struct Writer {
    settings: Map<String, Value>,
    header: Map<String, Value>,
    data: Vec<u8>,
}

impl Writer {
    fn add(&mut self, name: &str, kind: &str, shape: &[usize], bytes: &[u8]) {
        let start = self.data.len();
        self.data.extend_from_slice(bytes);
        let entry = json!({ "dtype": kind, "shape": shape, "data_offsets": [start, self.data.len()] });
        self.header.insert(name.to_owned(), entry);
    }

    fn finish(mut self) -> Vec<u8> {
        self.header.insert("__metadata__".to_owned(), Value::Object(self.settings));
        let header = serde_json::to_vec(&self.header).unwrap();
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header);
        file.extend(self.data);
        file
    }
}
