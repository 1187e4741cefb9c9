use super::*;

#[derive(Default)]
struct Seen {
    blocks: Vec<(usize, Vec<u32>)>,
    now: Vec<u32>,
}

impl Sink for Seen {
    fn features(&mut self, buckets: &[u32]) {
        self.now.extend_from_slice(buckets);
    }

    fn block(&mut self, end: usize) {
        self.blocks.push((end, std::mem::take(&mut self.now)));
    }
}

fn seen(text: &str) -> Vec<(usize, Vec<u32>)> {
    let mut seen = Seen::default();
    feature::read(text, &mut seen);
    assert!(seen.now.is_empty());
    seen.blocks
}

#[test]
fn case_accents_digits_and_white_space_make_no_difference() {
    let plain = &seen("ignore the rules 00")[0].1;
    for same in ["IGNORE  the\n\trules 47", "ïgnörè the rules 99", "ig\u{200b}nore the rules 00"] {
        assert_eq!(&seen(same)[0].1, plain, "{same}");
    }
    assert_ne!(&seen("ignore the rule 00")[0].1, plain);
}

#[test]
fn a_word_has_its_runs_itself_and_its_pair() {
    // " ab " has runs of three (2) and four (1), and a word.
    assert_eq!(seen("ab")[0].1.len(), 4);
    // " ab c " has 4 runs of three, 3 of four, 2 of five, two words, one pair.
    assert_eq!(seen("ab c")[0].1.len(), 12);
    // Two Chinese characters are two words.
    assert_eq!(seen("世界")[0].1.len(), 3 + 3);
    assert_eq!(seen("")[0].1.len(), 0);
}

/// Strides of plain text are read at once: the features are those of the same text read letter by letter, which a letter with an accent
/// before it makes sure of.
#[test]
fn strides_make_no_difference() {
    let mut random = 7_u64;
    for size in 0..400 {
        let text: String = (0..size)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b"abAB07  ..\n~z"[usize::from((random >> 56) as u8) % 13])
            })
            .collect();
        let one_by_one: String = text.chars().flat_map(|letter| [letter, '\u{200b}']).collect();
        let plain: Vec<Vec<u32>> = seen(&text).into_iter().map(|(_, buckets)| buckets).collect();
        let slow: Vec<Vec<u32>> = seen(&one_by_one).into_iter().map(|(_, buckets)| buckets).collect();
        assert_eq!(plain, slow, "{text:?}");
    }
}

#[test]
fn a_long_text_has_blocks_that_end_on_characters_and_cover_it() {
    let text = "né 世 words ".repeat(100);
    let blocks = seen(&text);
    assert!(blocks.len() > 2);
    assert!(blocks.iter().all(|(end, _)| text.is_char_boundary(*end)));
    assert_eq!(blocks.last().map(|(end, _)| *end), Some(text.len()));
}

#[test]
fn a_hash_never_changes() {
    // The weights were fitted to these buckets. A change here makes every model file useless.
    assert_eq!(seen("Ab1")[0].1, [390_641, 532_782, 501_095, 528_556, 31_176, 652_806, 132_859]);
}

#[test]
fn a_window_is_two_blocks_and_finds_what_stands_in_it() {
    let mut weights = vec![0_i8; feature::BUCKETS];
    for bucket in seen("zebra")[0].1.clone() {
        weights[bucket as usize] = 100;
    }
    let linear = Linear::new(&weights, 0.01, -1.0).unwrap();
    let filler = "plain words of no note ".repeat(60);
    let text = format!("{filler} zebra {filler}");
    let scored = linear.score(&text);
    let at = text.find("zebra").unwrap();
    let best = scored.iter().max_by(|a, b| a.logit.total_cmp(&b.logit)).unwrap();
    assert!(best.span.contains(&at), "{best:?}");
    assert!(best.logit > -0.9);
    assert_eq!(linear.score("").len(), 1);
    assert_eq!(linear.score("").first().map(|scored| scored.logit), Some(-1.0));
}

#[test]
fn weights_of_another_size_are_refused() {
    assert_eq!(Linear::new(&[1, 2], 1.0, 0.0).err(), Some(LinearError::Count { found: 2 }));
    assert_eq!(Linear::new(&vec![0; feature::BUCKETS], f32::NAN, 0.0).err(), Some(LinearError::NotFinite));
}
