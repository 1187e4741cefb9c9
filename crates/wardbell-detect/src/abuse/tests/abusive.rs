//! Texts that must be found, with the kind that must be among theirs.

use super::{lines, random};
use wardbell_core::abuse::AbuseKind::{self, BotGenerated, Repetition, ResourceExhaustion};

pub(super) fn cases() -> Vec<(AbuseKind, &'static str, String)> {
    let mut all = repetition();
    all.extend(bot());
    all.extend(resource());
    all
}

fn repetition() -> Vec<(AbuseKind, &'static str, String)> {
    let phrase = "please answer me right now because I am waiting for it ";
    let passage = lines(60, |at| random(b"abcdefghijklmnop qrstuvwxyz", 90, at as u64));
    vec![
        (Repetition, "one letter", "a".repeat(500)),
        (Repetition, "one letter in a sentence", format!("say hi {} ok", "z".repeat(300))),
        (Repetition, "one word", "poem ".repeat(100)),
        (Repetition, "one word with commas", "buy, ".repeat(60)),
        (Repetition, "one word in both cases", "Buy bUY BUY ".repeat(40)),
        (Repetition, "two words", "buy now ".repeat(80)),
        (Repetition, "a short phrase", "send me money ".repeat(50)),
        (Repetition, "a sentence", phrase.repeat(30)),
        (Repetition, "a sentence on lines", format!("{phrase}\n").repeat(40)),
        (
            Repetition,
            "a sentence after an introduction",
            format!("Dear assistant, I have a question. {}", phrase.repeat(40)),
        ),
        (Repetition, "a paragraph", passage.repeat(12)),
        (Repetition, "a word without spaces", "spam".repeat(200)),
        (Repetition, "three letters without spaces", "abc".repeat(400)),
        (Repetition, "a question mark", "?".repeat(2_000)),
        (Repetition, "exclamations", "!?".repeat(1_500)),
        (Repetition, "dots", ".".repeat(3_000)),
        (Repetition, "an emoji", "😀".repeat(200)),
        (Repetition, "two emoji", "😀🔥".repeat(100)),
        (Repetition, "a Chinese word", "哈".repeat(300)),
        (Repetition, "a Chinese phrase", "请回答我的问题".repeat(40)),
        (Repetition, "a Thai word", "สวัสดี".repeat(60)),
        (Repetition, "a Russian phrase", "ответь мне сейчас ".repeat(50)),
        (Repetition, "an Arabic word", "مرحبا ".repeat(80)),
        (Repetition, "a word hidden by zero-width characters", "po\u{200b}em po\u{200d}em ".repeat(60)),
        (Repetition, "a word with changing punctuation", "poem, poem! poem; poem? ".repeat(30)),
        (Repetition, "a word with numbers between", lines(120, |at| format!("poem poem poem {at}"))),
        (Repetition, "spaces", format!("hi{}there", " ".repeat(50_000))),
        (Repetition, "line ends", "\n".repeat(20_000)),
        (Repetition, "a JSON array of one string", format!("[{}]", "\"please answer\",".repeat(100))),
        (Repetition, "full-width letters", "ａ".repeat(300)),
    ]
}

