//! Findings, and where they stand: in which text, at which characters, in which bytes of the body.

use std::ops::Range;

use wardbell_core::finding::{Finding, Located};
use wardbell_core::policy::Sensitivity;
use wardbell_llm::segment::Segment;

/// A finding and where it stands in the body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sighting {
    pub(crate) located: Located,
    /// The numbers of the texts that it was found in: its own, or those of a run that ends with its own.
    pub(crate) texts: Range<usize>,
    /// The bytes of the body that spell it.
    pub(crate) place: Range<usize>,
}

impl Sighting {
    /// The number of the text that it stands in.
    pub(crate) fn segment(&self) -> usize {
        self.located.segment
    }
}

/// Scans one segment.
pub(crate) fn sight(
    index: usize,
    segment: &Segment<'_>,
    scan: &impl Fn(&str) -> Vec<Finding>,
    sightings: &mut Vec<Sighting>,
) {
    place(index..index + 1, segment, scan(&segment.text), sightings);
}

/// Says where in the body findings of some texts stand, of which `segment` is the last.
pub(crate) fn place(texts: Range<usize>, segment: &Segment<'_>, findings: Vec<Finding>, sightings: &mut Vec<Sighting>) {
    let index = texts.end - 1;
    let mut characters = Characters::of(&segment.text);
    for finding in findings {
        let place = segment.to_body(finding.span.clone());
        let characters = characters.span(&finding.span);
        let located = Located { segment: index, origin: segment.origin, finding, characters };
        sightings.push(Sighting { located, texts: texts.clone(), place });
    }
}

/// What the model found where no rule did. Where one did, the rule's finding stays, which tells the place and the reason more
/// exactly, with the higher score.
pub(crate) fn beyond<'f>(model: Vec<Finding>, rules: impl Iterator<Item = &'f mut Finding>) -> Vec<Finding> {
    let mut rules: Vec<_> = rules.filter(|finding| finding.entity.is_injection()).collect();
    let mut news = model;
    news.retain(|new| {
        let mut known =
            rules.iter_mut().filter(|rule| rule.span.start < new.span.end && new.span.start < rule.span.end);
        let Some(first) = known.next() else { return true };
        first.score = first.score.max(new.score);
        false
    });
    news
}

pub(crate) fn is_injection(seen: &Sighting) -> bool {
    seen.located.finding.entity.is_injection()
}

/// Whether it is an injection that counts at the highest sensitivity.
pub(crate) fn counts(seen: &Sighting) -> bool {
    is_injection(seen) && seen.located.finding.score >= Sensitivity::High.threshold()
}

/// The injection with the highest score, the first of several, if it counts.
pub(crate) fn surest(sightings: &[Sighting]) -> Option<&Sighting> {
    let score = |seen: &Sighting| seen.located.finding.score;
    sightings
        .iter()
        .filter(|seen| counts(seen))
        .reduce(|best, seen| if score(seen) > score(best) { seen } else { best })
}

/// Tells spans of bytes as spans of Unicode scalar values. It counts each character once for spans that come in the order
/// of their starts, as findings do, so that many findings in a long text cost no more than the text.
pub(crate) struct Characters<'t> {
    text: &'t str,
    byte: usize,
    count: usize,
}

impl<'t> Characters<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        Self { text, byte: 0, count: 0 }
    }

    /// The span of characters of a span of bytes.
    pub(crate) fn span(&mut self, span: &Range<usize>) -> Range<usize> {
        if span.start < self.byte {
            (self.byte, self.count) = (0, 0);
        }
        let within = |range: Range<usize>| self.text.get(range).map_or(0, |text| text.chars().count());
        let start = self.count + within(self.byte..span.start);
        let end = start + within(span.clone());
        (self.byte, self.count) = (span.start, start);
        start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn characters_are_counted_once_however_many_findings_there_are() {
        let text = "é4111 ".repeat(200_000);
        let started = Instant::now();
        let mut characters = Characters::of(&text);
        for index in 0..200_000 {
            let at = index * 7 + 2;
            assert_eq!(characters.span(&(at..at + 4)), index * 6 + 1..index * 6 + 5);
        }
        // Counting from the start each time would take minutes.
        assert!(started.elapsed() < Duration::from_secs(10));
        assert_eq!(characters.span(&(2..6)), 1..5, "out of order is right, if not quick");
    }
}
