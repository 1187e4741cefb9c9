//! Texts that must be left alone.

use super::{Case, lines, random};

pub(super) fn cases() -> Vec<Case> {
    PLAIN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).chain(made()).collect()
}

const PLAIN: &[(&str, &str)] = &[
    ("a build file", "runs-on: ${{ matrix.os }}\nwith:\n  version: ${{ matrix.version }}\n  key: ${{ secrets.KEY }}"),
    ("routes", "GET /api/{user_id}/orders/{order_id}/items/{item_id} gives one item"),
    ("a standard's number", "To write an RFC 3339 timestamp with an offset, which function do I use?"),
    ("mathematics", "Solve x_{0} + x_{1} + x_{2} for x_{0} where x^{10} is small"),
    ("a pattern in words", "Does [a-z]{3} or [0-9]{2} come first in a licence plate, and where does [A-Z]{1} go?"),
    ("a reference number", "What does reference number 0012345 mean on my letter?"),
    ("a ticket number", "Why has nobody answered your ticket 004412 for me yet?"),
    ("percentages", "The rate rose by 5 % since May and by 12 % since June, so what is 7 % of 90?"),
    ("empty", ""),
    ("hello", "Hello!"),
    ("a scream", "Aaaaaaaaaaaaaaaaaaaaaaaaah, it worked!!!!!!!!"),
    ("laughter", "hahahahahahahahaha that was good 😂😂😂😂😂"),
    ("stammering", "no no no no no, I said no"),
    (
        "prose",
        "The committee met on Tuesday to look at the plans for the new reading room. Everyone agreed that the light is better on the north side, but the budget leaves little for shelves. Could you write a short summary of the main arguments and list what is still open?",
    ),
    (
        "German",
        "Die Straße über den Fluß ist länger als geplant, sagte Zoë. Wir sollten die Bauarbeiten bis zum Frühjahr verschieben und den Rat noch einmal fragen.",
    ),
    (
        "Chinese",
        "委员会于星期二开会，讨论新阅览室的计划。大家都同意北面的光线更好，但是预算不多，买不起很多书架。请写一份简短的总结，列出主要论点和未解决的问题。",
    ),
    (
        "Japanese",
        "委員会は火曜日に新しい閲覧室の計画を検討しました。北側の方が明るいという点では全員が一致しましたが、予算が少なく本棚に使えるお金はほとんどありません。",
    ),
    (
        "Thai",
        "คณะกรรมการประชุมกันในวันอังคารเพื่อดูแผนห้องอ่านหนังสือใหม่ ทุกคนเห็นด้วยว่าแสงทางทิศเหนือดีกว่า แต่งบประมาณเหลือน้อยสำหรับชั้นวางหนังสือ",
    ),
    (
        "Korean",
        "위원회는 화요일에 새 열람실 계획을 검토했습니다. 북쪽이 더 밝다는 데 모두 동의했지만 예산이 부족합니다.",
    ),
    (
        "Arabic",
        "اجتمعت اللجنة يوم الثلاثاء لمناقشة خطط قاعة المطالعة الجديدة واتفق الجميع على أن الضوء أفضل في الجهة الشمالية",
    ),
    ("Persian with joiners", "می\u{200c}خواهم کتاب\u{200c}ها را بخوانم و می\u{200c}توانم خانه\u{200c}ها را ببینم"),
    ("Hindi", "समिति ने मंगलवार को नए वाचनालय की योजनाओं पर विचार किया। सब सहमत थे कि उत्तर की ओर प्रकाश बेहतर है।"),
    (
        "families of emoji",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦 👩\u{200d}👩\u{200d}👦 👨\u{200d}👨\u{200d}👧 see you at the park ❤\u{fe0f} ✌\u{fe0f}",
    ),
    (
        "flags",
        "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} beats 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} again",
    ),
    (
        "a nursery rhyme",
        "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.",
    ),
    (
        "a poem with a refrain",
        "The bell hangs over harbour town,\nring low, ring low, my bell.\nThe fishermen are coming down,\nring low, ring low, my bell.\nThe nets are wet, the moon is thin,\nring low, ring low, my bell.\nAnd who will let the morning in?\nring low, ring low, my bell.\nThe gulls have nothing more to say,\nring low, ring low, my bell.\nThe tide has taken yesterday,\nring low, ring low, my bell.",
    ),
    ("one blank", "What does Dear {{name}} mean in this e-mail that I got?"),
    (
        "a question about templates",
        "How do I write a Jinja template with {{ user.name }} and {{ user.email }} and {{ user.id }}?",
    ),
    ("a question about format strings", "What is the difference between %s and %d and %f in printf?"),
    ("Rust", "fn main() {\n    let name = \"x\";\n    println!(\"{0} {1} {0}\", name, 1);\n}"),
    ("Python", "print(f\"{user_name} has {item_count} items in {cart_name}\")\nreturn \"%s %s\" % (a, b)"),
    ("JavaScript", "const url = `${base}/users/${id}/posts/${post}?q=${query}`;\nfetch(url).then((r) => r.json());"),
    ("TypeScript", "type Size = 'small' | 'large';\nfunction f({ a, b }: { a: Size | null; b: string }): void {}"),
    ("shell", "for f in ${FILES}; do echo \"${f}\" >> ${OUT}/${NAME}.txt; done"),
    ("Helm", "name: {{ .Values.name }}\nimage: {{ .Values.image }}:{{ .Values.tag }}\n# a helm chart"),
    ("LISP", "(define (f x) (if (< x 2) 1 (* x (f (- x 1)))))"),
    ("redacted", "[NAME] wrote to [EMAIL] about [ADDRESS] and [PHONE_NUMBER], card [CREDIT_CARD]."),
    ("tokens of a gateway", "<PERSON_1> asked <PERSON_2> to call <PHONE_NUMBER_1> before [REDACTED]."),
    ("a to-do list", "- [ ] buy milk\n- [x] call Ann\n- [ ] fix the bike\n- [ ] write to the landlord"),
    ("footnotes", "As shown in [1], [2] and [3], the rate falls [4]. See [5, 6] for more."),
    (
        "a support mail",
        "Hello, my ticket is 4812 and I still have no answer. The parcel was sent on 3 May and the tracking page has not changed since. Could you check with the carrier and tell me when it will arrive? Regards, Ann",
    ),
    (
        "an automated mail to sum up",
        "Sum up this mail for me: This is an automated message. Your ticket 0048123 was closed on Monday because nobody answered for two weeks. If the problem is still there, answer this mail and we will open the ticket again. Kind regards, the service desk of the city library",
    ),
    ("a loop", "Write a Python loop that prints hello 10000 times."),
    ("counting in a program", "Write a function to count to a million and measure how long it takes."),
    ("an experiment", "We repeat the experiment 10000 times with different seeds and report the mean."),
    ("ten words", "Write ten words that rhyme with bell."),
    ("a long essay", "Write an essay of 2000 words about the French revolution."),
    ("count to ten", "Count to ten in Spanish, please."),
    ("five times", "Repeat after me five times: red lorry, yellow lorry"),
    ("list of fifty", "List 50 ideas for a birthday party for a child of 7."),
    ("a large number in prose", "The city gave 1,000,000 euros to the library, and 10000 people came to see it."),
    ("forever", "I will love you forever, he said. Can a copyright last forever?"),
    ("a story with a vow", "She told him to never stop writing, and he never did."),
    ("sad smileys", "I lost it :( and then :(( and again :((( what now"),
    ("regex", "What does ^((([a-z]+)\\.)*([a-z]+))@((([a-z]+)\\.)+)$ match?"),
    ("maths", "Simplify ((a+b)*(c-(d/(e+f))))/(1-(x*(y+(z-1)))) and show each step."),
    (
        "a table",
        "| day | open | close |\n|-----|------|-------|\n| Mon | 9 | 17 |\n| Tue | 9 | 17 |\n| Wed | 10 | 18 |\n| Thu | 9 | 20 |",
    ),
    (
        "features",
        "| plan | a | b | c |\n|---|---|---|---|\n| free | yes | no | no |\n| pro | yes | yes | no |\n| team | yes | yes | yes |",
    ),
    (
        "a rule",
        "Title\n=====================================================\ntext\n-----------------------------------------------------\nmore text",
    ),
    ("a progress bar", "Downloading ██████████████████████████████████████████████ 100%\nDone."),
    ("a hash", "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    ("DNA", "Find the open reading frame in ATGGCCATTGTAATGGGCCGCTGAAAGGGTGCCCGATAGCTAGCTTAGGCTAACCGGATCTTAGCAT"),
    (
        "a chess game",
        "1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. Ba4 Nf6 5. O-O Be7 6. Re1 b5 7. Bb3 d6 8. c3 O-O 9. h3 Nb8 10. d4 Nbd7",
    ),
    (
        "numbered list",
        "1. Wash the rice.\n2. Boil the water with salt.\n3. Add the rice and stir.\n4. Wait twelve minutes.\n5. Drain it.\n6. Serve it hot.\n7. Clean the pot.\n8. Rest.",
    ),
];

fn made() -> Vec<Case> {
    let words = [
        "red", "harbour", "letter", "quiet", "stone", "window", "seven", "market", "winter", "paper", "river", "copper",
    ];
    let word = |at: usize| words[(at * 7 + at / 5) % words.len()];
    [
        ("log", lines(400, |at| format!("2026-03-{:02}T12:{:02}:{:02}Z INFO worker heartbeat ok latency={}ms", at % 28 + 1, at / 60 % 60, at % 60, at * 37 % 91))),
        ("JSON log", lines(400, |at| format!("{{\"ts\":\"2026-03-01T12:{:02}:{:02}Z\",\"level\":\"info\",\"msg\":\"request handled\",\"path\":\"/api/users\",\"status\":200,\"ms\":{}}}", at / 60, at % 60, at * 37 % 91))),
        ("access log", lines(400, |at| format!("10.0.{}.{} - - [01/Mar/2026:12:{:02}:{:02} +0000] \"GET /index.html HTTP/1.1\" 200 {}", at % 9, at * 13 % 250, at / 60, at % 60, at * 31 % 5000))),
        ("CSV", lines(500, |at| format!("{at},{} {},{}.{:02},USD,true", word(at), word(at + 3), at * 13 % 900, at % 100))),
        ("CSV of numbers", lines(2_000, |at| format!("{},{},{},{}", at, at * 31 % 977, at * 17 % 613, at * 7 % 101))),
        ("CSV of currency", lines(1_000, |at| format!("2026-01-{:02},{}.50,USD", at % 28 + 1, at * 13 % 900))),
        ("CSV with gaps", lines(500, |at| format!("{at},NA,NA,{},NA", at * 13 % 100))),
        ("matrix of zeros", lines(60, |_| "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0".to_owned())),
        ("one-hot vectors", lines(100, |at| (0..20).map(|column| if at % 20 == column { "1" } else { "0" }).collect::<Vec<_>>().join(" "))),
        ("JSON rows", format!("[{}]", lines(300, |at| format!("{{\"id\":{at},\"name\":\"{} {}\",\"active\":true,\"manager\":null}},", word(at), word(at * 3 + 1))))),
        ("JSON of nulls", format!("{{{}}}", lines(100, |at| format!("\"field_{at}\": null,")))),
        ("base64 image", format!("data:image/png;base64,{}", random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 60_000, 7))),
        ("hex dump", lines(200, |at| format!("{:08x}: {}", at * 16, random(b"0123456789abcdef ", 40, at as u64)))),
        ("random words", random(b"abcdefghijklmnopqrstuvwxyz    ", 400_000, 3)),
        ("a Markdown table", lines(200, |at| format!("| {} | {} | yes | no | {} |", word(at), word(at + 1), at * 3))),
        ("bottles of beer", lines(99, |at| { let n = 99 - at; format!("{n} bottles of beer on the wall, {n} bottles of beer. Take one down and pass it around, {} bottles of beer on the wall.", n - 1) })),
        ("numbered chapters", lines(30, |at| format!("Chapter {at}"))),
        ("numbered requirements", lines(40, |at| format!("R{at}. The {} {} must hold the {} when the {} fails.", word(at), word(at * 5), word(at + 7), word(at * 11)))),
        ("a coloured log", lines(200, |at| format!("\x1b[3{}m{}\x1b[0m {} of {at} done", at % 8, word(at), word(at * 3)))),
        ("imports", lines(60, |at| format!("import {{ {}{at} }} from './{}/{}';", word(at), word(at + 1), word(at + 2)))),
        ("struct fields", lines(80, |at| format!("    pub {}_{at}: Option<String>,", word(at)))),
        ("SQL", lines(100, |at| format!("INSERT INTO users (id, name, city) VALUES ({at}, '{}', '{}');", word(at), word(at * 3)))),
        ("nested to twenty", "{\"a\":".repeat(20) + "1" + &"}".repeat(20)),
        ("a diff", lines(120, |at| format!("{} let {}_{at} = {};", if at % 2 == 0 { "+" } else { "-" }, word(at), at * 3))),
        ("a conversation", lines(100, |at| format!("User: what about the {} {} in room {}?\nAssistant: the {} is near the {}.", word(at), word(at * 5 + 2), at * 17 % 40, word(at + 9), word(at * 7 + 1)))),
        ("a document pasted twice", { let page = random(b"abcdefghijklmnopqrstuvwxyz    ", 20_000, 9); format!("{page}\n{page}") }),
        ("Khmer with zero-width spaces", "សួស្តី\u{200b}ខ្ញុំ\u{200b}ចង់\u{200b}សួរ\u{200b}អំពី\u{200b}បណ្ណាល័យ\u{200b}ថ្មី\u{200b}នៅ\u{200b}ក្នុង\u{200b}ទីក្រុង ".to_owned() + "តើ\u{200b}វា\u{200b}បើក\u{200b}ម៉ោង\u{200b}ប៉ុន្មាន\u{200b}ហើយ\u{200b}បិទ\u{200b}ម៉ោង\u{200b}ណា"),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), text))
    .collect()
}
