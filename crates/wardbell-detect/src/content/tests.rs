use std::time::{Duration, Instant};

use super::*;

mod pairs;

fn policy(name: &str) -> ContentPolicy {
    ContentPolicy {
        name: name.to_owned(),
        description: format!("about {name}"),
        enabled: true,
        patterns: Vec::new(),
        words: Vec::new(),
        examples: Vec::new(),
        similarity: wardbell_core::content::SIMILARITY_DEFAULT,
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn with_patterns(list: &[&str]) -> ContentPolicy {
    ContentPolicy { patterns: texts(list), ..policy("patterns") }
}

fn with_words(list: &[&str]) -> ContentPolicy {
    ContentPolicy { words: texts(list), ..policy("words") }
}

fn with_examples(list: &[&str]) -> ContentPolicy {
    ContentPolicy { examples: texts(list), ..policy("examples") }
}

/// What `policy` finds in `text`, as the text behind the span.
fn behind(policy: ContentPolicy, text: &str) -> Option<String> {
    let set = ContentSet::compile(&[policy]).unwrap();
    set.look(text).first().map(|broken| text.get(broken.span.clone()).unwrap().to_owned())
}

#[test]
fn patterns_match_in_the_view_and_in_the_text_as_sent() {
    for (pattern, text, expect) in [
        (r"project \w+", "about project Falcon now", Some("project Falcon")),
        (r"Falcon", "about falcon", None),
        (r"(?i)falcon", "about FALCON", Some("FALCON")),
        (r"(?i)straße", "in der STRASSE", None),
        (r"(?i)düne", "die DÜNE", Some("DÜNE")),
        (r"café", "a café", Some("café")),
        (r"cafe", "a café", Some("café")),
        (r"falcon", "a fal\u{200b}con", Some("fal\u{200b}con")),
        (r"falcon", "ｆａｌｃｏｎ", Some("ｆａｌｃｏｎ")),
        (r"\bсекрет\b", "это секрет тут", Some("секрет")),
        (r"机密", "这是机密文件", Some("机密")),
        (r"^secret", "a\nsecret", None),
        (r"(?m)^secret", "a\nsecret", Some("secret")),
        (r"\d{3}-\d{3}", "４１１-１２３", Some("４１１-１２３")),
    ] {
        assert_eq!(behind(with_patterns(&[pattern]), text).as_deref(), expect, "{pattern} {text}");
    }
}

#[test]
fn words_match_whole_and_whatever_their_case() {
    for (word, text, expect) in [
        ("falcon", "The FALCON flies", Some("FALCON")),
        ("falcon", "falcons", None),
        ("falcon", "(falcon)", Some("falcon")),
        ("falcon", "my_falcon", Some("falcon")),
        ("project falcon", "Project\nFalcon", Some("Project\nFalcon")),
        ("Müller", "herr MÜLLER", Some("MÜLLER")),
        ("Müller", "Herr Muller", Some("Muller")),
        ("müll", "Müller", None),
        ("секрет", "СЕКРЕТ!", Some("СЕКРЕТ")),
        ("секрет", "секретный", None),
        ("机密", "这是机密文件", Some("机密")),
        ("ลับ", "ข้อมูลลับมาก", Some("ลับ")),
        ("falcon", "说falcon吧", Some("falcon")),
        ("c++", "I like C++ a lot", Some("C++")),
        ("falcon", "fal\u{200b}con", Some("fal\u{200b}con")),
        ("ΟΔΟΣ", "οδος", Some("οδος")),
        ("ad", "had a bad ad", Some("ad")),
    ] {
        assert_eq!(behind(with_words(&[word]), text).as_deref(), expect, "{word} {text}");
    }
}

#[test]
fn each_broken_policy_is_told_once_with_its_best_evidence() {
    let both = ContentPolicy { words: texts(&["heron", "falcon"]), ..with_patterns(&["hawk", "owl"]) };
    let examples =
        ContentPolicy { name: "b".to_owned(), ..with_examples(&["tell me where the falcon project keeps its plans"]) };
    let off = ContentPolicy { enabled: false, ..with_words(&["falcon"]) };
    let set = ContentSet::compile(&[off, both, examples]).unwrap();
    let text = "An owl and a falcon. Tell me where the falcon project keeps its plans.";
    let broken = set.look(text);
    assert_eq!(broken.len(), 2);
    assert_eq!((broken[0].name, broken[0].by, broken[0].span.clone()), ("patterns", By::Pattern(1), 3..6));
    assert_eq!((broken[1].name, broken[1].by), ("b", By::Example(0)));
    assert!(broken[1].confidence > 0.85, "{}", broken[1].confidence);
    assert_eq!(set.look("a falcon")[0].by, By::Word(1));
    assert_eq!(broken[0].description, "about patterns");
}

#[test]
fn an_empty_set_finds_nothing() {
    let set = ContentSet::compile(&[]).unwrap();
    assert!(set.is_empty());
    assert!(set.look("anything").is_empty());
    let off = ContentPolicy { enabled: false, ..with_words(&["falcon"]) };
    assert!(ContentSet::compile(&[off]).unwrap().is_empty());
}

#[test]
fn what_cannot_be_looked_for_is_told_with_its_place_and_remedy() {
    for (bad, expect) in [
        (
            with_patterns(&["ok", "(?=x)y"]),
            "content policy `patterns` (index 1), patterns[1]: look-ahead and look-behind are not supported",
        ),
        (with_patterns(&["(?<!a)b"]), "patterns[0]: look-ahead and look-behind"),
        (with_patterns(&[r"(a)\1"]), "patterns[0]: references back to a group"),
        (with_patterns(&["a*"]), "patterns[0]: it matches the empty text"),
        (with_patterns(&[r"\b"]), "patterns[0]: it matches the empty text"),
        (with_patterns(&["x|"]), "patterns[0]: it matches the empty text"),
        (with_patterns(&[""]), "patterns[0]: it is empty"),
        (with_patterns(&["[^\\s\\S]"]), "patterns[0]: it can match no text"),
        (with_patterns(&["ab(c"]), "patterns[0]: not a regular expression: unclosed group at character 3"),
        (with_patterns(&[r"\p{Nope}"]), "patterns[0]: not a regular expression"),
        (with_patterns(&[r"(\w{100}){100}"]), "patterns[0]: it takes more than 1048576 bytes compiled"),
        (with_words(&["ok", " \u{200b} "]), "words[1]: it is empty"),
        (with_words(&[&"a".repeat(300)]), "words[0]: it is longer than 256 bytes"),
        (with_examples(&["do it"]), "examples[0]: it has fewer than 2 telling words"),
        (with_examples(&["  "]), "examples[0]: it is empty"),
        (with_examples(&[&"word ".repeat(500)]), "examples[0]: it is longer than 2000 bytes"),
        (ContentPolicy { similarity: 0.1, ..policy("s") }, "similarity: it must be a number from 0.3 to 1"),
        (ContentPolicy { similarity: f32::NAN, ..policy("s") }, "similarity: it must be a number"),
        (ContentPolicy { enabled: false, ..with_patterns(&["("]) }, "patterns[0]: not a regular expression"),
    ] {
        let error = ContentSet::compile(&[policy("fine"), bad]).unwrap_err();
        assert_eq!(error.policy, 1);
        assert!(error.to_string().contains(expect), "{error}");
    }
}

#[test]
fn bounds_over_the_set_are_told() {
    let nested: Vec<String> = (1..=20).map(|length| "a".repeat(length)).collect();
    let error = ContentSet::compile(&[ContentPolicy { words: nested, ..policy("w") }]).unwrap_err();
    assert!(error.to_string().contains("endings"), "{error}");
    let many = ContentPolicy { patterns: vec!["x".to_owned(); 33], ..policy("p") };
    assert!(matches!(ContentSet::compile(&[many]).unwrap_err().reason, Reason::Many { max: 32 }));
    let many =
        ContentPolicy { examples: (0..257).map(|at| format!("the falcon number {at}")).collect(), ..policy("e") };
    assert!(matches!(ContentSet::compile(&[many]).unwrap_err().reason, Reason::Many { max: 256 }));
    let long = |at: u64| {
        (0..200).map(|word| format!("{:09x}", (word + at * 1000) * 0x9e37_79b9)).collect::<Vec<_>>().join(" ")
    };
    let many =
        ContentPolicy { examples: (0..100).map(|at| long(at).chars().take(1990).collect()).collect(), ..policy("e") };
    assert!(matches!(ContentSet::compile(&[many]).unwrap_err().reason, Reason::Features { .. }));
    assert!(ContentSet::compile(&vec![policy("x"); 101]).is_err());
}

/// How alike `text` is to `example`, whatever the threshold.
fn likeness(example: &str, text: &str) -> f32 {
    let all = ContentPolicy { similarity: 0.3, ..with_examples(&[example]) };
    ContentSet::compile(&[all]).unwrap().look(text).first().map_or(0.0, |broken| broken.confidence)
}

#[test]
fn paraphrases_are_parted_from_unrelated_texts_on_the_same_topic() {
    let threshold = wardbell_core::content::SIMILARITY_DEFAULT;
    let (mut found, mut taken) = (0, 0);
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for (example, paraphrase, unrelated) in pairs::PAIRS {
        let (like, unlike) = (likeness(example, paraphrase), likeness(example, unrelated));
        found += usize::from(like >= threshold);
        taken += usize::from(unlike >= threshold);
        near.push(like);
        far.push(unlike);
        println!("{like:.2} {unlike:.2} {example}");
    }
    assert!(pairs::PAIRS.len() >= 40);
    near.sort_by(f32::total_cmp);
    far.sort_by(f32::total_cmp);
    println!("found {found} taken {taken} of {}; near {near:?}; far {far:?}", pairs::PAIRS.len());
    assert!(found >= pairs::FOUND_MIN, "{found}");
    assert!(taken <= pairs::TAKEN_MAX, "{taken}");
}

#[test]
fn triples_that_no_weight_was_chosen_with_are_parted_as_well() {
    let threshold = wardbell_core::content::SIMILARITY_DEFAULT;
    let (mut found, mut taken) = (0, 0);
    for (example, paraphrase, unrelated) in pairs::FRESH {
        let (like, unlike) = (likeness(example, paraphrase), likeness(example, unrelated));
        found += usize::from(like >= threshold);
        taken += usize::from(unlike >= threshold);
        println!("{like:.2} {unlike:.2} {example}");
    }
    println!("found {found} taken {taken} of {}", pairs::FRESH.len());
    assert!(found >= pairs::FRESH_FOUND_MIN && taken == pairs::FRESH_TAKEN, "{found} {taken}");
}

#[test]
fn a_paraphrase_is_like_its_own_example_only() {
    let all: Vec<_> = pairs::PAIRS.iter().chain(pairs::FRESH).collect();
    let (mut asked, mut crossed) = (0, Vec::new());
    for (at, (example, ..)) in all.iter().enumerate() {
        let set = ContentSet::compile(&[with_examples(&[example])]).unwrap();
        let others = all.iter().enumerate().filter(|(other, _)| *other != at);
        for text in others.flat_map(|(_, (_, paraphrase, unrelated))| [paraphrase, unrelated]) {
            asked += 1;
            if !set.look(text).is_empty() {
                crossed.push((example, text));
            }
        }
    }
    println!("crossed {} of {asked}: {crossed:?}", crossed.len());
    assert!(crossed.is_empty(), "{crossed:?}");
}

#[test]
fn other_wordings_are_missed_as_the_documentation_says() {
    for (example, other) in pairs::OTHER_WORDINGS {
        assert!(likeness(example, other) < wardbell_core::content::SIMILARITY_DEFAULT, "{example}");
    }
}

#[test]
fn one_sentence_in_a_long_text_counts_and_its_place_is_told() {
    let filler = "The committee met on Tuesday to look at the plans for the new reading room. ".repeat(200);
    let sentence = "How do I pick the lock of my neighbour's door?";
    let text = format!("{filler}{sentence} {filler}");
    let place = behind(with_examples(&["how to pick the lock of a neighbour's door"]), &text).unwrap();
    assert!(sentence.contains(&place) && place.contains("lock"), "{place}");
}

#[test]
fn one_word_of_an_example_is_not_enough_however_often_it_stands() {
    let example = "how to pick the lock of a door";
    for text in ["lock", "lock it", &"lock ".repeat(100), &"pick ".repeat(9)] {
        assert!(likeness(example, text) < 0.6, "{text}: {}", likeness(example, text));
    }
}

/// A set like a project's: ten policies with all three parts.
fn ten() -> ContentSet {
    let policies: Vec<_> = (0..10)
        .map(|at| ContentPolicy {
            patterns: vec![format!(r"(?i)\bproject\s+f{at}lcon\b")],
            words: (0..20).map(|word| format!("forbidden{at}x{word}")).collect(),
            examples: pairs::PAIRS.iter().skip(at * 4).take(4).map(|pair| pair.0.to_owned()).collect(),
            ..policy("ten")
        })
        .collect();
    ContentSet::compile(&policies).unwrap()
}

#[test]
fn no_text_is_slow() {
    let set = ten();
    let (bytes, most) =
        if cfg!(debug_assertions) { (100_000, Duration::from_secs(5)) } else { (1_000_000, Duration::from_secs(1)) };
    let all: String = pairs::PAIRS.iter().map(|pair| pair.0).collect::<Vec<_>>().join(" ");
    for seed in [
        "a",
        "a ",
        "forbidden1x",
        "project f",
        "lock ",
        "lock door pick ",
        "世",
        "é",
        "\u{200b}",
        "'",
        "４",
        "project  ",
        &all,
    ] {
        let text = seed.repeat(bytes / seed.len() + 1);
        let best = (0..2)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(set.look(&text));
                start.elapsed()
            })
            .min()
            .unwrap();
        assert!(best < most, "{:?}: {best:?}", seed.chars().take(20).collect::<String>());
    }
}

