//! Texts to measure with.

/// One paragraph of ordinary prose, a little over 1 KB.
pub(crate) const PROSE: &str = "The committee met on Tuesday 14 March to look at the plans for the new reading room. Everyone agreed that \
the light is better on the north side, but the budget of 240,000 leaves little for shelves. Could you write a short summary \
of the main arguments and list what is still open? Please keep the tone friendly; the readers are volunteers who give their \
evenings to the library. One of them asked whether the old card catalogue could stay in the hall. Nobody had a good answer. \
The architect will show three drafts by the end of the month, and the group can vote by show of hands, as it always does. \
If the first draft is too expensive, we return to the plan of 2019, which needed only two rooms and a ramp. Remember that \
the instructions for the fire doors changed last year; the previous ones no longer hold. In the end it is a question of \
what people want from a library now: a quiet place to read, or a loud place to meet. Both, said the chair, and everybody \
laughed. Then the meeting closed at half past nine and the lights went out one by one along the corridor.";

/// A named text and how to make it.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) text: fn() -> String,
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The size of the realistic prompts: as much as a long context takes.
const PROMPT_BYTES: usize = 1_000_000;

/// Prompts of 1 MB as applications send them. All numbers, names and lines differ, as they do in real ones.
pub(crate) const PROMPTS: &[Sample] = &[
    Sample { name: "prose 1 MB", text: prose },
    Sample { name: "chat JSON 1 MB", text: chat },
    Sample { name: "code 1 MB", text: code },
    Sample { name: "logs 1 MB", text: logs },
];

/// Joins what `line` makes of 0, 1, 2 and so on until the size is reached.
fn prompt_of(line: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(PROMPT_BYTES + 1024);
    for at in 0.. {
        text.push_str(&line(at));
        if text.len() >= PROMPT_BYTES {
            break;
        }
    }
    text
}

const WORDS: &[&str] = &[
    "harbour",
    "letter",
    "quiet",
    "stone",
    "window",
    "market",
    "winter",
    "paper",
    "river",
    "copper",
    "the",
    "of",
    "and",
    "to",
    "with",
    "between",
    "morning",
    "question",
    "answer",
    "committee",
    "gardener",
    "remember",
    "under",
    "small",
];

fn word(at: usize) -> &'static str {
    WORDS.get((at.wrapping_mul(2_654_435_761) >> 7) % WORDS.len()).copied().unwrap_or_default()
}

fn prose() -> String {
    prompt_of(|at| {
        let sentence: Vec<&str> = (0..14).map(|place| word(at * 14 + place)).collect();
        format!("{} {}. {}", PROSE.split(". ").nth(at % 10).unwrap_or_default(), at % 90, sentence.join(" "))
    })
}

fn chat() -> String {
    prompt_of(|at| {
        format!(
            "{{\"role\":\"user\",\"id\":\"msg_{at:08x}\",\"created\":{},\"content\":\"Can you tell me about the {} {} near the \
             {}? I have {} of them.\"}},\n",
            1_760_000_000 + at * 17,
            word(at),
            word(at + 5),
            word(at * 3),
            at % 60
        )
    })
}

fn code() -> String {
    prompt_of(|at| {
        format!(
            "    fn {}_{at}(&self, {}: usize) -> Option<u32> {{\n        let {} = self.items.get({})?; // the {} of the {}\n        \
             Some({}.len() as u32 + 0x{:04x})\n    }}\n\n",
            word(at),
            word(at + 1),
            word(at + 2),
            word(at + 1),
            word(at + 3),
            word(at + 4),
            word(at + 2),
            at % 65536
        )
    })
}

fn logs() -> String {
    prompt_of(|at| {
        format!(
            "2026-03-{:02}T{:02}:{:02}:{:02}.{:03}Z INFO request_id={:016x} 10.0.{}.{} \"GET /api/{}/{} HTTP/1.1\" 200 {} {}ms\n",
            at % 28 + 1,
            at / 3600 % 24,
            at / 60 % 60,
            at % 60,
            at * 37 % 1000,
            at.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            at % 9,
            at * 13 % 250,
            word(at),
            at * 31 % 5000,
            at * 71 % 90_000,
            at * 7 % 400
        )
    })
}