fn bot() -> Vec<(AbuseKind, &'static str, String)> {
    [
        (
            "double braces",
            "Dear {{first_name}}, thank you for choosing {{company}}. Your order {{order_id}} has shipped.",
        ),
        ("spaced braces", "Hello {{ name }}, your invoice {{ invoice }} over {{ amount }} is due on {{ date }}."),
        ("indexed braces", "Hi {0}, welcome to {1}! Your account {2} is ready."),
        ("named braces", "Write a review for {product_name} sold by {seller_name} in {city_name}."),
        ("square brackets", "Write an essay about [INSERT TOPIC] for [YOUR CLASS] in the style of [INSERT AUTHOR]."),
        (
            "square brackets in lower case",
            "My name is [your name] and I apply for [insert position] at [insert company].",
        ),
        ("percent s", "Write a product description for %s by %s in the category %s."),
        ("percent d", "User %d asked for %d items of %s."),
        ("named percent", "Dear %(name)s, your balance is %(balance)s as of %(date)s."),
        ("merge fields", "Hello *|FNAME|*, your plan *|PLAN|* ends on *|DATE|*."),
        ("angle fields", "Dear <<FirstName>>, we saw that <<Company>> is hiring for <<Role>>."),
        ("guillemet fields", "Sehr geehrte Frau «Nachname», Ihre Bestellung «Nummer» vom «Datum» ist da."),
        ("percent fields", "Dear %%FIRSTNAME%%, click %%LINK%% before %%DATE%%."),
        ("dollar fields", "Write a comment about ${topic} that mentions ${brand} and ends with ${hashtag}."),
        ("spun greeting", "{Hi|Hello|Hey} there, {I|we} {love|like|adore} your site."),
        ("spun review", "This {great|amazing|superb} product {changed|improved} my life."),
        ("a formula with an id", "As per your request id 000123"),
        ("a ticket", "Regarding your request 00045121: please advise."),
        ("an automated line", "This is an automated enquiry, ticket 000981. Respond."),
        ("blanks of two kinds", "Hi {{name}}, I am [YOUR NAME] from %s."),
    ]
    .into_iter()
    .map(|(name, text)| (BotGenerated, name, text.to_owned()))
    .chain([
        (BotGenerated, "counted lines", lines(20, |at| format!("Please check the status of order {}", 1000 + at))),
        (
            BotGenerated,
            "counted sentences",
            lines(20, |at| format!("As per your request id {at:06}.")).replace('\n', " "),
        ),
        (BotGenerated, "counted steps of five", lines(16, |at| format!("Tell me a joke about the number {}!", at * 5))),
        (BotGenerated, "counted questions", lines(30, |at| format!("What is the weather in zone {at} today"))),
        (BotGenerated, "counted users", lines(25, |at| format!("Hello I am user number {at} and need help"))),
    ])
    .collect()
}

fn resource() -> Vec<(AbuseKind, &'static str, String)> {
    [
        ("repeat", "Repeat this 10000 times"),
        ("repeat the word", "Repeat the word \"poem\" 5,000 times."),
        ("repeat with courtesy", "Hi! Please repeat the following 100k times: hello"),
        ("repeat forever", "Repeat the word company forever"),
        ("say", "Say hello one million times"),
        ("count to a million", "Count to a million"),
        ("count from one", "Count from 1 to 1000000 without skipping any"),
        ("count by words", "please count to ten thousand"),
        ("list numbers", "List all numbers from 1 to 500000"),
        ("list primes", "Print the first 100000 primes."),
        ("digits", "Write out 1000000 digits of pi"),
        ("words", "Write a story of 500,000 words."),
        ("lines", "Generate 50000 lines of random names"),
        ("never stop", "Write the letter A and never stop"),
        ("without stopping", "Keep writing without stopping"),
        ("until the limit", "Continue until you run out of tokens"),
        ("as many times", "Write 'test' as many times as you can"),
        ("infinite", "Print the alphabet an infinite number of times, infinite times"),
        ("second clause", "I like cats. Then repeat meow 20000 times"),
        ("pages", "Produce 5000 pages about nothing"),
    ]
    .into_iter()
    .map(|(name, text)| (ResourceExhaustion, name, text.to_owned()))
    .chain([
        (ResourceExhaustion, "nested arrays", "[".repeat(500) + &"]".repeat(500)),
        (ResourceExhaustion, "nested objects", "{\"a\":".repeat(200) + "1" + &"}".repeat(200)),
        (ResourceExhaustion, "nested and indented", lines(120, |at| format!("{}{{\"level{at}\":", " ".repeat(at)))),
        (ResourceExhaustion, "open parentheses", format!("what is {}1", "(".repeat(300))),
        (ResourceExhaustion, "zero-width flood", format!("hello{}", "\u{200b}".repeat(500))),
        (ResourceExhaustion, "zero-width between letters", "h\u{200b}i\u{200c}".repeat(100)),
        (ResourceExhaustion, "tags", format!("hi{}", "\u{e0041}".repeat(100))),
        (ResourceExhaustion, "stacked marks", format!("h{0}e{0}l{0}p{0}", "\u{336}\u{301}".repeat(12))),
        (ResourceExhaustion, "a list of numbers", lines(50_000, |at| (at * 7919 % 100_003).to_string())),
        (ResourceExhaustion, "eight megabytes", random(b"abcdefghijklmnopqrstuvwxyz     ", 8_000_000, 5)),
    ])
    .collect()
}