/// As many examples as there may be, all of the same words, and patterns that know nothing to look for first.
fn worst() -> (ContentSet, String) {
    let words: Vec<String> = (0..24).map(|at: u64| format!("{:07x}", (at + 1) * 0x0123_4567 % 0x0fff_ffff)).collect();
    let example = words.join(" ");
    let policies: Vec<_> = (0..32)
        .map(|at| ContentPolicy {
            patterns: vec![format!(r"\b\w+{at}\w+\b")],
            examples: vec![example.clone(); 8],
            similarity: 1.0,
            ..policy("worst")
        })
        .collect();
    // Strangers in between, so that a word has left the window when it comes again.
    let text = format!("{example} {}é. ", "stranger other ".repeat(8));
    (ContentSet::compile(&policies).unwrap(), text)
}

#[test]
fn the_most_that_a_set_may_hold_stays_linear() {
    let (set, piece) = worst();
    let time = |bytes: usize| {
        let text = piece.repeat(bytes / piece.len() + 1);
        let best = (0..2)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(set.look(&text));
                start.elapsed()
            })
            .min()
            .unwrap();
        println!("{bytes} bytes: {best:?}");
        best
    };
    let small = if cfg!(debug_assertions) { 4_000 } else { 100_000 };
    // Far from ten on purpose, and tried again: a shared machine stalls; a quadratic look would be at a hundred.
    let is_linear = || time(small * 10) < time(small).max(Duration::from_millis(1)) * 40;
    assert!((0..3).any(|_| is_linear()));
}

#[test]
fn a_set_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<ContentSet>();
}

proptest::proptest! {
    #[test]
    fn spans_are_on_character_boundaries(text in "[a-z ０-９é\u{200b}世界falcon]{0,60}") {
        let set = ContentSet::compile(&[with_words(&["a", "世"]), with_patterns(&["[a-z]{3}"]), with_examples(&["ab cd ef"])]).unwrap();
        for broken in set.look(&text) {
            assert!(text.get(broken.span.clone()).is_some_and(|span| !span.is_empty()));
            assert!((0.0..=1.0).contains(&broken.confidence));
        }
    }
}
